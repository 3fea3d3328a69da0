"""What waits in every cell's outbox, and the record of the schedules' runs."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from studyspot.kit import cells, clock
from studyspot.kit.db import Db
from studyspot.operations.models import Flag, LastRun

OPEN = """
    SELECT target, count(*) AS count, min(created_at) AS oldest FROM outbox
    WHERE kind = 'queue' AND done_at IS NULL GROUP BY target"""
FLAG = "name, percent, enabled_for, disabled_for, updated_at"
SET_FLAG = f"""
    INSERT INTO feature_flags AS f (name, percent, enabled_for, disabled_for, changed_by, created_at, updated_at)
    VALUES (%(name)s, coalesce(%(percent)s, 0), coalesce(%(enabled_for)s::uuid[], '{{}}'),
            coalesce(%(disabled_for)s::uuid[], '{{}}'), %(by)s, %(now)s, %(now)s)
    ON CONFLICT (name) DO UPDATE SET percent = coalesce(%(percent)s, f.percent),
        enabled_for = coalesce(%(enabled_for)s::uuid[], f.enabled_for),
        disabled_for = coalesce(%(disabled_for)s::uuid[], f.disabled_for), changed_by = EXCLUDED.changed_by,
        updated_at = EXCLUDED.updated_at
    RETURNING {FLAG}"""
LOST_AFTER = timedelta(minutes=10)
"""A run that was asked for and has not ended by then is taken for lost."""


def open_commands() -> dict[str, tuple[int, datetime]]:
    """By queue: how many commands have had no effect yet, and the oldest (worker role)."""
    found: dict[str, tuple[int, datetime]] = {}
    for place in cells.places():
        for row in cells.across(place, OPEN):
            count, oldest = found.get(row["target"], (0, row["oldest"]))
            found[row["target"]] = (count + row["count"], min(oldest, row["oldest"]))
    return found


def last_runs(core: Db) -> dict[str, LastRun]:
    rows = core.all(
        LastRun,
        """
        SELECT DISTINCT ON (job) job, period, ran_at, due_at, finished_at, failure, runs FROM schedule_runs
        WHERE runs > 0 ORDER BY job, ran_at DESC""",
    )
    return {row.job: row for row in rows}


def ask(core: Db, job: str, period: str, since: datetime) -> bool:
    """Whoever gets True starts it: it has not run well since then, and nobody else has asked for it just now."""
    now = clock.now()
    asked: Any = core.value(
        """
        INSERT INTO schedule_runs AS r (job, period, ran_at, asked_at, runs)
        VALUES (%(job)s, %(period)s, %(now)s, %(now)s, 0)
        ON CONFLICT (tenant_id, job, period) DO UPDATE SET asked_at = EXCLUDED.asked_at
            WHERE NOT (r.finished_at IS NOT NULL AND r.failure IS NULL AND r.due_at >= %(since)s)
              AND (r.asked_at IS NULL OR r.asked_at < %(since)s OR r.asked_at < %(lost)s
                   OR (r.failure IS NOT NULL AND r.finished_at >= r.asked_at))
        RETURNING 1""",
        job=job,
        period=period,
        now=now,
        since=since,
        lost=now - LOST_AFTER,
    )
    return bool(asked)


def not_started(core: Db, job: str, period: str) -> None:
    """It could not be started: whoever asks next may."""
    core.run(
        "UPDATE schedule_runs SET asked_at = NULL WHERE job = %(job)s AND period = %(period)s", job=job, period=period
    )


def flags(core: Db) -> list[Flag]:
    return core.all(Flag, f"SELECT {FLAG} FROM feature_flags ORDER BY name")


def flag(core: Db, name: str) -> Flag | None:
    """Held until the caller's transaction ends, if it is there."""
    return core.maybe(Flag, f"SELECT {FLAG} FROM feature_flags WHERE name = %(name)s FOR UPDATE", name=name)


def set_flag(core: Db, name: str, changes: dict[str, Any], by: UUID) -> Flag:
    """What is not among the changes stays, or is nothing in a new flag."""
    given = {"percent": None, "enabled_for": None, "disabled_for": None} | changes
    return core.one(Flag, SET_FLAG, name=name, by=by, now=clock.now(), **given)


def unknown_tenants(core: Db, named: list[UUID]) -> list[UUID]:
    """Those of them that the directory does not have."""
    rows = core.dicts(
        "SELECT n.id FROM unnest(%(ids)s::uuid[]) AS n (id) LEFT JOIN tenants t USING (id) WHERE t.id IS NULL",
        ids=named,
    )
    return [row["id"] for row in rows]
