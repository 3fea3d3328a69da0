"""What the simulators remember: JSON documents in one SQLite file that survives kill -9."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (
    place INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL, id TEXT NOT NULL, parent TEXT NOT NULL, body TEXT NOT NULL, UNIQUE (kind, id));
CREATE INDEX IF NOT EXISTS documents_of_parent ON documents (kind, parent);
"""


class Store:
    """Documents by kind and id, each perhaps with a parent; one change at a time, from any thread."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        self._depth = 0
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        # written to the system at each commit: a killed process loses nothing, a power cut may
        self._db.executescript(f"PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF; {SCHEMA}")

    def close(self) -> None:
        with self._lock:
            self._db.close()

    @contextmanager
    def change(self) -> Iterator[None]:
        """All or nothing; may be nested."""
        with self._lock:
            if self._depth == 0:
                self._db.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield
            except BaseException:
                if self._depth == 1:
                    self._db.execute("ROLLBACK")
                raise
            else:
                if self._depth == 1:
                    self._db.execute("COMMIT")
            finally:
                self._depth -= 1

    def put(self, kind: str, key: str, body: Any, parent: str = "") -> None:
        """Add or replace; a replaced document keeps its place and its parent."""
        with self._lock:
            self._db.execute(
                "INSERT INTO documents (kind, id, parent, body) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (kind, id) DO UPDATE SET body = excluded.body",
                (kind, key, parent, json.dumps(body)),
            )

    def get(self, kind: str, key: str) -> dict[str, Any] | None:
        with self._lock:
            row = self._db.execute("SELECT body FROM documents WHERE kind = ? AND id = ?", (kind, key)).fetchone()
        return json.loads(row[0]) if row else None

    def of(self, kind: str, parent: str | None = None) -> list[dict[str, Any]]:
        """Oldest first, all or those of one parent."""
        with self._lock:
            rows = self._db.execute(
                "SELECT body FROM documents WHERE kind = ?1 AND (?2 IS NULL OR parent = ?2) ORDER BY place",
                (kind, parent),
            ).fetchall()
        return [json.loads(row[0]) for row in rows]

    def drop(self, kind: str, key: str | None = None) -> None:
        """Forget one document, or all of a kind."""
        with self._lock:
            self._db.execute("DELETE FROM documents WHERE kind = ?1 AND (?2 IS NULL OR id = ?2)", (kind, key))
