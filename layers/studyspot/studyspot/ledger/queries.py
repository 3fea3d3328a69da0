"""SQL of the ledger: one statement posts a whole transaction."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from studyspot.kit import clock, ids
from studyspot.kit.db import Db
from studyspot.kit.models import Model
from studyspot.ledger.models import Balance, Difference, Entry, Line


def post(
    db: Db,
    kind: str,
    reference_id: UUID,
    lines: list[Line],
    description: str,
    library: UUID | None = None,
    on: date | None = None,
    reverses: UUID | None = None,
) -> bool:
    """True when this cause is booked now, False when it was before."""
    booked: int = db.value(
        "SELECT ledger_post(%(id)s, %(kind)s, %(reference_id)s, %(description)s, %(ids)s::uuid[], %(accounts)s::text[],"
        " %(paise)s::bigint[], %(now)s, %(library)s::uuid, %(on)s::date, %(reverses)s::uuid)",
        id=ids.uuid7(),
        kind=kind,
        reference_id=reference_id,
        description=description,
        ids=[ids.uuid7() for _ in lines],
        accounts=[account for account, _ in lines],
        paise=[paise for _, paise in lines],
        now=clock.now(),
        library=library,
        on=on,
        reverses=reverses,
    )
    return booked > 0


class Booked(Model):
    """A cause as it was booked: where, and on which day."""

    id: UUID
    library_id: UUID | None
    day: date


def booked(db: Db, kind: str, reference_id: UUID) -> Booked:
    query = "SELECT id, library_id, day FROM ledger_transactions WHERE kind = %(kind)s AND reference_id = %(reference)s"
    return db.one(Booked, query, kind=kind, reference=reference_id)


def entries_of(db: Db, references: list[UUID]) -> list[Entry]:
    """What was booked for these causes, in order."""
    return db.all(
        Entry,
        """
        SELECT e.transaction_id, t.kind, t.reference_id, e.account, e.amount_paise, e.created_at
        FROM ledger_transactions t JOIN ledger_entries e ON (e.tenant_id, e.transaction_id) = (t.tenant_id, t.id)
        WHERE t.reference_id = ANY(%(references)s) ORDER BY t.id, e.id""",
        references=references,
    )


def balances(db: Db) -> list[Balance]:
    """Every account that was ever used."""
    return db.all(
        Balance,
        "SELECT account, sum(amount_paise)::bigint AS balance_paise FROM ledger_entries"
        " GROUP BY account ORDER BY account",
    )


def unbalanced(db: Db) -> list[Difference]:
    """Transactions with fewer than two lines or a sum that is not zero."""
    return db.all(
        Difference,
        """
        SELECT t.id AS transaction_id, count(e.id) AS lines, coalesce(sum(e.amount_paise), 0)::bigint AS sum_paise
        FROM ledger_transactions t
        LEFT JOIN ledger_entries e ON (e.tenant_id, e.transaction_id) = (t.tenant_id, t.id)
        GROUP BY t.id HAVING count(e.id) < 2 OR coalesce(sum(e.amount_paise), 0) <> 0""",
    )
