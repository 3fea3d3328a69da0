"""Libraries by their codes: where to look, as the core directory says, and whether it is there, as the cell says."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from studyspot.kit import clock
from studyspot.kit.db import Db
from studyspot.libraries.models import Library
from studyspot.libraries.queries import LIBRARY


def tell_directory(core: Db, tenant: UUID, codes: Collection[str]) -> None:
    """Where a library of that code may be found."""
    core.run(
        """INSERT INTO library_codes (code, tenant_id, created_at)
           SELECT DISTINCT lower(code), %(tenant)s, %(now)s FROM unnest(%(codes)s::text[]) AS given (code)
           ON CONFLICT DO NOTHING""",
        tenant=tenant,
        codes=list(codes),
        now=clock.now(),
    )


def tenants_with_code(core: Db, code: str) -> list[UUID]:
    """Where to look for a library of that code."""
    found = core.dicts(
        "SELECT tenant_id FROM library_codes WHERE code = %(code)s ORDER BY tenant_id LIMIT 10", code=code.lower()
    )
    return [row["tenant_id"] for row in found]


def with_code(db: Db, code: str) -> Library | None:
    """The library of that code that is not closed; codes are read aloud, so case does not count."""
    return db.maybe(
        Library,
        f"SELECT {LIBRARY} FROM libraries WHERE lower(code) = %(code)s AND status <> 'closed' ORDER BY id LIMIT 1",
        code=code.lower(),
    )


def untold(core: Db) -> list[UUID]:
    """Open organisations of which the directory knows no library."""
    found = core.dicts(
        """SELECT t.id FROM tenants t WHERE t.status IN ('active', 'past_due')
           AND NOT EXISTS (SELECT FROM library_codes c WHERE c.tenant_id = t.id) ORDER BY t.id"""
    )
    return [row["id"] for row in found]
