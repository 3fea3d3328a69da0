"""The policies of an organisation with the product's defaults, its branding, and how both are changed."""

from __future__ import annotations

import re
from datetime import time
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer

from studyspot.kit.models import Change, Email, Model, Name, Paise, Phone, Text, Timestamp

Kind = Literal["policies", "branding", "invoicing"]
QUIET_FROM, QUIET_UNTIL = time(22), time(8)
"""The night in which no service message may leave (TRAI): an organisation may lengthen it, never shorten it."""


def _whole_minutes(value: time) -> time:
    if value.tzinfo or value.second or value.microsecond:
        raise ValueError("a time of day in hours and minutes, like 21:30")
    return value


Clock = Annotated[
    time, AfterValidator(_whole_minutes), PlainSerializer(lambda t: f"{t:%H:%M}", return_type=str, when_used="json")
]
Minutes = Annotated[int, Field(ge=0, le=1440)]


class Booking(Model):
    """What may be booked, and how long an unpaid seat is held."""

    min_minutes: Annotated[int, Field(ge=5, le=24 * 60)] = 15
    max_minutes: Annotated[int, Field(ge=15, le=7 * 24 * 60)] = 16 * 60
    max_days_ahead: Annotated[int, Field(ge=0, le=365)] = 60
    max_open: Annotated[int, Field(ge=1, le=1000)] | None = None
    """How many bookings that still lie ahead one student may have; null = any number."""
    hold_minutes: Annotated[int, Field(ge=2, le=60)] = 10
    cancel_before_minutes: Annotated[int, Field(ge=0, le=30 * 24 * 60)] = 0
    check_in_minutes_before: Minutes = 15
    no_show_minutes: Annotated[int, Field(ge=5, le=1440)] = 30
    """After the beginning: whoever has not come by then gives the seat back."""
    slot_minutes: Annotated[int, Field(ge=5, le=240)] | None = None
    """Bookings begin and end on multiples of this after midnight; null = at any minute."""
    lead_minutes: Annotated[int, Field(ge=1, le=7 * 24 * 60)] | None = None
    """How long before its beginning a booking has to be made; null = until it begins."""
    buffer_minutes: Annotated[int, Field(ge=1, le=240)] | None = None
    """After a booking its seat stays free for so long."""
    max_day_minutes: Annotated[int, Field(ge=15, le=24 * 60)] | None = None
    """What one student may have booked on one day, in all; null = any number."""
    max_week_minutes: Annotated[int, Field(ge=15, le=7 * 24 * 60)] | None = None
    max_month_minutes: Annotated[int, Field(ge=15, le=31 * 24 * 60)] | None = None
    approval_hours: Annotated[int, Field(ge=1, le=168)] | None = None
    """Staff decide about each booking of a student, for which its seat is held so long; null = nobody has to."""
    strikes: Annotated[int, Field(ge=1, le=100)] | None = 3
    """So many no-shows within `strikeDays` pause a student's bookings for `pauseDays`; null = never."""
    strike_days: Annotated[int, Field(ge=1, le=365)] = 30
    pause_days: Annotated[int, Field(ge=1, le=365)] = 7
    waitlist_order: Literal["fifo", "plan_tier", "fewest_hours"] = "fifo"
    """Who is offered a seat first: who waits longest, who pays most a day, or who sat least this week."""


class Fees(Model):
    """What a new fee plan says where its request says nothing."""

    tax_included: bool = True
    gst_rate: Annotated[int, Field(ge=0, le=100)] = 18
    grace_days: Annotated[int, Field(ge=0, le=90)] = 3


class Memberships(Model):
    """Pauses, lateness and reminders of members, and what they may change themselves."""

    freeze_notice_days: Annotated[int, Field(ge=0, le=90)] = 7
    freeze_days_per_year: Annotated[int, Field(ge=0, le=365)] = 30
    holding_fee_per_day_paise: Paise = 0
    """For a seat that is kept during a pause."""
    late_fee_per_day_paise: Paise = 0
    late_fee_most_paise: Paise = 50_000
    goodwill_days_per_year: Annotated[int, Field(ge=0, le=365)] = 15
    remind_days_before: Annotated[
        list[Annotated[int, Field(ge=-30, le=60)]], Field(max_length=12), AfterValidator(lambda days: sorted(set(days)))
    ] = [-3, -1, 0, 1, 3, 7]
    """Before the first day that is not paid for; negative is after it."""
    students_change_seat: bool = False
    students_change_shift: bool = False


