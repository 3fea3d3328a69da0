"""Which bookings a library takes: pure judgements over facts already read."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from studyspot.bookings.models import Attempt, Booking, Circumstances, Hours, Policy, Terms, Use
from studyspot.bookings.models.refusals import (
    BookingPaused,
    BookingQuotaExceeded,
    CancelTooLate,
    DurationInvalid,
    DurationTooShort,
    InPast,
    LocationFull,
    NotAllowedHere,
    OffGrid,
    OutsideHours,
    SeatTaken,
    TooFarAhead,
    TooManyConcurrent,
    TooManyUpcoming,
    TooShortNotice,
    WeekdayClosed,
)
from studyspot.kit.errors import NotFound, Problem, RuleViolated
from studyspot.memberships import pricing
from studyspot.memberships.models import MembershipRequired, PlanArchived, PlanNotOffered

BARRED = ("suspended", "blacklisted", "archived", "inactive")
"""Students in these states book nothing."""
CLOCK_SKEW = timedelta(minutes=1)
"""A start this far back is still "now": the client's clock and the way here."""
WAIVABLE = (
    DurationTooShort, DurationInvalid, OffGrid, TooShortNotice, TooFarAhead, OutsideHours, WeekdayClosed,
    TooManyUpcoming, BookingQuotaExceeded, BookingPaused, CancelTooLate,
)  # fmt: skip
"""The library's own rules: staff may book against them, with a reason. Seats, people and time are not its own."""

AHEAD = (OffGrid, TooShortNotice)
"""Rules of who books ahead; nobody who stands at the desk can keep them."""


def of_order(start: datetime, end: datetime) -> RuleViolated | None:
    """A time has to be one before anything can be asked about it."""
    return DurationInvalid("endAt must be after startAt") if end <= start else None


def against(found: Attempt, start: datetime, end: datetime, now: datetime) -> Iterator[Problem]:
    """Every rule that stands against a booking, the weightiest first."""
    yield from of_time(start, end, found.policy, now, ZoneInfo(found.timezone))
    yield from of_circumstances(found)
    if found.paused_until:
        yield BookingPaused(until=found.paused_until.isoformat(), pauseId=found.pause_id)
    yield from of_quotas(found, found.policy, start, end)
    if refusal := of_outcome(found):
        yield refusal


def of_time(start: datetime, end: datetime, policy: Policy, now: datetime, zone: ZoneInfo) -> Iterator[Problem]:
    """The rules that the time itself breaks, whatever the library."""
    yield from of_length(start, end, policy)
    if policy.slot_minutes and any(off_grid(moment, policy.slot_minutes, zone) for moment in (start, end)):
        yield OffGrid(f"bookings begin and end every {policy.slot_minutes} minutes")
    if start < now - CLOCK_SKEW:
        yield InPast()
    elif policy.lead_minutes and start < now + timedelta(minutes=policy.lead_minutes):
        yield TooShortNotice(f"bookings are made {policy.lead_minutes} minutes before they begin")
    if start > now + timedelta(days=policy.max_days_ahead):
        yield TooFarAhead(f"bookings reach {policy.max_days_ahead} days ahead")


def of_length(start: datetime, end: datetime, policy: Policy) -> Iterator[Problem]:
    """Neither too short nor too long."""
    minutes = (end - start) / timedelta(minutes=1)
    if minutes < policy.min_minutes:
        yield DurationTooShort(f"at least {policy.min_minutes} minutes can be booked")
    if minutes > policy.max_minutes:
        yield DurationInvalid(f"at most {policy.max_minutes} minutes can be booked")


def off_grid(moment: datetime, minutes: int, zone: ZoneInfo) -> bool:
    """Not on a multiple of so many minutes after midnight."""
    here = moment.astimezone(zone)
    return bool((here.hour * 60 + here.minute) % minutes or here.second or here.microsecond)


def of_circumstances(found: Circumstances) -> Iterator[Problem]:
    """The rules of the library, plan or student that stand against it."""
    if found.plan_status != "active":
        yield PlanArchived()
    if not found.plan_here:
        yield PlanNotOffered()
    if found.library_status != "active" or found.student_status in BARRED:
        yield NotAllowedHere()
    if closed := of_hours(found):
        yield closed
    if found.plan_kind != "hourly" and not found.member:
        yield MembershipRequired()


def of_quotas(use: Use, policy: Policy, start: datetime, end: datetime) -> Iterator[Problem]:
    """What one student may have ahead, and in a day, week and month."""
    if policy.max_open is not None and use.ahead is not None and use.ahead >= policy.max_open:
        yield TooManyUpcoming(f"{policy.max_open} bookings ahead are allowed")
    minutes = int((end - start) / timedelta(minutes=1))
    for period, most, used in (
        ("day", policy.max_day_minutes, use.day_minutes),
        ("week", policy.max_week_minutes, use.week_minutes),
        ("month", policy.max_month_minutes, use.month_minutes),
    ):
        if most is not None and used is not None and used + minutes > most:
            told = f"{most} minutes a {period} are allowed, {used} are used"
            yield BookingQuotaExceeded(told, period=period, allowedMinutes=most, usedMinutes=used)


def of_outcome(found: Attempt) -> Problem | None:
    """What became of the try for a seat, unless it was won."""
    match found.outcome:
        case "no_such_seat":
            raise NotFound
        case "seat_taken":
            return SeatTaken(alternatives=found.alternatives)
        case "location_full":
            return LocationFull()
        case "too_many_concurrent":
            return TooManyConcurrent()
    return None


def of_cancelling(booking: Booking, now: datetime) -> Problem | None:
    """Is it still early enough, by the policy kept with the booking?"""
    latest = booking.start_at - timedelta(minutes=booking.policy.cancel_before_minutes)
    return CancelTooLate() if now >= latest else None


def of_hours(hours: Hours) -> Problem | None:
    """All of the time must lie in opening hours; hours that touch without a gap count as one."""
    if hours.open_throughout:
        return None
    return OutsideHours() if hours.open_that_day else WeekdayClosed()


def price(terms: Terms, start: datetime, end: datetime) -> int:
    """Paise for that time: by the minute on hourly plans, half-up per line; nothing under a membership."""
    if terms.plan_kind != "hourly":
        return 0
    listed = pricing.by_the_hour(terms.price_paise, start, end)
    return listed if terms.tax_included else listed + pricing.half_up(listed * terms.gst_rate, 100)
