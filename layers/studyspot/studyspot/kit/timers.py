"""Waiting: a machine never sleeps, it leaves a row; the minute schedule starts the next execution when it is due."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from studyspot.kit import cells, clock, connections, ids, outbox
from studyspot.kit.db import Db
from studyspot.kit.gate import Moved

SET = """
    INSERT INTO timers (id, due_at, machine, subject, period, resume, input)
    VALUES (%(id)s, %(due_at)s, %(machine)s, %(subject)s, %(period)s, %(resume)s, %(input)s::jsonb)
    ON CONFLICT (tenant_id, machine, subject, period, resume) DO NOTHING"""
CANCEL = "DELETE FROM timers WHERE machine = %(machine)s AND subject = %(subject)s AND fired_at IS NULL"
DUE = """
    SELECT tenant_id, id, machine, subject, period, resume, input FROM timers
    WHERE fired_at IS NULL AND due_at <= %(now)s ORDER BY due_at LIMIT 500"""
NEXT = "SELECT min(due_at) AS due_at FROM timers WHERE fired_at IS NULL"
FIRE = "UPDATE timers SET fired_at = %(now)s WHERE id = %(id)s AND fired_at IS NULL"


def wait(db: Db, due_at: datetime, machine: str, subject: UUID, resume: str, period: str = "", **facts: Any) -> None:
    """Once for (machine, subject, period, resume): a step that runs again changes nothing."""
    row = {"machine": machine, "subject": subject, "resume": resume, "period": period}
    db.later(SET, id=ids.uuid7(), due_at=due_at, input=json.dumps(facts, default=str), **row)


def cancel(db: Db, machine: str, subject: UUID) -> None:
    """What was waited for has come."""
    db.later(CANCEL, machine=machine, subject=subject)


def fire_due(at_once: dict[str, Callable[[Db, UUID, dict[str, Any]], None]] | None = None) -> int:
    """Start the machine of every due timer, or do small work `at_once`, one transaction each (worker role)."""
    fired = 0
    for place in cells.places():
        for row in cells.across(place, DUE, now=clock.now()):
            db = Db(connections.to(place), row["tenant_id"])
            try:
                won = _fire(db, row, at_once or {})
            except Moved:
                continue  # it fires where the tenant is, as soon as it may write
            outbox.hand_on(db)
            fired += won
    return fired


def _fire(db: Db, row: dict[str, Any], at_once: dict[str, Callable[[Db, UUID, dict[str, Any]], None]]) -> int:
    with db.transaction():
        won = db.run(FIRE, id=row["id"], now=clock.now())
        work = at_once.get(row["machine"])
        if won and work:
            work(db, row["subject"], row["input"])
        elif won:
            known = {"period": row["period"], **row["input"]}
            outbox.start(db, row["machine"], row["subject"], row["resume"], **known)
    db.finish()
    return won


def next_due() -> datetime | None:
    """When the next timer of any tenant is due."""
    dues = [row["due_at"] for place in cells.places() for row in cells.across(place, NEXT) if row["due_at"]]
    return min(dues, default=None)
