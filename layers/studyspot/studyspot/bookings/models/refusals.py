"""What can stand against a booking: one code a rule."""

from __future__ import annotations

from studyspot.kit.errors import Conflict, Gone, PaymentRequired, RuleViolated


class SeatTaken(Conflict):
    """This seat is already booked for part of that time."""

    code = "seat_taken"
    fix = "Book one of `alternatives`, or leave `seatId` out for any free seat."


class LocationFull(Conflict):
    """No seat of this library is free for all of that time."""

    code = "location_full"


class TooManyConcurrent(Conflict):
    """The student already has a seat for part of that time."""

    code = "too_many_concurrent"


class DurationTooShort(RuleViolated):
    """The time is shorter than a booking may be."""

    code = "duration_too_short"


class DurationInvalid(RuleViolated):
    """The time is longer than a booking may be, or ends before it begins."""

    code = "duration_invalid"


class TooManyUpcoming(RuleViolated):
    """The student has as many bookings ahead as are allowed."""

    code = "too_many_upcoming"


class BookingQuotaExceeded(RuleViolated):
    """The student has booked as many hours of that day, week or month as are allowed."""

    code = "booking_quota_exceeded"


class TooFarAhead(RuleViolated):
    """Bookings do not reach that far ahead."""

    code = "too_far_ahead"


class InPast(RuleViolated):
    """That time has passed."""

    code = "in_past"


class OutsideHours(RuleViolated):
    """The library is not open for all of that time."""

    code = "outside_hours"


class WeekdayClosed(RuleViolated):
    """The library is closed on that day."""

    code = "weekday_closed"


class NotAllowedHere(RuleViolated):
    """This student or library takes no bookings now."""

    code = "not_allowed_here"


class CancelTooLate(RuleViolated):
    """It is too late to cancel this booking."""

    code = "cancel_too_late"


class PriceDiffers(RuleViolated):
    """A confirmed booking moves only to a time of the same price."""

    code = "price_differs"
    fix = "Cancel it and book anew."


class HoldExpired(Gone):
    """The hold on this seat has expired."""

    code = "hold_expired"


class NotPaid(PaymentRequired):
    """This booking has to be paid for first."""

    code = "payment_required"


class TooShortNotice(RuleViolated):
    """Bookings are made longer before they begin."""

    code = "too_short_notice"


class OffGrid(RuleViolated):
    """Bookings begin and end at certain minutes only."""

    code = "off_grid"


class BookingPaused(RuleViolated):
    """After too many no-shows this student books nothing for a while."""

    code = "booking_paused"
    fix = "Wait until `until`, or appeal: POST /bookings/pauses/{pauseId}/appeal."


class ApprovalPending(Conflict):
    """The staff have not decided about this booking yet."""

    code = "approval_pending"
