"""Many at once: a class marked at the desk, a reader's push, planned absence, and what looks wrong."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from studyspot.attendance.models import Direction
from studyspot.kit.errors import Conflict
from studyspot.kit.models import Model, Moment, Text, Timestamp

AnomalyKind = Literal[
    "two_places", "overstay", "unwarranted", "clock", "stale_code", "replayed", "shared_phone", "geofence", "forged",
    "clock_unknown", "unknown_student",
]  # fmt: skip


class BulkRequest(Model):
    """Students who come or go together. A dry run says what would become of each, and changes nothing."""

    library_id: UUID
    direction: Direction
    student_ids: Annotated[list[UUID], Field(min_length=1, max_length=200)]
    dry_run: bool = False


class Marked(Model):
    """What became of one of them: `in`, `out`, or the code of what stood against it."""

    student_id: UUID
    outcome: str
    attendance_id: UUID | None = None


class Bulk(Model):
    """What became of them."""

    dry_run: bool
    marked: int
    students: list[Marked]


class DeviceEvent(Model):
    """A finger or card on a reader. `person` is the student's code, as it was enrolled there."""

    event_id: Annotated[str, Field(min_length=1, max_length=100)]
    person: Annotated[str, Field(min_length=1, max_length=50)]
    at: Moment
    direction: Direction | None = None


class DeviceEvents(Model):
    """A push of a reader, with its clock as it sends."""

    sent_at: Moment
    events: Annotated[list[DeviceEvent], Field(min_length=1, max_length=200)]


class Witnessed(Model):
    """taken · known (had before) · unknown_student · clock_unknown."""

    event_id: str
    outcome: str


class LeaveOfAbsence(Model):
    """Days on which a student will not come; `untilDate` is the first on which they will."""

    id: UUID
    student_id: UUID
    from_date: date
    until_date: date
    reason: str | None
    created_at: Timestamp


class AbsenceRequest(Model):
    """Planned absence of one's own."""

    from_date: date
    until_date: date
    reason: Text | None = None


class Anomaly(Model):
    """Something at the door that a person should look at."""

    id: str
    kind: AnomalyKind
    at: Timestamp
    library_id: UUID
    student_id: UUID | None
    device_id: UUID | None
    attendance_id: UUID | None
    detail: str | None


class AbsenceOverlaps(Conflict):
    """There is an absence for some of these days already."""

    code = "absence_overlaps"
