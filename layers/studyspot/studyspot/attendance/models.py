"""A visit, a scan, what the door says, and the numbers of who is where."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from studyspot.kit.errors import Conflict, Forbidden, Gone, RuleViolated
from studyspot.kit.models import Model, Moment, Text, Timestamp

Direction = Literal["in", "out"]
Method = Literal["qr", "desk", "manual", "booking"]


class Attendance(Model):
    """One visit."""

    id: UUID
    student_id: UUID
    library_id: UUID
    booking_id: UUID | None
    seat_id: UUID | None
    check_in_at: Timestamp
    check_out_at: Timestamp | None
    method: Method
    device_id: UUID | None
    marked_by: UUID | None
    reason: str | None
    created_at: Timestamp


class Visitor(Attendance):
    """A visit with who it is."""

    student_code: str
    first_name: str
    last_name: str | None
    seat_code: str | None


class Visit(Attendance):
    """A visit with how long it was; one that still goes on, until now."""

    minutes: int


class QrCode(Model):
    """What the library's display shows for half a minute."""

    code: str
    library_id: UUID
    expires_at: Timestamp


class ScanRequest(Model):
    """What the student's phone read. `library_id` is where the phone believes to be."""

    code: Annotated[str, Field(min_length=1, max_length=200)]
    library_id: UUID | None = None


class CodeRequest(Model):
    """The library's code, where a booking's own student checks in."""

    code: Annotated[str, Field(min_length=1, max_length=200)] | None = None


class Scan(Model):
    """What the door says."""

    decision: Literal["allow", "allow_with_warning"]
    direction: Direction
    attendance_id: UUID
    warning: str | None = None
    repeated: bool = False


class DeskRequest(Model):
    """A student at the desk of a library."""

    student_id: UUID
    library_id: UUID


class LeaveRequest(Model):
    """A student who goes."""

    student_id: UUID


class ManualRequest(Model):
    """A visit nobody scanned, with why it is entered by hand."""

    student_id: UUID
    library_id: UUID
    check_in_at: Moment
    check_out_at: Moment | None = None
    reason: Text


class Today(Model):
    """One library's day so far."""

    library_id: UUID
    day_began_at: Timestamp
    visits: int
    inside: int
    left: int
    booked_absent: int
    late: int


class Entry(Model):
    """What is known of a student who stands at the door."""

    student_status: str | None
    inside_id: UUID | None
    inside_library: UUID | None
    inside_booking: UUID | None
    replayed: bool
    last_scan_at: Timestamp | None
    last_direction: Direction | None
    last_attendance: UUID | None
    last_library: UUID | None
    booking_id: UUID | None
    booking_library: UUID | None
    booking_seat: UUID | None
    early: bool | None
    member: bool
    member_in_grace: bool | None
    member_shift: bool | None
    member_seat: UUID | None
    was_member: bool
    repeated_scan_seconds: int | None = None
    """The tenant's own figure, where it set one."""


class Numbers(Model):
    """How full: `free` are the seats that are neither blocked, allotted, booked nor sat on."""

    capacity: int
    present: int
    booked: int
    allotted: int
    blocked: int
    free: int


class ZoneOccupancy(Numbers):
    """One zone of a library."""

    zone_id: UUID
    name: str


class Occupancy(Numbers):
    """One library at one moment."""

    library_id: UUID
    name: str
    as_of: Timestamp
    zones: list[ZoneOccupancy]


class QrInvalid(RuleViolated):
    """This is not a code of this library."""

    code = "qr_invalid"


class QrExpired(Gone):
    """This code has expired; scan the one shown now."""

    code = "qr_expired"


class QrReplayed(Conflict):
    """This code was used already."""

    code = "qr_replayed"


class AlreadyInside(Conflict):
    """The student is inside already."""

    code = "already_inside"


class NotInside(Conflict):
    """The student is not inside."""

    code = "not_inside"


class CheckInWindow(RuleViolated):
    """The booking's check-in is not open at this time."""

    code = "checkin_window"


class Denied(Forbidden):
    """Entry is denied."""

    code = "entry_denied"


class StudentSuspended(Denied):
    """This student is suspended."""

    code = "student_suspended"


class WrongLibrary(Denied):
    """The booking is for another library."""

    code = "wrong_library"


class WrongShift(Denied):
    """The membership is for another shift."""

    code = "wrong_shift"


class MembershipExpired(Denied):
    """The membership has expired."""

    code = "membership_expired"


class TooEarly(Denied):
    """The booking's time has not come yet."""

    code = "too_early"


class NoBooking(Denied):
    """There is neither a booking nor a membership for this time."""

    code = "no_booking"
