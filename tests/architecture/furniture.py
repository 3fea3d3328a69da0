"""One row of any table for any tenant, made from what the catalogue says a row must have."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.rows import dict_row
from studyspot.kit import cells, clock, ids

from tests.world import World

COLUMNS = """
    SELECT a.attname AS name, t.typname AS type, a.attnotnull AS needed, a.atthasdef AS filled
    FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
    WHERE a.attrelid = %s::regclass AND a.attnum > 0 AND NOT a.attisdropped AND a.attname <> 'tenant_id'"""
WORDS = """
    SELECT (SELECT attname FROM pg_attribute a WHERE a.attrelid = k.conrelid AND a.attnum = k.conkey[1]) AS name,
           (regexp_match(pg_get_constraintdef(k.oid), '''([^'']+)'''))[1] AS word
    FROM pg_constraint k
    WHERE k.conrelid = %s::regclass AND k.contype = 'c' AND array_length(k.conkey, 1) = 1
      AND pg_get_constraintdef(k.oid) ~ '= ANY'"""
REFERENCES = """
    SELECT k.confrelid::regclass::text AS referred,
           (SELECT array_agg(a.attname ORDER BY o.n) FROM unnest(k.conkey) WITH ORDINALITY o(num, n)
            JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = o.num) AS from_columns,
           (SELECT array_agg(a.attname ORDER BY o.n) FROM unnest(k.confkey) WITH ORDINALITY o(num, n)
            JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = o.num) AS to_columns
    FROM pg_constraint k WHERE k.conrelid = %s::regclass AND k.contype = 'f'"""
WISHES: dict[str, dict[str, Any]] = {
    "students": {"phone": "+919800000000", "status": "active"},
    "libraries": {"operating_days": [1, 2, 3, 4, 5, 6, 7], "status": "active"},
    "library_hours": {"day": 1, "opens": 360, "closes": 1380},
    "jobs": {"kind": "student_import"},
    "seat_maps": {"layout": '{"width": 9, "height": 9}'},
    "membership_dues": {"lines": "[]"},
    "users": {"role": "library_staff"},
    "invitations": {"user_type": "library_staff"},
    "invoices": {"number": "A/25-26/1", "total_paise": 4},
    "day_closes": {"expected_paise": 1},
    "expenses": {"gst_paise": 0},
    "credit_notes": {"number": "C/25-26/1", "total_paise": 4},
    "credit_note_items": {"total_paise": 4},
    "receipts": {"number": "R/25-26/1", "amount_paise": 2},
    "refunds": {"gateway": "razorpay"},
    "payment_claims": {"rrn": "412345678901"},
    "bank_lines": {"rrn": "412345678901"},
    "payment_links": {"code": "abcdefgh23", "purpose": "booking"},
    "payment_resolutions": {"outcome": "failed", "status": "proposed"},
    "webhook_endpoints": {"events": ["*"], "url": "https://example.org/hook"},
}
"""What a column's type does not tell."""
COMPANY = {"fee_plans": ["fee_plan_versions"]}
"""Rows without which a row is not what the product would have made."""

Row = dict[str, Any]
Connection = psycopg.Connection[Row]


class Furniture:
    """The rows of one tenant, made as they are asked for."""

    also: frozenset[str] = frozenset()
    """References that are filled though a row can do without."""
    company = COMPANY
    mark = ""
    """Stands behind every text that a row's column does not prescribe."""

    def __init__(self, world: World, tenant: UUID) -> None:
        place = cells.place_of(tenant)
        self.tenant = tenant
        self.dsn = world.postgres.dsn(place.dbname)
        self.rows: dict[str, Row] = {}

    def row(self, table: str) -> Row:
        """The tenant's row of that table, with whatever it refers to."""
        if table == "tenants":
            return {"id": self.tenant}
        if table not in self.rows:
            with psycopg.connect(self.dsn, autocommit=True, row_factory=dict_row) as conn:
                conn.execute("SELECT set_config('app.tenant', %s, false)", (str(self.tenant),))
                self.rows[table] = self._made(conn, table)
            for companion in self.company.get(table, ()):
                self.row(companion)
        return self.rows[table]

    def _made(self, conn: Connection, table: str) -> Row:
        if known := self._known(conn, table):
            return known
        columns, words = _shape(self.dsn, table)
        values = {c["name"]: _value(c, words, n) for n, c in enumerate(columns) if c["needed"] and not c["filled"]}
        values = {k: f"{v}{self.mark}" if str(v).startswith("canary") else v for k, v in values.items()}
        needed = set(values) | self.also.intersection(c["name"] for c in columns)
        for reference in conn.execute(REFERENCES, (table,)).fetchall():
            pairs = zip(reference["from_columns"], reference["to_columns"], strict=True)
            own = [(mine, theirs) for mine, theirs in pairs if mine != "tenant_id"]
            if reference["referred"] != table and any(mine in needed for mine, _ in own):
                referred = self.row(reference["referred"])
                values |= {mine: referred[theirs] for mine, theirs in own}
        if table in self.rows:  # it came as company of what it refers to
            return self.rows[table]
        values |= self._wishes(table)
        insert = sql.SQL("INSERT INTO {} ({}) VALUES ({}) RETURNING *").format(
            sql.Identifier(table),
            sql.SQL(", ").join(map(sql.Identifier, values)),
            sql.SQL(", ").join(sql.Placeholder() * len(values)),
        )
        made = conn.execute(insert, list(values.values())).fetchone()
        assert made is not None
        return made

    def _known(self, conn: Connection, table: str) -> Row | None:
        query = sql.SQL("SELECT * FROM {} WHERE tenant_id = %s LIMIT 1").format(sql.Identifier(table))
        return conn.execute(query, (self.tenant,)).fetchone()

    def _wishes(self, table: str) -> dict[str, Any]:
        if table == "mandates":  # a student's; without a membership it is what an organisation pays the platform by
            return {"kind": "upi", "membership_id": self.row("memberships")["id"]}
        return WISHES.get(table, {})


