"""Attendance: /attendance."""

from __future__ import annotations

from datetime import date
from typing import Annotated
from uuid import UUID

from studyspot.attendance import service
from studyspot.attendance.models import (
    Attendance,
    Corrected,
    CorrectionRequest,
    DeskRequest,
    LeaveRequest,
    ManualRequest,
    PersonalCode,
    QrCode,
    Scan,
    ScanRequest,
    Today,
    Visitor,
)
from studyspot.attendance.models.kiosk import Roster, SyncRequest, SyncResult
from studyspot.attendance.models.many import (
    AbsenceRequest,
    Anomaly,
    Bulk,
    BulkRequest,
    DeviceEvents,
    LeaveOfAbsence,
    Witnessed,
)
from studyspot.attendance.models.reports import Absentee, Away, Register, Summary, Unit
from studyspot.attendance.service import kiosk, many, reports, visits
from studyspot.kit.api import Api
from studyspot.kit.auth import Actor, allow
from studyspot.kit.models import Moment, Page
from studyspot.kit.pages import Paging
from studyspot.kit.request import Request
from studyspot.kit.response import Response
from studyspot.kit.signature import Of, TenantDb

api = Api("attendance", module="library")

Marker = Annotated[Actor, allow("attendance:mark")]
Door = Annotated[Actor, allow("attendance:mark", "attendance:door", "attendance:scan")]
Watcher = Annotated[Actor, allow("attendance:read")]
Scanner = Annotated[Actor, allow("attendance:scan", "attendance:door")]
Student = Annotated[Actor, allow("attendance:scan")]
Kiosk = Annotated[Actor, allow("attendance:door")]
Fingers = Annotated[Actor, allow("attendance:report_device")]
VisitId = Annotated[UUID, Of("attendance")]
Reader = Annotated[Actor, allow("attendance:read", "attendance:read_own")]


@api.get("/attendance/qr")
def code(actor: Annotated[Actor, allow("attendance:qr")], db: TenantDb, library_id: UUID) -> QrCode:
    return service.code_of(db, actor, library_id)


@api.get("/attendance/me/qr")
def own_code(actor: Student, db: TenantDb) -> PersonalCode:
    return service.own_code(db, actor)


@api.post("/attendance/scan")
def scan(request: ScanRequest, actor: Scanner, db: TenantDb) -> Scan:
    return service.scan(db, actor, request)


@api.post("/attendance/check-in")
def check_in(request: DeskRequest, actor: Door, db: TenantDb) -> Scan:
    """The desk names the student; a student sends the library's code. Who is inside already is told so."""
    return service.check_in(db, actor, request)


@api.post("/attendance/check-out")
def check_out(request: LeaveRequest, actor: Door, db: TenantDb) -> Scan:
    """As a check-in, the other way: 409 for who is not inside."""
    return service.check_out(db, actor, request)


@api.post("/attendance/manual", status_code=201)
def mark(request: ManualRequest, actor: Marker, db: TenantDb) -> Attendance:
    return visits.mark(db, actor, request)


@api.get("/attendance/today")
def today(actor: Watcher, db: TenantDb, library_id: UUID | None = None) -> list[Today]:
    return service.today(db, actor, library_id)


@api.get("/attendance/live")
def live(actor: Watcher, db: TenantDb, library_id: UUID | None = None) -> list[Visitor]:
    return service.live(db, actor, library_id)


@api.get("/attendance")
def listed(
    actor: Reader,
    db: TenantDb,
    paging: Paging,
    library_id: UUID | None = None,
    student_id: UUID | None = None,
    shift_id: UUID | None = None,
    from_: Moment | None = None,
    to: Moment | None = None,
) -> Page[Visitor]:
    """Newest first; of a shift those who were members of it on that day."""
    which = {"library": library_id, "student": student_id, "shift": shift_id}
    return service.listed(db, actor, paging, start=from_, end=to, **which)


@api.get("/attendance/summary")
def summary(
    actor: Reader,
    db: TenantDb,
    from_: date | None = None,
    to: date | None = None,
    unit: Unit = "day",
    student_id: UUID | None = None,
    library_id: UUID | None = None,
) -> Summary:
    return reports.summary(db, actor, from_, to, unit, student_id, library_id)


@api.get("/attendance/absentees")
def absentees(
    actor: Watcher, db: TenantDb, paging: Paging, days: Away = 3, library_id: UUID | None = None
) -> Page[Absentee]:
    return reports.absentees(db, actor, paging, days, library_id)


@api.get("/attendance/report")
def register(
    actor: Watcher, db: TenantDb, request: Request, library_id: UUID, from_: date | None = None, to: date | None = None
) -> Register | Response:
    return reports.register(db, library_id, from_, to, request.headers.get("accept", ""))


@api.post("/attendance/bulk")
def bulk(request: BulkRequest, actor: Marker, db: TenantDb) -> Bulk:
    return many.bulk(db, actor, request)


@api.post("/attendance/device-events", keyed="ignored")
def push(request: DeviceEvents, actor: Fingers, db: TenantDb) -> list[Witnessed]:
    return many.push(db, actor, request)


@api.post("/attendance/leave", status_code=201)
def be_away(asked: AbsenceRequest, actor: Student, db: TenantDb) -> LeaveOfAbsence:
    return many.be_away(db, actor, asked)


@api.get("/attendance/anomalies")
def anomalies(
    actor: Annotated[Actor, allow("attendance:anomalies")],
    db: TenantDb,
    paging: Paging,
    from_: Moment | None = None,
    to: Moment | None = None,
    library_id: UUID | None = None,
) -> Page[Anomaly]:
    return many.anomalies(db, actor, paging, from_, to, library_id)


@api.get("/attendance/roster")
def roster(actor: Kiosk, db: TenantDb) -> Roster:
    return kiosk.roster(db, actor)


@api.post("/attendance/sync", keyed="ignored")
def sync(request: SyncRequest, actor: Kiosk, db: TenantDb) -> SyncResult:
    return kiosk.sync(db, actor, request)


@api.get("/attendance/{attendanceId}")
def read(attendance_id: VisitId, actor: Reader, db: TenantDb) -> Corrected:
    return visits.read(db, actor, attendance_id)


@api.put("/attendance/{attendanceId}")
def correct(
    attendance_id: VisitId, asked: CorrectionRequest, actor: Marker, db: TenantDb, request: Request
) -> Corrected:
    return visits.correct(db, actor, attendance_id, asked, request.headers.get("if-match"))


handler = api.handler
