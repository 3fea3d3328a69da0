"""Every statement on files."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from studyspot.files.models import Stored
from studyspot.kit import clock
from studyspot.kit.db import Db
from studyspot.kit.pages import Paging

COLUMNS = """
    tenant_id, id, purpose, name, content_type, size_bytes, status, renditions, permission, owner_id, created_at"""


def add(db: Db, file_id: UUID, status: str, **facts: Any) -> None:
    """A new file; the same id again changes nothing."""
    now = clock.now()
    db.run(
        f"""
        INSERT INTO files (id, status, {", ".join(facts)}, created_at, ready_at)
        VALUES (%(id)s, %(status)s, {", ".join(f"%({name})s" for name in facts)}, %(now)s, %(ready_at)s)
        ON CONFLICT (tenant_id, id) DO NOTHING""",
        id=file_id,
        status=status,
        now=now,
        ready_at=now if status == "ready" else None,
        **facts,
    )


def read(db: Db, file_id: UUID) -> Stored:
    return db.one(Stored, f"SELECT {COLUMNS} FROM files WHERE id = %(id)s", id=file_id)


def maybe(db: Db, file_id: UUID) -> Stored | None:
    return db.maybe(Stored, f"SELECT {COLUMNS} FROM files WHERE id = %(id)s", id=file_id)


def ready(db: Db, file_ids: list[UUID]) -> list[Stored]:
    query = f"SELECT {COLUMNS} FROM files WHERE id = ANY (%(ids)s) AND status = 'ready'"
    return db.all(Stored, query, ids=file_ids)


def of_owner(db: Db, paging: Paging, owner_id: UUID, purposes: list[str]) -> list[Stored]:
    """Newest first, without what was refused."""
    return db.all(
        Stored,
        f"""
        SELECT {COLUMNS} FROM files
        WHERE owner_id = %(owner)s AND purpose = ANY (%(purposes)s) AND status <> 'rejected'
          AND (%(after)s::uuid IS NULL OR id < %(after)s::uuid)
        ORDER BY id DESC LIMIT %(fetch)s""",
        owner=owner_id,
        purposes=purposes,
        after=paging.after,
        fetch=paging.fetch,
    )


def take_check(db: Db, file_id: UUID, lasts: timedelta) -> bool:
    """Whoever gets True looks at the upload, alone until that time is over."""
    return bool(
        db.run(
            """
            UPDATE files SET checked_until = %(until)s
            WHERE id = %(id)s AND status = 'pending' AND (checked_until IS NULL OR checked_until < %(now)s)""",
            id=file_id,
            until=clock.now() + lasts,
            now=clock.now(),
        )
    )


def leave_check(db: Db, file_id: UUID) -> None:
    """Nothing has come yet: the next one may look at once."""
    db.run("UPDATE files SET checked_until = NULL WHERE id = %(id)s AND status = 'pending'", id=file_id)


def accept(db: Db, file_id: UUID, size: int) -> bool:
    """It is what it should be; False when another look was first, or the file is gone."""
    return bool(
        db.run(
            """
            UPDATE files SET status = 'ready', size_bytes = %(size)s, ready_at = %(now)s
            WHERE id = %(id)s AND status = 'pending'""",
            id=file_id,
            size=size,
            now=clock.now(),
        )
    )


def reject(db: Db, file_id: UUID) -> None:
    db.run("UPDATE files SET status = 'rejected' WHERE id = %(id)s AND status = 'pending'", id=file_id)


def drawn(db: Db, file_id: UUID, widths: list[int]) -> bool:
    """Its smaller pictures are stored; False when the file is gone."""
    return bool(db.run("UPDATE files SET renditions = %(widths)s WHERE id = %(id)s", id=file_id, widths=widths))


def remove(db: Db, file_id: UUID) -> None:
    db.run("DELETE FROM files WHERE id = %(id)s", id=file_id)


def remove_all(db: Db) -> int:
    return db.run("DELETE FROM files")
