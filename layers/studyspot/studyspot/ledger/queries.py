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


def post_all(db: Db, kind: str, causes: list[tuple[UUID, list[Line], date]], description: str) -> int:
    """Many causes of one kind in one statement; how many of them are booked now."""
    lines = [(at, ids.uuid7(), *line) for at, (_, booked, _) in enumerate(causes) for line in booked]
    return int(
        db.value(
            """
            WITH cause AS (
                INSERT INTO ledger_transactions (id, kind, reference_id, description, created_at, booked_on)
                SELECT c.id, %(kind)s, c.reference_id, %(description)s, %(now)s, c.booked_on
                FROM unnest(%(ids)s::uuid[], %(references)s::uuid[], %(days)s::date[])
                    AS c (id, reference_id, booked_on)
                ON CONFLICT (tenant_id, kind, reference_id) DO NOTHING RETURNING id),
            booked AS (
                INSERT INTO ledger_entries (id, transaction_id, account, amount_paise, created_at)
                SELECT l.id, cause.id, l.account, l.paise, %(now)s
                FROM cause JOIN unnest(%(line_ids)s::uuid[], %(of)s::uuid[], %(accounts)s::text[], %(paise)s::bigint[])
                    AS l (id, cause_id, account, paise) ON l.cause_id = cause.id)
            SELECT count(*) FROM cause""",
            kind=kind,
            description=description,
            now=clock.now(),
            ids=(names := [ids.uuid7() for _ in causes]),
            references=[reference for reference, _, _ in causes],
            days=[day for _, _, day in causes],
            line_ids=[line[1] for line in lines],
            of=[names[line[0]] for line in lines],
            accounts=[line[2] for line in lines],
            paise=[line[3] for line in lines],
        )
    )


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
