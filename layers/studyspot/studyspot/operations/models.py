"""Queues and schedules as the operator sees them."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from studyspot.kit.errors import Unavailable
from studyspot.kit.models import Change, Model, Timestamp


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


Organisations = Annotated[list[UUID], Field(max_length=1000)]


class Flag(Model):
    """A feature that some organisations have before others: those named, and so many of a hundred of the rest."""

    name: str
    percent: int
    enabled_for: list[UUID]
    disabled_for: list[UUID]
    updated_at: Timestamp


class FlagChange(Change):
    """The fields that are sent are set. An organisation's place among the hundred stays the same."""

    percent: Annotated[int, Field(ge=0, le=100, strict=True)] = 0
    enabled_for: Organisations = []
    disabled_for: Organisations = []
