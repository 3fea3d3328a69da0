"""The stage's databases: roles, the empty core, and what waits in any of them to become due."""

import threading
from datetime import datetime

import psycopg
from studyspot.schema import migrate

from local.postgres import Postgres

CORE = "studyspot"
NEXT_DUE = """
    SELECT min(due) FROM (
        SELECT min(due_at) AS due FROM timers WHERE fired_at IS NULL
        UNION ALL
        SELECT min(created_at) FROM outbox WHERE done_at IS NULL AND sent_at IS NULL
    ) AS waiting"""


class Databases:
    """Looks across all tenants as the server's administrator; only the stage's clock does that."""

    def __init__(self, postgres: Postgres, passwords: dict[str, str]) -> None:
        self._postgres = postgres
        self._passwords = passwords
        self._open: dict[str, psycopg.Connection] = {}
        self._lock = threading.Lock()

    def prepare(self) -> None:
        """The roles and an empty core database; the migrator function of the product does the rest."""
        admin = self._postgres.dsn()
        migrate.create_roles(admin, self._passwords)
        migrate.create_database(admin, CORE, owner="migrator")
        with psycopg.connect(self._postgres.dsn(CORE), autocommit=True) as conn:
            # The server's port may differ from the last start's; the cells moved with it.
            if conn.execute("SELECT to_regclass('cells')").fetchone() != (None,):
                conn.execute("UPDATE cells SET port = %(port)s WHERE port <> %(port)s", {"port": self._postgres.port})

    def next_due(self) -> datetime | None:
        """When the next timer is due, or since when a command waits to be sent."""
        with self._lock:
            cells = self._query(CORE, "SELECT dbname FROM cells")
            dues = [row[0] for (dbname,) in cells for row in self._query(str(dbname), NEXT_DUE) if row[0]]
        return min(dues, default=None)

    def close(self) -> None:
        with self._lock:
            while self._open:
                self._open.popitem()[1].close()

    def _query(self, dbname: str, query: str) -> list[tuple[datetime, ...]]:
        try:
            return self._connection(dbname).execute(query.encode()).fetchall()
        except psycopg.OperationalError:
            if broken := self._open.pop(dbname, None):
                broken.close()
            return self._connection(dbname).execute(query.encode()).fetchall()

    def _connection(self, dbname: str) -> psycopg.Connection:
        if dbname not in self._open:
            made = psycopg.connect(self._postgres.dsn(dbname), autocommit=True, options="-c idle_session_timeout=0")
            self._open[dbname] = made
        return self._open[dbname]
