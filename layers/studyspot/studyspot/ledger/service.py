"""Booking money, and checking the books."""

from __future__ import annotations

from uuid import UUID

from studyspot.kit.db import Db
from studyspot.ledger import queries
from studyspot.ledger.models import Balance, Difference, Entry, Line


def post(db: Db, kind: str, reference_id: UUID, lines: list[Line], description: str) -> bool:
    """Book one cause once, inside the caller's transaction. False: it was booked before.

    Lines of zero are left out. The database checks the sum when the transaction commits.
    """
    return queries.post(db, kind, reference_id, [line for line in lines if line[1]], description)


def entries_of(db: Db, *references: UUID) -> list[Entry]:
    """What was booked for these causes."""
    return queries.entries_of(db, list(references))


def trial_balance(db: Db) -> list[Balance]:
    """Every account's balance, recomputed from the entries; they sum to zero."""
    return queries.balances(db)


def differences(db: Db) -> list[Difference]:
    """What is wrong with this tenant's books: nothing, or the database's check was circumvented."""
    return queries.unbalanced(db)
