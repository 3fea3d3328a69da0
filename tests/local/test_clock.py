"""The product's clock: forward only, every due time in order, an outage caught up."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from studyspot.kit.timetable import frequent, last_due, next_due

from local.clock import BackInTime, Clock, ClockFile, Fired, duration
from local.template import Schedule

MINUTE = Schedule("minute", "Minute", "rate(1 minute)", "UTC")
NIGHTLY = Schedule("daily", "Daily", "cron(10 0 * * ? *)", "Asia/Kolkata")
MONTHLY = Schedule("monthly", "Monthly", "cron(0 6 1 * ? *)", "Asia/Kolkata")
WEEKDAYS = Schedule("weekdays", "Weekdays", "cron(0/20 9-10 ? * MON-FRI *)", "UTC")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("schedule", "after", "due"),
    [
        (MINUTE, "2026-11-21T10:00:00", "2026-11-21T10:01:00"),
        (MINUTE, "2026-11-21T10:00:59.9", "2026-11-21T10:01:00"),
        (NIGHTLY, "2026-11-21T18:39:59", "2026-11-21T18:40:00"),
        (NIGHTLY, "2026-11-21T18:40:00", "2026-11-22T18:40:00"),
        (MONTHLY, "2026-11-21T00:00:00", "2026-12-01T00:30:00"),
        (WEEKDAYS, "2026-11-20T10:39:00", "2026-11-20T10:40:00"),
        (WEEKDAYS, "2026-11-20T10:40:00", "2026-11-23T09:00:00"),
    ],
)
def test_when_a_schedule_is_due(schedule: Schedule, after: str, due: str) -> None:
    assert next_due(schedule, at(after)) == at(due)


def test_the_last_due_time_of_a_span() -> None:
    assert last_due(NIGHTLY, at("2026-11-21"), at("2026-11-24")) == at("2026-11-23T18:40:00")
    assert last_due(NIGHTLY, at("2026-11-21"), at("2026-11-21T01:00:00")) is None
    assert last_due(MINUTE, at("2026-11-21"), at("2026-11-21T01:00:30")) == at("2026-11-21T01:00:00")


def test_minutes_are_frequent_and_nights_are_not() -> None:
    assert [frequent(schedule) for schedule in (MINUTE, NIGHTLY, MONTHLY)] == [True, False, False]


@pytest.mark.parametrize(
    ("text", "delta"), [("P7D", timedelta(7)), ("PT90M", timedelta(0, 5400)), ("P1W", timedelta(7))]
)
def test_durations(text: str, delta: timedelta) -> None:
    assert duration(text) == delta


@pytest.mark.parametrize("text", ["", "P", "7D", "-P1D", "PT"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="duration"):
        duration(text)


class Life:
    """A clock whose product only remembers what fired, and has something to do at given times."""

    def __init__(self, path: Path, *schedules: Schedule, due: list[datetime] | None = None) -> None:
        self.file = ClockFile(path / "clock")
        self.calls: list[tuple[str, datetime, datetime]] = []
        self.due = due or []
        self.schedules = schedules

    async def fire(self, schedule: Schedule, due: datetime) -> bool:
        self.calls.append((schedule.name, due, self.file.now()))
        if schedule is MINUTE:
            self.due = [moment for moment in self.due if moment > self.file.now()]
        return True

    async def settle(self) -> None:
        return None

    async def next_due(self) -> datetime | None:
        return min(self.due, default=None)

    def live(self, act: Callable[[Clock], Awaitable[Any]]) -> Any:
        async def whole() -> Any:
            return await act(Clock(self.file, self.schedules, self.fire, self.settle, self.next_due))

        return asyncio.run(whole())


def test_a_week_fires_each_night_once_and_the_minute_hourly(tmp_path: Path) -> None:
    life = Life(tmp_path, MINUTE, NIGHTLY)
    start = life.file.now()
    target = start + timedelta(days=7)
    fired: list[Fired] = life.live(lambda clock: clock.advance_to(target))
    nights = [one.at for one in fired if one.schedule == "daily"]
    assert len(nights) == 7
    assert all(b - a == timedelta(days=1) for a, b in pairwise(nights))
    assert 7 * 24 <= sum(one.schedule == "minute" for one in fired) <= 7 * 24 + 2
    assert [one.at for one in fired] == sorted(one.at for one in fired)
    assert all(timedelta(0) <= seen - due < timedelta(minutes=1) for _, due, seen in life.calls)
    assert target <= life.file.now() < target + timedelta(seconds=30)


def test_what_is_due_between_two_hours_is_not_late(tmp_path: Path) -> None:
    life = Life(tmp_path, MINUTE)
    due = life.file.now() + timedelta(hours=1, minutes=20, seconds=30)
    life.due = [due]
    fired: list[Fired] = life.live(lambda clock: clock.advance_to(due + timedelta(hours=2)))
    assert next_due(MINUTE, due) in [one.at for one in fired]


def test_a_short_step_still_runs_the_minute_once(tmp_path: Path) -> None:
    life = Life(tmp_path, MINUTE)
    target = life.file.now() + timedelta(minutes=2)
    fired = life.live(lambda clock: clock.advance_to(target))
    assert [one.at for one in fired][-1] == last_due(MINUTE, target - timedelta(minutes=2), target)


def test_an_outage_fires_nothing_in_between(tmp_path: Path) -> None:
    life = Life(tmp_path, MINUTE, NIGHTLY)
    target = life.file.now() + timedelta(days=7)
    fired = life.live(lambda clock: clock.advance_to(target, skip=True))
    assert sorted(one.schedule for one in fired) == ["daily", "minute"]
    assert all(seen >= target for _, _, seen in life.calls)


def test_time_never_goes_back(tmp_path: Path) -> None:
    life = Life(tmp_path, MINUTE)
    with pytest.raises(BackInTime):
        life.live(lambda clock: clock.advance_to(datetime.now(UTC) - timedelta(seconds=5)))
    ahead = life.file.now() + timedelta(days=1)
    life.file.move_to(ahead)
    life.file.move_to(ahead - timedelta(hours=3))
    assert life.file.now() >= ahead


def test_the_minute_fires_by_itself_when_time_passes(tmp_path: Path) -> None:
    life = Life(tmp_path, MINUTE)

    async def a_moment(clock: Clock) -> None:
        life.file.move_to(life.file.now() + timedelta(minutes=1))
        keeping = asyncio.create_task(clock.keep_time())
        await asyncio.sleep(0.2)
        keeping.cancel()

    life.live(a_moment)
    assert [name for name, _, _ in life.calls] == ["minute"]
