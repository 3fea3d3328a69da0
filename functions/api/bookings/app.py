"""Seat bookings: /bookings."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from studyspot.attendance import service as attendance
from studyspot.attendance.models import CodeRequest, Scan
from studyspot.bookings import moving, service
from studyspot.bookings.models import (
    Availability,
    Booking,
    BookingChange,
    BookingRequest,
    Precheck,
    Reason,
    Status,
)
from studyspot.kit.api import Api
from studyspot.kit.auth import Actor, allow
from studyspot.kit.models import Moment, Page
from studyspot.kit.pages import Paging
from studyspot.kit.signature import Of, TenantDb

api = Api("bookings", module="library")

BookingId = Annotated[UUID, Of("bookings")]
Reader = Annotated[Actor, allow("bookings:read", "bookings:read_own")]
Booker = Annotated[Actor, allow("bookings:create")]
Canceller = Annotated[Actor, allow("bookings:cancel", "bookings:cancel_own")]
Desk = Annotated[Actor, allow("bookings:confirm")]
Visitor = Annotated[Actor, allow("attendance:mark", "attendance:scan")]


@api.get("/bookings/availability", by_key=True)
def availability(
    actor: Annotated[Actor, allow()], db: TenantDb, library_id: UUID, from_: Moment, to: Moment
) -> Availability:
    return service.availability(db, library_id, from_, to)


@api.post("/bookings/precheck")
def precheck(request: BookingRequest, actor: Booker, db: TenantDb) -> Precheck:
    return service.precheck(db, actor, request)


@api.get("/bookings")
def listed(
    actor: Reader,
    db: TenantDb,
    paging: Paging,
    library_id: UUID | None = None,
    student_id: UUID | None = None,
    seat_id: UUID | None = None,
    status: Status | None = None,
    from_: Moment | None = None,
    to: Moment | None = None,
) -> Page[Booking]:
    filters = {"library": library_id, "student": student_id, "seat": seat_id, "status": status}
    return service.listed(db, actor, paging, start=from_, end=to, **filters)


@api.post("/bookings", status_code=201)
def book(request: BookingRequest, actor: Booker, db: TenantDb) -> Booking:
    return service.book(db, actor, request)


@api.get("/bookings/{bookingId}")
def read(booking_id: BookingId, actor: Reader, db: TenantDb) -> Booking:
    return service.read(db, actor, booking_id)


@api.put("/bookings/{bookingId}")
def change(booking_id: BookingId, request: BookingChange, actor: Canceller, db: TenantDb) -> Booking:
    return moving.change(db, actor, booking_id, request)


@api.delete("/bookings/{bookingId}")
def delete(booking_id: BookingId, actor: Canceller, db: TenantDb) -> None:
    service.cancel(db, actor, booking_id)


@api.post("/bookings/{bookingId}/cancel")
def cancel(booking_id: BookingId, request: Reason, actor: Canceller, db: TenantDb) -> Booking:
    return service.cancel(db, actor, booking_id, request.reason)


@api.post("/bookings/{bookingId}/confirm")
def confirm(
    booking_id: BookingId, actor: Annotated[Actor, allow("bookings:confirm", "bookings:read_own")], db: TenantDb
) -> Booking:
    return service.confirm(db, actor, booking_id)


@api.post("/bookings/{bookingId}/reject")
def reject(booking_id: BookingId, request: Reason, actor: Desk, db: TenantDb) -> Booking:
    return service.reject(db, actor, booking_id, request.reason)


@api.post("/bookings/{bookingId}/no-show")
def no_show(booking_id: BookingId, actor: Desk, db: TenantDb) -> Booking:
    return service.no_show(db, actor, booking_id)


@api.post("/bookings/{bookingId}/check-in")
def check_in(booking_id: BookingId, request: CodeRequest, actor: Visitor, db: TenantDb) -> Scan:
    return attendance.arrive_for_booking(db, actor, service.read(db, actor, booking_id), request.code)


@api.post("/bookings/{bookingId}/check-out")
def check_out(booking_id: BookingId, actor: Visitor, db: TenantDb) -> Scan:
    return attendance.leave_booking(db, actor, service.read(db, actor, booking_id))


handler = api.handler
