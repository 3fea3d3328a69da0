"""What fires by the clock, and the record of every run: when it was due, when it ran, whether it went well.

The record is the platform's (tenant zero), one row a schedule and day. It never stands in the way of the work.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import wraps
from typing import Any

import psycopg

from studyspot.kit import cells, clock, connections, log, timetable
from studyspot.kit.errors import Unavailable

Handler = Callable[[dict[str, Any], Any], dict[str, Any]]


@dataclass(frozen=True)
class Schedule:
    """A folder of functions/schedules, and when the template fires it."""

    name: str
    expression: str
    timezone: str = "UTC"

    @property
    def frequent(self) -> bool:
        """Every hour or oftener."""
        return timetable.frequent(self)


SCHEDULES = {
    schedule.name: schedule
    for schedule in (
        Schedule("minute", "rate(1 minute)"),
        Schedule("daily", "cron(10 0 * * ? *)", "Asia/Kolkata"),
        Schedule("anchor", "cron(0 2 * * ? *)", "Asia/Kolkata"),
        Schedule("retention", "cron(0 3 * * ? *)", "Asia/Kolkata"),
    )
}

BEGUN = """
    INSERT INTO schedule_runs AS r (job, period, ran_at, due_at) VALUES (%(job)s, %(period)s, %(now)s, %(due)s)
    ON CONFLICT (tenant_id, job, period) DO UPDATE
        SET ran_at = EXCLUDED.ran_at, due_at = EXCLUDED.due_at, runs = r.runs + 1, finished_at = NULL, failure = NULL
        WHERE %(again)s OR r.due_at IS DISTINCT FROM EXCLUDED.due_at OR r.finished_at IS NULL OR r.failure IS NOT NULL
    RETURNING 1"""
ENDED = """
    UPDATE schedule_runs SET finished_at = %(now)s, failure = %(failure)s WHERE job = %(job)s AND period = %(period)s"""


def day(moment: datetime) -> str:
    """The period of a run: its day in India."""
    return moment.astimezone(clock.INDIA).date().isoformat()


def recorded(name: str) -> Callable[[Handler], Handler]:
    """Wraps a schedule's handler. A rare one that ran well and is triggered again for the same time does nothing."""
    schedule = SCHEDULES[name]

    def wrap(work: Handler) -> Handler:
        @wraps(work)
        def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
            connections.settle()
            due = _due(event)
            if not _begin(schedule, due):
                log.info("double_trigger", job=name, due=due)
                return {"doubleTrigger": True}
            try:
                answer = work(event, context)
            except Exception as error:
                _end(name, due, f"{type(error).__name__}: {error}"[:1000])
                raise
            _end(name, due, None)
            return answer

        return handler

    return wrap


class JobsFailed(Exception):
    """Some jobs of a run failed; the next run, or running it again, does them."""


def each_of(schedule: str, jobs: Mapping[str, Callable[[], int]]) -> dict[str, int]:
    """Every job in turn, a failing one stops no other; answers how many things each did, or raises JobsFailed."""
    done: dict[str, int] = {}
    failed: dict[str, str] = {}
    for name, job in jobs.items():
        connections.settle()
        try:
            done[name] = job()
        except Exception as error:  # noqa: BLE001 - the others must run; the failure is raised below
            log.error("job_failed", job=name, error=repr(error))
            failed[name] = repr(error)
    log.info(schedule, **done)
    if failed:
        raise JobsFailed(", ".join(f"{name}: {why}" for name, why in failed.items()))
    return done


def _due(event: dict[str, Any]) -> datetime:
    """`time` is the scheduler's; without it somebody runs it now."""
    told = event.get("time")
    return datetime.fromisoformat(told).astimezone(UTC) if told else clock.now()


def _begin(schedule: Schedule, due: datetime) -> bool:
    try:
        with cells.core_db() as core:
            run = {"job": schedule.name, "period": day(due), "due": due, "again": schedule.frequent}
            return bool(core.value(BEGUN, **run, now=clock.now()))
    except (psycopg.Error, Unavailable) as error:
        log.error("run_not_recorded", job=schedule.name, error=repr(error))
        connections.settle()
        return True


def _end(name: str, due: datetime, failure: str | None) -> None:
    try:
        connections.settle()
        with cells.core_db() as core:
            core.run(ENDED, job=name, period=day(due), failure=failure, now=clock.now())
    except (psycopg.Error, Unavailable) as error:
        log.error("run_not_recorded", job=name, error=repr(error))
        connections.settle()
