"""Statements on expenses, the drawer and closed days."""

from __future__ import annotations

import json
from datetime import date
from typing import Any
from uuid import UUID

from studyspot.kit import clock, ids
from studyspot.kit.db import Db
from studyspot.kit.pages import Paging
from studyspot.revenue.models import CloseRequest, DayClose, Drawer, Expense, ExpenseRow

ROW = ", ".join(ExpenseRow.model_fields)
CLOSE = ", ".join(DayClose.model_fields)
EDITABLE = ("library_id", "category", "description", "payee", "bill_number", "bill_file_id", "amount_paise",
            "gst_paise", "paid_from", "spent_on", "posting_id")  # fmt: skip
LIST = f"""
    SELECT {", ".join(Expense.model_fields)} FROM expenses
    WHERE (%(library)s::uuid IS NULL OR library_id = %(library)s)
      AND (%(category)s::text IS NULL OR category = %(category)s)
      AND (%(status)s::text IS NULL OR status = %(status)s)
      AND (%(from)s::date IS NULL OR spent_on >= %(from)s) AND (%(to)s::date IS NULL OR spent_on < %(to)s)
      AND (%(after)s::uuid IS NULL OR id < %(after)s::uuid) ORDER BY id DESC LIMIT %(fetch)s"""
# What was counted last, and every coin that moved since.
DRAWER = """
    WITH last AS (SELECT day, counted_paise FROM day_closes WHERE library_id = %(library)s AND day < %(day)s
                  ORDER BY day DESC LIMIT 1),
    cash AS (
        SELECT e.amount_paise FROM ledger_entries e JOIN ledger_transactions t ON t.id = e.transaction_id
        WHERE e.account LIKE 'asset.cash%%' AND t.library_id = %(library)s AND t.day <= %(day)s
          AND t.day > coalesce((SELECT day FROM last), '-infinity'::date)),
    sums AS (
        SELECT coalesce((SELECT counted_paise FROM last), 0) AS opening_paise,
               coalesce(sum(amount_paise) FILTER (WHERE amount_paise > 0), 0)::bigint AS cash_in_paise,
               coalesce(-sum(amount_paise) FILTER (WHERE amount_paise < 0), 0)::bigint AS cash_out_paise FROM cash)
    SELECT *, opening_paise + cash_in_paise - cash_out_paise AS expected_paise FROM sums"""


def add(db: Db, **facts: Any) -> ExpenseRow:
    columns, values = ", ".join(facts), ", ".join(f"%({name})s" for name in facts)
    query = f"""
        INSERT INTO expenses (id, {columns}, created_by, created_at, updated_at)
        VALUES (%(id)s, {values}, %(by)s, %(now)s, %(now)s) RETURNING {ROW}"""
    by = db.actor.id if db.actor else None
    return db.one(ExpenseRow, query, id=ids.uuid7(), by=by, now=clock.now(), **facts)


def expense(db: Db, expense_id: UUID, lock: str = "") -> ExpenseRow:
    return db.one(ExpenseRow, f"SELECT {ROW} FROM expenses WHERE id = %(id)s {lock}", id=expense_id)


def change(db: Db, expense_id: UUID, **facts: Any) -> ExpenseRow:
    changes = ", ".join(f"{name} = %({name})s" for name in facts if name in EDITABLE)
    query = f"UPDATE expenses SET {changes}, updated_at = %(now)s WHERE id = %(id)s RETURNING {ROW}"
    return db.one(ExpenseRow, query, id=expense_id, now=clock.now(), **facts)


def void(db: Db, expense_id: UUID) -> None:
    query = "UPDATE expenses SET status = 'void', updated_at = %(now)s WHERE id = %(id)s"
    db.run(query, id=expense_id, now=clock.now())


def expenses(db: Db, paging: Paging, **wanted: Any) -> list[Expense]:
    """Newest first."""
    return db.all(Expense, LIST, after=paging.after, fetch=paging.fetch, **wanted)


def hold_day(db: Db, library: UUID) -> None:
    """Nobody else closes this drawer, and whoever is booking cash has committed."""
    db.run("SELECT pg_advisory_xact_lock(day_lock(%(library)s))", library=library)


def last_closed(db: Db, library: UUID) -> date | None:
    found: date | None = db.value("SELECT max(day) FROM day_closes WHERE library_id = %(library)s", library=library)
    return found


def drawer(db: Db, library: UUID, day: date) -> Drawer:
    """What should be in it at the end of a day."""
    return db.one(Drawer, DRAWER, library=library, day=day)


def close(db: Db, asked: CloseRequest, should: Drawer, totals: dict[str, Any]) -> DayClose:
    return db.one(
        DayClose,
        f"""
        INSERT INTO day_closes (id, library_id, day, opening_paise, cash_in_paise, cash_out_paise, expected_paise,
                                counted_paise, denominations, note, totals, closed_by, closed_at)
        VALUES (%(id)s, %(library)s, %(day)s, %(opening_paise)s, %(cash_in_paise)s, %(cash_out_paise)s,
                %(expected_paise)s, %(counted)s, %(denominations)s::jsonb, %(note)s, %(totals)s::jsonb, %(by)s, %(now)s)
        RETURNING {CLOSE}""",
        id=ids.uuid7(),
        library=asked.library_id,
        day=asked.day,
        counted=asked.counted,
        denominations=json.dumps(asked.denominations) if asked.denominations else None,
        note=asked.note,
        totals=json.dumps(totals),
        by=db.actor.id if db.actor else None,
        now=clock.now(),
        **should.model_dump(),
    )


def closes(db: Db, paging: Paging, library: UUID | None) -> list[DayClose]:
    """Newest first."""
    query = f"""
        SELECT {CLOSE} FROM day_closes WHERE (%(library)s::uuid IS NULL OR library_id = %(library)s)
            AND (%(after)s::uuid IS NULL OR id < %(after)s::uuid) ORDER BY id DESC LIMIT %(fetch)s"""
    return db.all(DayClose, query, library=library, after=paging.after, fetch=paging.fetch)
