"""The product's clock as the local stage turns it: forward only, and every schedule and timer on the way fires."""

import asyncio
import json
import re
import struct
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from studyspot.kit.timetable import frequent, last_due, next_due

from local.template import Schedule

HOUR = timedelta(hours=1)
DURATION = re.compile(r"P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")

Fire = Callable[[Schedule, datetime], Awaitable[bool]]
Settle = Callable[[], Awaitable[None]]
NextDue = Callable[[], Awaitable[datetime | None]]


class BackInTime(ValueError):
    """The clock only goes forward."""


@dataclass(frozen=True)
class Fired:
    """A schedule that ran for the moment it was due; `ok` when its function did not fail."""

    schedule: str
    at: datetime
    ok: bool


def duration(text: str) -> timedelta:
    """An ISO 8601 duration of weeks, days, hours, minutes and seconds."""
    found = DURATION.fullmatch(text)
    if not found or not any(found.groups()):
        raise ValueError(f"{text!r} is not a duration like P7D or PT15M")
    weeks, days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)


class ClockFile:
    """Eight bytes that every process of the product reads: microseconds ahead of the wall clock."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.exists():
            path.write_bytes(bytes(8))

    @property
    def offset(self) -> timedelta:
        (microseconds,) = struct.unpack("<q", self.path.read_bytes())
        return timedelta(microseconds=microseconds)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.offset

    def move_to(self, moment: datetime) -> None:
        """Jump to a later moment and tick on from there; a moment already past changes nothing."""
        ahead = moment - datetime.now(UTC)
        if ahead > self.offset:
            with self.path.open("r+b") as file:  # written in place: the product has the file mapped
                file.write(struct.pack("<q", ahead // timedelta(microseconds=1)))


class Clock:
    """Fires the template's schedules by the product's clock, in real time and while time is being turned."""

    def __init__(
        self, file: ClockFile, schedules: Sequence[Schedule], fire: Fire, settle: Settle, next_thing_due: NextDue
    ) -> None:
        self.file = file
        self.schedules = {schedule.name: schedule for schedule in schedules}
        self._fire_function = fire
        self._settle = settle
        self._next_thing_due = next_thing_due
        self._fired_until = {schedule.name: file.now() for schedule in schedules}
        self._turning = asyncio.Lock()

    async def keep_time(self) -> None:
        """Fire what falls due as time passes by itself; runs until cancelled."""
        while True:
            async with self._turning:
                for schedule in self.schedules.values():
                    now = self.file.now()
                    if due := last_due(schedule, self._fired_until[schedule.name], now):
                        await self._fire(schedule, due)
            await asyncio.sleep(0.5)

    async def run_now(self, name: str) -> Fired:
        """Fire one schedule at this moment; KeyError for an unknown name."""
        schedule = self.schedules[name]
        async with self._turning:
            return await self._fire(schedule, self.file.now())

    async def advance_to(self, target: datetime, skip: bool = False) -> list[Fired]:
        """Live through everything up to `target`, or (`skip`) through an outage that ends then."""
        async with self._turning:
            if target < self.file.now():
                raise BackInTime
            if skip:
                return await self._catch_up(target)
            return await self._live_through(target)

    async def _live_through(self, target: datetime) -> list[Fired]:
        fired: list[Fired] = []
        passed = self.file.now()
        while True:
            due, schedules = await self._next_stop(passed, target)
            if not schedules:
                break
            self.file.move_to(due)
            fired += [await self._fire(schedule, due) for schedule in schedules]
            passed = due
        self.file.move_to(target)
        await self._settle()
        return fired

    async def _next_stop(self, passed: datetime, target: datetime) -> tuple[datetime, list[Schedule]]:
        """The next moment up to `target` at which anything fires, and what fires then."""
        stops: dict[datetime, list[Schedule]] = {}
        for schedule in self.schedules.values():
            due = await self._stop_of(schedule, max(passed, self._fired_until[schedule.name]), target)
            if due and due <= target:
                stops.setdefault(due, []).append(schedule)
        if not stops:
            return target, []
        first = min(stops)
        # The oftener a schedule fires the earlier it goes: the relay runs before the nightly jobs of the same minute.
        return first, sorted(stops[first], key=lambda schedule: next_due(schedule, first))

    async def _stop_of(self, schedule: Schedule, after: datetime, target: datetime) -> datetime | None:
        """Rare schedules stop at every due time; frequent ones when something waits for them, hourly, at the end."""
        if not frequent(schedule):
            return next_due(schedule, after)
        hourly = _next_hour(after)
        stops = [hourly if hourly <= target else last_due(schedule, after, target)]
        waiting = await self._next_thing_due()
        # What already waited when the schedule last fired will not be helped by firing again a minute later.
        if waiting and waiting > self._fired_until[schedule.name]:
            stops.append(next_due(schedule, max(waiting - timedelta(microseconds=1), after)))
        return min((stop for stop in stops if stop), default=None)

    async def _catch_up(self, target: datetime) -> list[Fired]:
        """Nothing fired in between: each schedule that missed its time fires once, for the last time it missed."""
        self.file.move_to(target)
        missed = [
            (due, schedule)
            for schedule in self.schedules.values()
            if (due := last_due(schedule, self._fired_until[schedule.name], target))
        ]
        return [await self._fire(schedule, due) for due, schedule in sorted(missed, key=lambda pair: pair[0])]

    async def _fire(self, schedule: Schedule, due: datetime) -> Fired:
        self._fired_until[schedule.name] = max(due, self._fired_until[schedule.name])
        ok = await self._fire_function(schedule, due)
        await self._settle()
        return Fired(schedule.name, due, ok)


def _next_hour(after: datetime) -> datetime:
    return after.replace(minute=0, second=0, microsecond=0) + HOUR


def event(due: datetime) -> bytes:
    """What the scheduler hands to a function."""
    return json.dumps({"time": due.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}).encode()
