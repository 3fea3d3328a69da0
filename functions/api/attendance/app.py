"""Attendance: /attendance."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from studyspot.attendance import service
from studyspot.attendance.models import (
    Attendance,
    DeskRequest,
    LeaveRequest,
    ManualRequest,
    QrCode,
    Scan,
    ScanRequest,
    Today,
    Visitor,
)
from studyspot.kit.api import Api
from studyspot.kit.auth import Actor, allow
from studyspot.kit.models import Moment, Page
from studyspot.kit.pages import Paging
from studyspot.kit.signature import Of, TenantDb

api = Api("attendance", module="library")

Marker = Annotated[Actor, allow("attendance:mark")]
Door = Annotated[Actor, allow("attendance:mark", "attendance:door")]
Watcher = Annotated[Actor, allow("attendance:read")]
Reader = Annotated[Actor, allow("attendance:read", "attendance:read_own")]


@api.get("/attendance/qr")
def code(actor: Annotated[Actor, allow("attendance:qr")], db: TenantDb, library_id: UUID) -> QrCode:
    return service.code_of(db, actor, library_id)


@api.post("/attendance/scan")
def scan(request: ScanRequest, actor: Annotated[Actor, allow("attendance:scan")], db: TenantDb) -> Scan:
    return service.scan(db, actor, request)


@api.post("/attendance/check-in")
def check_in(request: DeskRequest, actor: Door, db: TenantDb) -> Scan:
    return service.check_in(db, actor, request)


@api.post("/attendance/check-out")
def check_out(request: LeaveRequest, actor: Door, db: TenantDb) -> Scan:
    return service.check_out(db, actor, request.student_id)


@api.post("/attendance/manual", status_code=201)
def mark(request: ManualRequest, actor: Marker, db: TenantDb) -> Attendance:
    return service.mark(db, actor, request)


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
    from_: Moment | None = None,
    to: Moment | None = None,
) -> Page[Visitor]:
    return service.listed(db, actor, paging, library=library_id, student=student_id, start=from_, end=to)


@api.get("/attendance/{attendanceId}")
def read(attendance_id: Annotated[UUID, Of("attendance")], actor: Reader, db: TenantDb) -> Attendance:
    return service.read(db, actor, attendance_id)


handler = api.handler
