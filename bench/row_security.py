"""Row 5: the same query with row security on and off."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
from studyspot.kit.pipeline import Statement

from bench.floor import SET_TENANT
from bench.measure import Finding, Work, interleaved
from bench.place import Site
from bench.warm import Requests

ROUNDS, CALLS = 60, 30


def rows(site: Site) -> Iterator[Finding]:
    """Off: who bypasses row security asks, so the predicate the policy adds is written out."""
    asked = Requests(site)
    asked.bare.close()
    conn = _connection(site)
    try:
        text, params = asked.read_sql, asked.read_params
        (name,) = [name for name, value in params.items() if value in site.students]
        alias = "s." if " s WHERE" in text or " s\n" in text else ""
        written_out = text.replace("WHERE ", f"WHERE {alias}tenant_id = app_tenant() AND ", 1)

        def ask(statement: str) -> None:
            row = conn.execute(statement, params | {name: site.student()}).fetchall()
            assert len(row) == 1

        works = {
            "on": Work(lambda: ask(text), before=lambda: conn.execute("SET ROLE app")),
            "off": Work(lambda: ask(written_out), before=lambda: conn.execute("RESET ROLE")),
        }
        found = interleaved(works, ROUNDS, CALLS)
    finally:
        conn.close()
    told = f"p50 {found['on']:.0f} us over {found['off']:.0f} us"
    yield Finding(
        "5", f"{site.isolation}: one student, row security on over off", found["on"] / found["off"], 1.1, told=told
    )


def _connection(site: Site) -> psycopg.Connection:
    """One server process for both: two of them may sit on unequal processors. The tenant is set for the session."""
    conn = psycopg.connect(site.dsn("admin"), autocommit=True, prepare_threshold=None)
    setting: Statement = (SET_TENANT.replace("true", "false"), {"tenant": str(site.tenant.id)})
    conn.execute(*setting)
    return conn
