"""Row 5: the same query with row security on and off."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
from studyspot.kit.pipeline import Statement

from bench.floor import SET_TENANT
from bench.measure import Finding, interleaved
from bench.place import Site
from bench.warm import Requests

ROUNDS, CALLS = 60, 30


def rows(site: Site) -> Iterator[Finding]:
    """Off: who bypasses row security asks, so the predicate the policy adds is written out."""
    asked = Requests(site)
    asked.bare.close()
    on = _connection(site, "app")
    off = _connection(site, "admin")
    try:
        text, params = asked.read_sql, asked.read_params
        (name,) = [name for name, value in params.items() if value in site.students]
        alias = "s." if " s WHERE" in text or " s\n" in text else ""
        written_out = text.replace("WHERE ", f"WHERE {alias}tenant_id = app_tenant() AND ", 1)

        def ask(conn: psycopg.Connection, statement: str) -> None:
            row = conn.execute(statement, params | {name: site.student()}).fetchall()
            assert len(row) == 1

        found = interleaved({"on": lambda: ask(on, text), "off": lambda: ask(off, written_out)}, ROUNDS, CALLS)
    finally:
        on.close()
        off.close()
    told = f"p50 {found['on']:.0f} us over {found['off']:.0f} us"
    yield Finding(
        "5", f"{site.isolation}: one student, row security on over off", found["on"] / found["off"], 1.1, told=told
    )


def _connection(site: Site, role: str) -> psycopg.Connection:
    """With the tenant set for the session, so that only the query itself is timed."""
    conn = psycopg.connect(site.dsn(role), autocommit=True, prepare_threshold=None)
    setting: Statement = (SET_TENANT.replace("true", "false"), {"tenant": str(site.tenant.id)})
    conn.execute(*setting)
    return conn