class LibraryFurniture(Furniture):
    """A library of its own in the tenant, and rows that are all of that library."""

    also = frozenset({"library_id", "student_id"})
    company = COMPANY | {"fee_plans": ["fee_plan_versions", "fee_plan_libraries"]}

    def __init__(self, world: World, tenant: UUID) -> None:
        super().__init__(world, tenant)
        self.number = f"{ids.uuid7().int % 10**9:09}"
        self.mark = f" {self.number}"

    def _known(self, conn: Connection, table: str) -> Row | None:
        return None

    def _wishes(self, table: str) -> dict[str, Any]:
        """Of no other library by accident, and nowhere in the way of another row."""
        of_library: dict[str, dict[str, Any]] = {
            "students": {"phone": f"+919{self.number}", "student_code": self.number},
            "libraries": {"code": f"L{self.number}"},
            "jobs": {"file_hash": self.number, "created_by": ids.uuid7()},
            "payment_claims": {"rrn": f"412{self.number}"},
            "bank_lines": {"rrn": f"412{self.number}"},
            "payment_links": {"code": f"a{self.number}"},
        }
        if table in ("payments", "users", "invitations", "communications"):
            of_library |= self._belongings(table)
        return super()._wishes(table) | of_library.get(table, {})

    def _belongings(self, table: str) -> dict[str, dict[str, Any]]:
        """What says by its values, not by a reference, whose it is."""
        if table == "payments":
            return {table: {"purpose": "booking", "purpose_id": self.row("bookings")["id"], "description": self.number}}
        if table == "communications":
            return {table: {"recipient_type": "student", "recipient_id": self.row("students")["id"]}}
        here = [self.row("libraries")["id"]]
        return {table: {"role": "library_staff", "email": f"{self.number}@example.org", "library_ids": here}}


@cache
def _shape(dsn: str, table: str) -> tuple[list[Row], dict[str, str]]:
    with psycopg.connect(dsn, row_factory=dict_row) as conn:
        columns = conn.execute(COLUMNS, (table,)).fetchall()
        words = {row["name"]: row["word"] for row in conn.execute(WORDS, (table,)).fetchall() if row["word"]}
    return columns, words


def _value(column: Row, words: dict[str, str], number: int) -> Any:
    """Later columns get later times, so that what ends follows what starts."""
    name, kind = column["name"], column["type"]
    moment = clock.now() + timedelta(days=number)
    plain: dict[str, Any] = {
        "uuid": ids.uuid7(),
        "timestamptz": moment,
        "date": moment.date(),
        "time": f"{number % 12 + 6:02}:00",
        "bool": True,
        "bytea": b"x",
        "int2": 1,
        "int4": 1,
        "int8": 1,
        "numeric": 1,
        "tstzrange": f"[{moment.isoformat()},{(moment + timedelta(hours=1)).isoformat()})",
    }
    if kind in plain:
        return plain[kind]
    if kind in ("json", "jsonb"):
        return "{}"
    if kind.startswith("_"):
        return []
    return words.get(name) or f"canary {name}"


def shown(value: Any) -> Any:
    """As it stands in a path."""
    return value.isoformat() if isinstance(value, date | datetime) else value
