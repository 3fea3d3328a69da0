"""Queues and schedules as the operator sees them."""

from __future__ import annotations

from typing import Literal

from studyspot.kit.errors import Unavailable
from studyspot.kit.models import Model, Timestamp


class QueueUnreachable(Unavailable):
    """The queue service does not answer; repeat the request in a moment."""


class QueueView(Model):
    """A queue. `openCommands` and `oldestSeconds` count what was commanded and has had no effect yet, sent or not."""

    name: str
    status: Literal["connected", "unreachable", "not_configured"]
    waiting: int | None = None
    in_flight: int | None = None
    delayed: int | None = None
    dead_letters: int | None = None
    open_commands: int
    oldest_seconds: float | None


class Redriven(Model):
    """How many dead letters went back to their queue, and how many are left."""

    moved: int
    remaining: int


class ScheduleView(Model):
    """A schedule, its last run and the next one. `driftSeconds`: how late the last run began."""

    name: str
    expression: str
    timezone: str
    last_due_at: Timestamp | None
    last_run_at: Timestamp | None
    last_finished_at: Timestamp | None
    last_failure: str | None
    drift_seconds: float | None
    runs_today: int
    next_run_at: Timestamp


class RunAsked(Model):
    """`started` is false when it ran well in this period already, or is running."""

    name: str
    period: str
    started: bool


class LastRun(Model):
    """A row of `schedule_runs`."""

    job: str
    period: str
    ran_at: Timestamp
    due_at: Timestamp | None
    finished_at: Timestamp | None
    failure: str | None
    runs: int
