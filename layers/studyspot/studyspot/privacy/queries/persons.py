"""One person's rows in every table, found and emptied by what the data map says of each column."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from studyspot.kit import clock
from studyspot.kit.db import Db
from studyspot.privacy.datamap import Table

MASK, NUMBER = "erased", "1000000000"
"""What stands where a person stood; no Indian number begins with 1."""
SHAPES = """
    SELECT c.relname AS "table", a.attname AS "column", t.typname AS type, a.attnotnull AS needed
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_type t ON t.oid = a.atttypid
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relname = ANY (%(tables)s)"""
EMPTY = {"json": "'{}'", "jsonb": "'{}'", "_text": "'{}'", "_uuid": "'{}'", "bytea": "''", "text": f"'{MASK}'"}
ADDRESSES = {
    "student": "SELECT first_name, last_name, email, phone, alternate_phone FROM students WHERE id = %(id)s",
    "library_staff": "SELECT first_name, last_name, email, phone FROM users WHERE id = %(id)s",
}
# Money in the air, somebody sitting there, a membership not paid for: each is a reason to wait, by its name.
HOLDS = """
    SELECT array_remove(ARRAY[
        CASE WHEN EXISTS (SELECT FROM payments WHERE student_id = %(id)s
                          AND status IN ('created','pending','unknown','authorized')) THEN 'open_payment' END,
        CASE WHEN EXISTS (SELECT FROM refunds r JOIN payments p ON p.id = r.payment_id
                          WHERE p.student_id = %(id)s AND r.status = 'pending') THEN 'pending_refund' END,
        CASE WHEN EXISTS (SELECT FROM payments WHERE student_id = %(id)s
                          AND dispute IN ('open','under_review')) THEN 'open_dispute' END,
        CASE WHEN EXISTS (SELECT FROM memberships WHERE student_id = %(id)s AND status = 'pending_payment')
             THEN 'unpaid_membership' END,
        CASE WHEN EXISTS (SELECT FROM bookings WHERE student_id = %(id)s
                          AND status IN ('held','pending_payment','confirmed','checked_in') AND end_at > %(now)s)
             THEN 'live_booking' END,
        CASE WHEN EXISTS (SELECT FROM attendance WHERE student_id = %(id)s AND check_out_at IS NULL)
             THEN 'still_inside' END], NULL)"""
Shapes = Mapping[tuple[str, str], tuple[str, bool]]


def shapes(db: Db, tables: Iterable[Table]) -> Shapes:
    """Type of every column, and whether it needs a value. A table a cell does not have yet is left out."""
    rows = db.dicts(SHAPES, tables=[table.name for table in tables])
    return {(row["table"], row["column"]): (row["type"], row["needed"]) for row in rows}


def holds(db: Db, person: UUID) -> list[str]:
    """Why this person cannot be erased today."""
    found: list[str] = db.value(HOLDS, id=person, now=clock.now())
    return found


def known_by(db: Db, user_type: str, person: UUID) -> dict[str, Any]:
    """The names, numbers and addresses this person is known by here."""
    rows = db.dicts(ADDRESSES[user_type], id=person)
    return rows[0] if rows else {}


def _own(table: Table) -> str:
    """The person's rows: named by id, or by the row they belong to."""
    if table.via is None:
        return f"{table.person}::text = %(id)s"
    parent, column = table.via.split(".")
    return f"{table.person} IN (SELECT id FROM {parent} WHERE {column}::text = %(id)s)"


def rows(db: Db, table: Table, person: UUID) -> list[dict[str, Any]]:
    """What the table holds about the person, but for hashes and keys; in one column each, as JSON writes it."""
    shown = [*table.personal, *table.free, *table.kept, *table.plain]
    taken = [
        column for column in shown if column not in ("tenant_id", "body" if table.name == "webhook_events" else "")
    ]
    pairs = ", ".join(f"'{column}', {column}" for column in taken)
    query = f"SELECT jsonb_build_object({pairs}) AS row FROM {table.name} WHERE {_own(table)}"
    return [found["row"] for found in db.dicts(query, id=str(person))]


def remove(db: Db, table: Table, person: UUID) -> int:
    """Whole rows that are nobody's but the person's."""
    return db.run(f"DELETE FROM {table.name} WHERE {_own(table)}", id=str(person))


def empty(db: Db, table: Table, known: Shapes, person: UUID) -> int:
    """The row stays, what told of the person does not."""
    columns = [column for column in table.personal if (table.name, column) in known]
    changes = ", ".join(f"{column} = {_emptied(table, column, *known[table.name, column])}" for column in columns)
    return db.run(f"UPDATE {table.name} SET {changes} WHERE {_own(table)}", id=str(person))


def _emptied(table: Table, column: str, kind: str, needed: bool) -> str:
    if column in table.unique:
        return f"'{MASK}:' || {table.person}"
    return EMPTY[kind] if needed else "NULL"


def remove_valued(db: Db, table: Table, values: list[str]) -> int:
    """Rows that are an address of the person."""
    return db.run(f"DELETE FROM {table.name} WHERE {table.value} = ANY (%(values)s)", values=values)


def strike(db: Db, table: Table, column: str, kind: str, said: str, person: UUID | None = None) -> int:
    """One word struck out of one column of anybody's rows, or of the person's own: text by text, bytes as a whole."""
    own = f" AND {_own(table)}" if person and table.person else ""
    mask = NUMBER if said.isdigit() else MASK
    found = f"position(%(said)s in {column}::text) > 0"
    change = f"replace({column}::text, %(said)s, %(mask)s)::{kind}"
    if kind == "bytea":
        found, change = f"position(convert_to(%(said)s, 'UTF8') in {column}) > 0", "''"
    if table.erased == "whole":
        query = f"DELETE FROM {table.name} WHERE {found}{own}"
    else:
        query = f"UPDATE {table.name} SET {column} = {change} WHERE {found}{own}"
    return db.run(query, said=said, mask=mask, id=str(person))


def archive(db: Db, person: UUID) -> None:
    """Out of every list: a student is archived, staff removed."""
    now = clock.now()
    db.run("UPDATE students SET status = 'archived', updated_at = %(now)s WHERE id = %(id)s", id=person, now=now)
    db.run("UPDATE users SET status = 'removed', password_hash = NULL, updated_at = %(now)s WHERE id = %(id)s",
           id=person, now=now)  # fmt: skip
