"""A visit, a scan, what the door says, and the numbers of who is where."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, model_validator

from studyspot.kit.models import Change, Model, Moment, Phone, Text, Timestamp
from studyspot.policies.models import Attendance as Policy
from studyspot.policies.models import StoredAttendance

Direction = Literal["in", "out"]
Method = Literal["qr", "desk", "manual", "booking", "device"]


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
    auto: bool = False
    """It ended by itself: nobody scanned out."""
    flags: list[str] = []
    created_at: Timestamp

    @property
    def location(self) -> str:
        return f"/api/v1/attendance/{self.id}"


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


class PersonalCode(Model):
    """What a student shows to the kiosk for half a minute."""

    code: str
    student_id: UUID
    expires_at: Timestamp


class Location(Model):
    """Where a phone is, and how sure it is of that. It decides about this scan and is not kept."""

    latitude: Annotated[float, Field(ge=-90, le=90)]
    longitude: Annotated[float, Field(ge=-180, le=180)]
    accuracy_metres: Annotated[float, Field(ge=0, le=100_000)] = 0


Code = Annotated[str, Field(min_length=1, max_length=200)]


class ScanRequest(Model):
    """What the student's phone or the kiosk read. `library_id` is where the phone believes to be."""

    code: Code
    library_id: UUID | None = None
    phone_id: Annotated[str, Field(min_length=8, max_length=100)] | None = None
    """The app's installation: two students' scans by one phone are told as an anomaly."""
    location: Location | None = None
    """Needed where the library lets in only who is near it."""


class CodeRequest(Model):
    """The library's code, where a booking's own student checks in."""

    code: Code | None = None


class Scan(Model):
    """What the door says."""

    decision: Literal["allow", "allow_with_warning"]
    direction: Direction
    attendance_id: UUID
    warning: str | None = None
    repeated: bool = False


class LeaveRequest(Model):
    """A student who goes, by exactly one of id, student code, phone, and the code their own phone shows.

    A student on their own sends the library's code, as to a scan, and nothing else of these.
    """

    student_id: UUID | None = None
    student_code: Annotated[str, Field(min_length=1, max_length=50)] | None = None
    phone: Phone | None = None
    code: Code | None = None

    @model_validator(mode="after")
    def _one_student(self) -> LeaveRequest:
        if sum(named is not None for named in (self.student_id, self.student_code, self.phone, self.code)) != 1:
            raise ValueError("name the student by exactly one of studentId, studentCode, phone, code")
        return self


class DeskRequest(LeaveRequest):
    """A student who comes, named likewise; `libraryId` is needed of who works in more than one."""

    library_id: UUID | None = None
    phone_id: Annotated[str, Field(min_length=8, max_length=100)] | None = None
    location: Location | None = None


class ManualRequest(Model):
    """A visit nobody scanned, with why it is entered by hand."""

    student_id: UUID
    library_id: UUID
    check_in_at: Moment
    check_out_at: Moment | None = None
    reason: Text


class CorrectionRequest(Change):
    """What a visit should have said, and why; `checkOutAt: null` opens it again."""

    check_in_at: Moment | None = None
    check_out_at: Moment | None = None
    reason: Text


class Correction(Model):
    """What a visit said before."""

    check_in_at: Timestamp
    check_out_at: Timestamp | None
    auto: bool
    reason: str | None
    corrected_by: UUID
    created_at: Timestamp


class Corrected(Attendance):
    """A visit with what it said before, newest first."""

    corrections: list[Correction] = []


class Today(Model):
    """One library's day so far."""

    library_id: UUID
    day_began_at: Timestamp
    visits: int
    inside: int
    left: int
    booked_absent: int
    members_absent: int
    """Whose shift has begun, who have not come, and who have not said that they would stay away."""
    late: int


class Over(Model):
    """A visit that should have ended by itself, before its timer came to it."""

    id: UUID
    library: UUID
    booking: UUID | None
    ends_at: Timestamp


class Entry(Model):
    """What is known of a student who stands at the door."""

    student_id: UUID | None
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
    policy: StoredAttendance = Policy()
    """The library's."""
    ends_at: Timestamp | None = None
    """Until when a visit that begins now counts."""
    shut: bool | None = None
    late_id: UUID | None = None
    """The last visit here, when it ended by itself: who scans after that is leaving."""
    shown_elsewhere: bool | None = None
    inside_ends_at: Timestamp | None = None
    over: Over | None = None
    frozen: bool = False
    overdue_days: int | None = None
    latitude: float | None = None
    longitude: float | None = None
    phone_of_another: bool = False
    guarded: bool = False
    """There are guardians who agreed to be told."""
    places: int | None = None
    """How many more without a seat of their own find one; not counted where it does not matter."""
    objection: Literal["wrong_library", "geofence", "phone_of_another"] | None = None
    """What is wrong with the phone that scans."""


class Passage(Model):
    """One scan, or a word at the desk: what it was, what was decided, what came of it."""

    id: UUID
    student_id: UUID
    library_id: UUID
    scanned_at: Timestamp
    kind: Literal["pass", "in", "out"] = "pass"
    method: Method = "qr"
    step: int = -1
    """Of the code that was read; -1 where none was."""
    decision: Literal["allow", "deny"] = "allow"
    direction: Direction | None = None
    reason: str | None = None
    attendance_id: UUID | None = None
    device_id: UUID | None = None
    marked_by: UUID | None = None
    admitted: bool | None = None
    shut: bool = False
    booking_id: UUID | None = None
    seat_id: UUID | None = None
    ends_at: Timestamp | None = None
    phone: str | None = None
    flags: list[str] = []
    offline: bool = False
    repeat_seconds: int = Policy().repeated_scan_seconds
    """So soon after the one before it is the same one."""


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
