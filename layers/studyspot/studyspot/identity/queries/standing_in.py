"""An owner's consents."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from studyspot.identity.models.standing_in import Consent
from studyspot.kit import clock, ids
from studyspot.kit.db import Db

GIVE = """
    INSERT INTO impersonation_consents (id, given_by, given_at, ends_at) VALUES (%(id)s, %(by)s, %(now)s, %(until)s)
    RETURNING id, given_by, given_at, ends_at"""
WITHDRAW = "UPDATE impersonation_consents SET withdrawn_at = %(now)s WHERE withdrawn_at IS NULL AND ends_at > %(now)s"
IN_FORCE = """
    SELECT id, given_by, given_at, ends_at FROM impersonation_consents
    WHERE withdrawn_at IS NULL AND ends_at > %(now)s ORDER BY ends_at DESC LIMIT 1"""


def give(db: Db, by: UUID, until: datetime) -> Consent:
    """From now on."""
    return db.one(Consent, GIVE, id=ids.uuid7(), by=by, until=until, now=clock.now())


def withdraw(db: Db) -> int:
    """All that are in force."""
    return db.run(WITHDRAW, now=clock.now())


def in_force(db: Db) -> Consent | None:
    """The one that lasts longest."""
    return db.maybe(Consent, IN_FORCE, now=clock.now())
