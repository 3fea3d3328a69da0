"""What a booking is, what may be asked for, which events move it, and what can stand against it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Literal, NamedTuple, TypeVar
from uuid import UUID

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from studyspot.kit.models import Change, Model, Moment, Text, Timestamp

M = TypeVar("M", date, datetime)

Status = Literal[
    "held", "pending_payment", "confirmed", "checked_in", "completed", "expired", "cancelled", "no_show", "rejected"
]
Event = Literal[
    "await_payment", "approve", "pay", "confirm", "check_in", "check_out", "expire", "cancel", "no_show", "come_back",
    "reject",
]  # fmt: skip
DeskMethod = Literal["cash", "upi", "card"]
SeatKind = Literal["fixed", "flexi"]
LIVE: tuple[Status, ...] = ("held", "pending_payment", "confirmed", "checked_in")
"""States in which a booking holds its seat."""


def _of_our_days(value: M) -> M:
    if not 2000 <= value.year < 2100:
        raise ValueError("between the years 2000 and 2100")
    return value


Time = Annotated[Moment, AfterValidator(_of_our_days)]
"""A moment that can be reckoned with, in every time zone."""
Day = Annotated[date, AfterValidator(_of_our_days)]


class Transition(NamedTuple):
    """From which states an event leads where."""

    before: tuple[Status, ...]
    after: Status


TRANSITIONS: Mapping[Event, Transition] = {
    "await_payment": Transition(("held", "pending_payment"), "pending_payment"),
    "approve": Transition(("held",), "held"),
    "pay": Transition(("held", "pending_payment", "expired"), "confirmed"),
    "confirm": Transition(("held",), "confirmed"),
    "check_in": Transition(("confirmed",), "checked_in"),
    "check_out": Transition(("checked_in",), "completed"),
    "expire": Transition(("held", "pending_payment"), "expired"),
    "cancel": Transition(("held", "pending_payment", "confirmed"), "cancelled"),
    "no_show": Transition(("confirmed",), "no_show"),
    "come_back": Transition(("no_show",), "confirmed"),
    "reject": Transition(("held",), "rejected"),
}


class Policy(Model):
    """The rules of a booking, kept with it as they were when it was made. null = no such rule."""

    # What a later release keeps beside these is none of this one's business.
    model_config = ConfigDict(extra="ignore")

    min_minutes: int = 15
    max_minutes: int = 16 * 60
    max_days_ahead: int = 60
    hold_minutes: int = 10
    cancel_before_minutes: int = 0
    check_in_minutes_before: int = 15
    no_show_minutes: int = 30
    slot_minutes: int | None = None
    lead_minutes: int | None = None
    buffer_minutes: int | None = None
    max_open: int | None = None
    max_day_minutes: int | None = None
    max_week_minutes: int | None = None
    max_month_minutes: int | None = None
    approval_hours: int | None = None

    def written(self) -> str:
        """As the database keeps it: a rule nobody has set is not in it."""
        return self.model_dump_json(by_alias=False, exclude_none=True)

    @property
    def has_quota(self) -> bool:
        """Does it limit what a student has altogether?"""
        return any((self.max_open, self.max_day_minutes, self.max_week_minutes, self.max_month_minutes))


class Booking(Model):
    """A booking as it is."""

    id: UUID
    student_id: UUID
    library_id: UUID
    seat_id: UUID
    seat_code: str
    start_at: Timestamp
    end_at: Timestamp
    status: Status
    fee_plan_id: UUID
    amount_paise: int
    hold_expires_at: Timestamp | None
    payment_id: UUID | None
    policy: Policy
    reason: str | None
    no_show: bool | None = None
    """Whether nobody came; null where that was never to be seen, as for a cancelled one."""
    series_id: UUID | None = None
    approval: Literal["waiting", "given"] | None = None
    desk_method: DeskMethod | None = None
    """How it was paid over the counter."""
    waitlist_id: UUID | None = None
    """The place in the line whose offer it was."""
    created_at: Timestamp
    updated_at: Timestamp


class Moved(Booking):
    """A booking after an event."""

    waited_for: bool = Field(default=False, exclude=True)
    """Somebody waits for a seat there at that time."""


class SeatWish(Model):
    """A seat by its id, or any free one that has these attributes."""

    seat_id: UUID | None = None
    seat_kind: SeatKind | None = None
    attributes: Annotated[list[Annotated[str, Field(min_length=1, max_length=50)]], Field(max_length=20)] = []


class BookingRequest(SeatWish):
    """A seat (or any free one) for a time, under a fee plan; staff name the student."""

    library_id: UUID
    start_at: Time
    end_at: Time
    fee_plan_id: UUID
    student_id: UUID | None = None
    override_reason: Text | None = None
    """Staff only: book against the library's rules, for this reason. Nobody's seat is taken for it."""


class BookingChange(Change):
    """Another time, another seat, or both."""

    seat_id: UUID = UUID(int=0)
    start_at: Time = None  # type: ignore[assignment]  # absent is not null: only fields that were sent are read
    end_at: Time = None  # type: ignore[assignment]

    @model_validator(mode="after")
    def _something(self) -> BookingChange:
        if not self.model_fields_set:
            raise ValueError("name seatId, startAt or endAt")
        return self


class Extension(Model):
    """How long the seat is wanted in the end: later than now agreed, or earlier."""

    end_at: Time
    override_reason: Text | None = None


class Reason(Model):
    """Why, in a person's words."""

    reason: Text | None = None


class Rejection(Model):
    """Why, in a person's words."""

    reason: Text


class SeatOffer(Model):
    """A seat that is free for the same time."""

    seat_id: UUID
    code: str


class Refusal(Model):
    """A rule that stands against it."""

    code: str
    message: str


class Precheck(Model):
    """Whether a booking would be accepted, which rules stop it, and what it would cost."""

    accepted: bool
    refusals: list[Refusal] = []
    """Every rule that stands against it; `code` and `message` are the first."""
    code: str | None = None
    message: str | None = None
    amount_paise: int | None = None
    seat_id: UUID | None = None
    alternatives: list[SeatOffer] = []


class SeatAvailability(Model):
    """One seat at the time asked for."""

    seat_id: UUID
    code: str
    zone_id: UUID
    zone: str
    kind: str
    attributes: list[str]
    free: bool


class Availability(Model):
    """What is free in a library for a time."""

    library_id: UUID
    from_: Annotated[Timestamp, Field(alias="from")]
    to: Timestamp
    seats: list[SeatAvailability]
    free: int


class Hours(Model):
    """Whether a library is open for a booking, as `opening_windows` says."""

    open_throughout: bool
    open_that_day: bool
    """It opens on the day of the start, or the start lies in hours that began before."""


class Terms(Model):
    """A fee plan as one booking meets it."""

    plan_kind: str
    plan_status: str
    plan_here: bool
    price_paise: int
    tax_included: bool
    gst_rate: int


class Use(Model):
    """What a student has beside one booking; null where no rule asks."""

    ahead: int | None
    day_minutes: int | None
    week_minutes: int | None
    month_minutes: int | None


class Circumstances(Hours, Terms, Use):
    """What the rules judge: library, plan and student as they are at this moment."""

    library_status: str
    student_status: str
    member: bool
    timezone: str


class Attempt(Circumstances):
    """What the one statement that tries for a seat found."""

    outcome: Literal["held", "seat_taken", "location_full", "too_many_concurrent", "no_such_seat"]
    seat_id: UUID | None
    seat_code: str | None
    alternatives: list[SeatOffer] | None
    policy: Policy
    pause_id: UUID | None
    paused_until: datetime | None