class Attendance(Model):
    """How the door reads a scan."""

    repeated_scan_seconds: Annotated[int, Field(ge=10, le=600)] = 60
    """A second scan within this time is the same one, not a departure."""
    shift_tolerance_minutes: Annotated[int, Field(ge=0, le=180)] = 15
    """How long before and after a shift its members are let in."""
    geofence_metres: Annotated[int, Field(ge=20, le=5000)] | None = None
    """How far from the library a phone may be that scans its code; null = anywhere. Where it was is not kept."""
    one_student_a_phone: bool = False
    """A phone that scanned for one student opens for no other in the next 12 hours, and every scan names its phone."""
    deny_overdue_after_days: Annotated[int, Field(ge=0, le=365)] | None = None
    """A member who owes for longer is not let in; null = only warned."""
    tell_guardians: bool = False
    """Linked guardians get a message when their student comes and goes."""


class Messages(Model):
    """When service messages may leave, in Indian time; the law's night from 22:00 to 08:00 always holds."""

    quiet_from: Annotated[Clock, Field(ge=time(18), le=QUIET_FROM)] = QUIET_FROM
    quiet_until: Annotated[Clock, Field(ge=QUIET_UNTIL, le=time(12))] = QUIET_UNTIL


class Security(Model):
    """How people of the organisation sign in."""

    require_mfa: bool = False


def _upi_address(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._-]{2,64}@[A-Za-z][A-Za-z0-9]{1,31}", value):
        raise ValueError("a UPI address like library@bank")
    return value.lower()


class Payments(Model):
    """Where students pay straight into the organisation's account, and what of refunds needs somebody's word."""

    upi_address: Annotated[str, AfterValidator(_upi_address)] | None = None
    """The organisation's own UPI address; null = UPI goes through a gateway."""
    upi_payee: Annotated[str, Field(min_length=1, max_length=50)] | None = None
    """Whom the payer's app names; null = the organisation's own name."""
    refund_approval_above_paise: Paise | None = None
    """Refunds that bring a payment's above this wait for somebody who may approve them; null = none does."""
    refund_within_days: Annotated[int, Field(ge=1, le=3650)] | None = None
    """How long after a payment it may be refunded; null = however long."""


class Policies(Model):
    """Everything an organisation decides for itself."""

    booking: Booking = Booking()
    fees: Fees = Fees()
    memberships: Memberships = Memberships()
    attendance: Attendance = Attendance()
    messages: Messages = Messages()
    security: Security = Security()
    payments: Payments = Payments()


class PoliciesChange(Change):
    """The fields that are sent are changed; `null` for a section takes its defaults back."""

    booking: Booking | None = None
    fees: Fees | None = None
    memberships: Memberships | None = None
    attendance: Attendance | None = None
    messages: Messages | None = None
    security: Security | None = None
    payments: Payments | None = None


def _web_address(value: str) -> str:
    from urllib.parse import urlsplit

    parts = urlsplit(value)
    if parts.scheme != "https" or not parts.hostname or parts.username or any(c.isspace() for c in value):
        raise ValueError("an address that begins with https://")
    return value


Address = Annotated[str, Field(max_length=500), AfterValidator(_web_address)]
Colour = Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")]


class Branding(Model):
    """How an organisation shows itself."""

    display_name: Name | None = None
    tagline: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    logo_url: Address | None = None
    primary_colour: Colour | None = None
    accent_colour: Colour | None = None
    contact_phone: Phone | None = None
    contact_email: Email | None = None
    website: Address | None = None
    about: Text | None = None


class BrandingChange(Branding, Change):
    """The fields that are sent are changed; `null` clears."""


def known(of: type[Model], value: dict[str, Any]) -> dict[str, Any]:
    """What this release knows of a stored value: a newer one may have written more."""
    found = {name: value[name] for name in of.model_fields if name in value}
    for name, part in found.items():
        section = of.model_fields[name].annotation
        if isinstance(part, dict) and isinstance(section, type) and issubclass(section, Model):
            found[name] = known(section, part)
    return found


StoredAttendance = Annotated[Attendance, BeforeValidator(lambda value: known(Attendance, value))]
"""As `library_policy('attendance')` gives them."""
StoredMessages = Annotated[Messages, BeforeValidator(lambda value: known(Messages, value))]
"""As `tenant_policy('messages')` gives them."""


class Versioned(Model):
    """Which version this is, and since when; version 0 are the product's defaults, never changed."""

    version: int
    changed_at: Timestamp | None


class PoliciesInForce(Policies, Versioned):
    """The policies with their version."""


class BrandingInForce(Branding, Versioned):
    """The branding with its version."""


class SettingsVersion(Model):
    """One version: all that was set by then, who changed it last and when."""

    version: int
    value: dict[str, Any]
    changed_by: UUID | None
    changed_at: Timestamp
