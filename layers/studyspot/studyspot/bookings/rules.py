"""Which bookings a library takes: pure judgements over facts already read."""

from __future__ import annotations

from datetime import datetime, timedelta

from studyspot.bookings.models import (
    Attempt,
    BookingQuotaExceeded,
    Circumstances,
    DurationInvalid,
    DurationTooShort,
    Hours,
    InPast,
    LocationFull,
    NotAllowedHere,
    OutsideHours,
    Policy,
    SeatTaken,
    Terms,
    TooFarAhead,
    TooManyConcurrent,
    WeekdayClosed,
)
from studyspot.kit.errors import NotFound, RuleViolated
from studyspot.memberships import pricing
from studyspot.memberships.models import MembershipRequired, PlanArchived, PlanNotOffered

BARRED = ("suspended", "blacklisted", "archived", "inactive")
"""Students in these states book nothing."""
CLOCK_SKEW = timedelta(minutes=1)
"""A start this far back is still "now": the client's clock and the way here."""


def of_order(start: datetime, end: datetime) -> RuleViolated | None:
    """A time has to be one before anything can be asked about it."""
    return DurationInvalid("endAt must be after startAt") if end <= start else None


def of_time(start: datetime, end: datetime, policy: Policy, now: datetime) -> RuleViolated | None:
    """The rule that the time itself breaks, whatever the library."""
    if reversed_ := of_order(start, end):
        return reversed_
    minutes = (end - start) / timedelta(minutes=1)
    if minutes < policy.min_minutes:
        return DurationTooShort(f"at least {policy.min_minutes} minutes can be booked")
    if minutes > policy.max_minutes:
        return DurationInvalid(f"at most {policy.max_minutes} minutes can be booked")
    if start < now - CLOCK_SKEW:
        return InPast()
    if start > now + timedelta(days=policy.max_days_ahead):
        return TooFarAhead(f"bookings reach {policy.max_days_ahead} days ahead")
    return None


def of_circumstances(found: Circumstances) -> None:
    """Raises the first rule of the library, plan or student that stands against it."""
    if found.plan_status != "active":
        raise PlanArchived
    if not found.plan_here:
        raise PlanNotOffered
    if found.library_status != "active" or found.student_status in BARRED:
        raise NotAllowedHere
    within_hours(found)
    if found.plan_kind != "hourly" and not found.member:
        raise MembershipRequired


def of_outcome(found: Attempt) -> None:
    """Raises what became of the try for a seat, unless it was won and the student may have one more."""
    if found.max_open is not None and (found.open_bookings or 0) >= found.max_open:
        raise BookingQuotaExceeded(f"{found.max_open} bookings ahead are allowed")
    match found.outcome:
        case "no_such_seat":
            raise NotFound
        case "seat_taken":
            raise SeatTaken(alternatives=found.alternatives)
        case "location_full":
            raise LocationFull
        case "too_many_concurrent":
            raise TooManyConcurrent


def price(terms: Terms, start: datetime, end: datetime) -> int:
    """Paise for that time: by the minute on hourly plans, half-up per line; nothing under a membership."""
    if terms.plan_kind != "hourly":
        return 0
    listed = pricing.by_the_hour(terms.price_paise, start, end)
    return listed if terms.tax_included else listed + pricing.half_up(listed * terms.gst_rate, 100)


def within_hours(hours: Hours) -> None:
    """All of the time must lie in opening hours; hours that touch without a gap count as one."""
    if not hours.open_throughout:
        raise OutsideHours if hours.open_that_day else WeekdayClosed
