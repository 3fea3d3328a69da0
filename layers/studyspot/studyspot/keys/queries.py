"""Every statement on keys but the one that signs in."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from studyspot.keys.models import ApiKey
from studyspot.kit import clock
from studyspot.kit.db import Db
from studyspot.kit.pages import Paging

COLUMNS = """
    id, name, 'ssk_' || prefix AS prefix, scopes, addresses, owner_id, expires_at, previous_until, last_used_at,
    created_at"""


def live(db: Db, paging: Paging) -> list[ApiKey]:
    return db.all(
        ApiKey,
        f"""
        SELECT {COLUMNS} FROM api_keys
        WHERE revoked_at IS NULL AND (%(after)s::uuid IS NULL OR id > %(after)s) ORDER BY id LIMIT %(most)s""",
        after=paging.after,
        most=paging.fetch,
    )


def count(db: Db) -> int:
    found: int = db.value("SELECT count(*) FROM api_keys WHERE revoked_at IS NULL")
    return found


def locked(db: Db, key_id: UUID) -> ApiKey:
    """A key that was not revoked, or NotFound."""
    query = f"SELECT {COLUMNS} FROM api_keys WHERE id = %(id)s AND revoked_at IS NULL FOR UPDATE"
    return db.one(ApiKey, query, id=key_id)


def add(db: Db, key_id: UUID, **facts: Any) -> ApiKey:
    return db.one(
        ApiKey,
        f"""
        INSERT INTO api_keys (id, {", ".join(facts)}, created_at)
        VALUES (%(id)s, {", ".join(f"%({name})s" for name in facts)}, %(now)s) RETURNING {COLUMNS}""",
        id=key_id,
        now=clock.now(),
        **facts,
    )


def replace(db: Db, key_id: UUID, key_hash: str, until: datetime) -> ApiKey:
    """The key before the one before ends now."""
    return db.one(
        ApiKey,
        f"""
        UPDATE api_keys SET previous_hash = key_hash, previous_until = %(until)s, key_hash = %(hash)s
        WHERE id = %(id)s RETURNING {COLUMNS}""",
        id=key_id,
        hash=key_hash,
        until=until,
    )


def revoke(db: Db, key_id: UUID) -> None:
    db.run("UPDATE api_keys SET revoked_at = %(now)s WHERE id = %(id)s", id=key_id, now=clock.now())


def revoke_all_of(db: Db, owner_id: UUID) -> list[ApiKey]:
    return db.all(
        ApiKey,
        f"""
        UPDATE api_keys SET revoked_at = %(now)s WHERE owner_id = %(owner)s AND revoked_at IS NULL
        RETURNING {COLUMNS}""",
        owner=owner_id,
        now=clock.now(),
    )
