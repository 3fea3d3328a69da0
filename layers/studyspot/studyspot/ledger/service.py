"""Booking money, and checking the books."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from studyspot.kit.db import Db
from studyspot.ledger import queries
from studyspot.ledger.models import Balance, Difference, Entry, Line


def post(
    db: Db,
    kind: str,
    reference_id: UUID,
    lines: list[Line],
    description: str,
    library: UUID | None = None,
    on: date | None = None,
) -> bool:
    """Book one cause once, inside the caller's transaction. False: it was booked before.

    Lines of zero are left out; the database checks the sum. Where it belongs, and on which day, are found by what it is
    about unless they are said. DayLocked where cash of a day that is closed would change.
    """
    return queries.post(db, kind, reference_id, [line for line in lines if line[1]], description, library, on)


def post_all(db: Db, kind: str, causes: list[tuple[UUID, list[Line], date]], description: str) -> int:
    """Book many causes of one kind, each once and on its day; a cause of which nothing is left is no posting."""
    told = [(reference, [line for line in lines if line[1]], on) for reference, lines, on in causes]
    return queries.post_all(db, kind, [cause for cause in told if cause[1]], description)


def reverse(db: Db, kind: str, reference_id: UUID, library: UUID | None, on: date, description: str) -> None:
    """The same entries the other way round, once, on the day of what they reverse: also where that day is closed."""
    booked = [entry for entry in queries.entries_of(db, [reference_id]) if entry.kind == kind]
    lines = [(entry.account, -entry.amount_paise) for entry in booked]
    reverses = booked[0].transaction_id
    queries.post(db, f"{kind}_reversal", reference_id, lines, description, library, on, reverses)


def undo(db: Db, kind: str, reference_id: UUID, description: str) -> None:
    """The same entries the other way round, where and on the day they were booked."""
    found = queries.booked(db, kind, reference_id)
    reverse(db, kind, reference_id, found.library_id, found.day, description)


def place_of(db: Db, kind: str, reference_id: UUID) -> UUID | None:
    """The library a cause was booked at; None = the organisation as a whole."""
    return queries.booked(db, kind, reference_id).library_id


def entries_of(db: Db, *references: UUID) -> list[Entry]:
    """What was booked for these causes."""
    return queries.entries_of(db, list(references))


def trial_balance(db: Db) -> list[Balance]:
    """Every account's balance, recomputed from the entries; they sum to zero."""
    return queries.balances(db)


def differences(db: Db) -> list[Difference]:
    """What is wrong with this tenant's books: nothing, or the database's check was circumvented."""
    return queries.unbalanced(db)
