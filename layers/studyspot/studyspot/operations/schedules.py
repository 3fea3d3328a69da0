"""The schedules: how they ran, when they run next, and running one now."""

from __future__ import annotations

import json
from datetime import datetime

from studyspot.kit import aws, clock, log, settings, timetable
from studyspot.kit.db import Db
from studyspot.kit.errors import NotFound, Unavailable
from studyspot.kit.schedules import SCHEDULES, Schedule, day
from studyspot.operations import queries
from studyspot.operations.models import LastRun, RunAsked, ScheduleView


class NotStarted(Unavailable):
    """The schedule could not be started; repeat the request in a moment."""


def seen(core: Db) -> list[ScheduleView]:
    runs = queries.last_runs(core)
    return [_seen(schedule, runs.get(schedule.name)) for schedule in SCHEDULES.values()]


def run_now(core: Db, name: str) -> RunAsked:
    """Once a day, a frequent one once a minute; whoever asks again hears that it was done."""
    if name not in SCHEDULES:
        raise NotFound
    schedule, now = SCHEDULES[name], clock.now()
    period = day(now)
    with core.transaction():
        mine = queries.ask(core, name, period, _beginning(schedule, now))
    core.commit()
    if mine:
        _start(core, name, period, now)
    return RunAsked(name=name, period=period, started=mine)


def _start(core: Db, name: str, period: str, now: datetime) -> None:
    """As the scheduler does it: by an event that nobody waits for."""
    functions = dict(pair.split("=", 1) for pair in settings.get().schedule_functions.split(",") if pair)
    event = json.dumps({"time": now.isoformat()}).encode()
    try:
        aws.client("lambda").invoke(FunctionName=functions[name], InvocationType="Event", Payload=event)
    except Exception as outage:  # whatever it was, the next one who asks may try
        log.error("schedule_not_started", job=name, error=repr(outage))
        queries.not_started(core, name, period)
        core.commit()
        raise NotStarted from outage


def _beginning(schedule: Schedule, now: datetime) -> datetime:
    """When the period began in which it runs once."""
    if schedule.frequent:
        return now.replace(second=0, microsecond=0)
    return now.astimezone(clock.INDIA).replace(hour=0, minute=0, second=0, microsecond=0)


def _seen(schedule: Schedule, run: LastRun | None) -> ScheduleView:
    now = clock.now()
    late = round((run.ran_at - run.due_at).total_seconds(), 1) if run and run.due_at else None
    return ScheduleView(
        name=schedule.name,
        expression=schedule.expression,
        timezone=schedule.timezone,
        last_due_at=run.due_at if run else None,
        last_run_at=run.ran_at if run else None,
        last_finished_at=run.finished_at if run else None,
        last_failure=run.failure if run else None,
        drift_seconds=late,
        runs_today=run.runs if run and run.period == day(now) else 0,
        next_run_at=timetable.next_due(schedule, now),
    )
