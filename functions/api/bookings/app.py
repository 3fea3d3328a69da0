"""Seat bookings: /bookings."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from studyspot.attendance import service as attendance
from studyspot.attendance.models import CodeRequest, Scan
from studyspot.attendance.models.walk_in import WalkedIn, WalkInRequest
from studyspot.attendance.service import walk_in
from studyspot.bookings import moving, series, service, strikes
from studyspot.bookings.models import (
    Availability,
    Booking,
    BookingChange,
    BookingRequest,
    Extension,
    Precheck,
    Reason,
    Rejection,
    SeatKind,
    Status,
    Time,
)
from studyspot.bookings.models.many import BulkCancellation, BulkCancelled, Range, Series, SeriesRequest
from studyspot.bookings.models.policies import Appeal, Effective, Pause, PlanRules, PlanRulesInForce
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
PlanId = Annotated[UUID, Of("fee_plans")]
PauseId = Annotated[UUID, Of("booking_pauses")]
Visitor = Annotated[Actor, allow("attendance:mark", "attendance:scan")]


@api.get("/bookings/availability", by_key=True)
def availability(
    actor: Annotated[Actor, allow()],
    db: TenantDb,
    library_id: UUID,
    from_: Time,
    to: Time,
    seat_kind: SeatKind | None = None,
    attributes: str | None = None,
) -> Availability:
    return service.availability(db, library_id, from_, to, seat_kind, attributes)


@api.get("/bookings/policies/effective")
def effective(
    actor: Annotated[Actor, allow("bookings:read", "bookings:create")],
    db: TenantDb,
    library_id: UUID,
    fee_plan_id: UUID | None = None,
    student_id: UUID | None = None,
) -> Effective:
    return strikes.effective(db, actor, library_id, fee_plan_id, student_id)


@api.get("/bookings/policies/plans/{feePlanId}")
def plan_rules(
    fee_plan_id: PlanId, actor: Annotated[Actor, allow("bookings:read", "fee_plans:update")], db: TenantDb
) -> PlanRulesInForce:
    return strikes.plan_rules(db, fee_plan_id)


@api.put("/bookings/policies/plans/{feePlanId}")
def set_plan_rules(
    fee_plan_id: PlanId, request: PlanRules, actor: Annotated[Actor, allow("fee_plans:update")], db: TenantDb
) -> PlanRulesInForce:
    return strikes.set_plan_rules(db, fee_plan_id, request)


@api.get("/bookings/pauses")
def pauses(
    actor: Reader,
    db: TenantDb,
    paging: Paging,
    student_id: UUID | None = None,
    library_id: UUID | None = None,
    live: bool | None = None,
) -> Page[Pause]:
    return strikes.pauses(db, actor, paging, student_id, library_id, live)


@api.post("/bookings/pauses/{pauseId}/appeal")
def appeal(
    pause_id: PauseId,
    request: Appeal,
    actor: Annotated[Actor, allow("bookings:cancel_own", "bookings:override")],
    db: TenantDb,
) -> Pause:
    """The student's word, or what the student told the staff."""
    return strikes.appeal(db, actor, pause_id, request)


@api.post("/bookings/pauses/{pauseId}/lift")
def lift(
    pause_id: PauseId, request: Appeal, actor: Annotated[Actor, allow("bookings:override")], db: TenantDb
) -> Pause:
    return strikes.lift(db, actor, pause_id, request)


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
    series_id: UUID | None = None,
    approval: Literal["waiting", "given"] | None = None,
) -> Page[Booking]:
    filters = {"library": library_id, "student": student_id, "seat": seat_id, "status": status}
    filters |= {"series": series_id, "approval": approval}
    return service.listed(db, actor, paging, start=from_, end=to, **filters)


@api.post("/bookings", status_code=201)
def book(request: BookingRequest, actor: Booker, db: TenantDb) -> Booking:
    return service.book(db, actor, request)


@api.post("/bookings/walk-in", status_code=201)
def walk_in_now(request: WalkInRequest, actor: Annotated[Actor, allow("bookings:walk_in")], db: TenantDb) -> WalkedIn:
    """From now on, in the door at once. Staff say how it was paid; a kiosk lets in who has a membership."""
    return walk_in.walk_in(db, actor, request)


@api.post("/bookings/recurring", status_code=201)
def book_series(request: SeriesRequest, actor: Booker, db: TenantDb) -> Series:
    """Every week until a date; each time is booked or refused by itself, by the rules of a single booking."""
    return series.book(db, actor, request)


@api.delete("/bookings/recurring/{seriesId}")
def cancel_series(
    series_id: Annotated[UUID, Of("booking_series")],
    actor: Canceller,
    db: TenantDb,
    scope: Literal["all", "future"] = "all",
    from_: Time | None = None,
    to: Time | None = None,
) -> None:
    """What has not begun. `all` is refused when one is too late to cancel; `future` leaves those out."""
    series.cancel_series(db, actor, series_id, Range.model_validate({"from": from_, "to": to}), scope)


@api.post("/bookings/bulk-cancel")
def bulk_cancel(request: BulkCancellation, actor: Canceller, db: TenantDb) -> BulkCancelled:
    """Everything that begins in the range; with `preview` nothing is changed."""
    return series.cancel_range(db, actor, request)


@api.get("/bookings/{bookingId}")
def read(booking_id: BookingId, actor: Reader, db: TenantDb) -> Booking:
    return service.read(db, actor, booking_id)


@api.put("/bookings/{bookingId}")
def change(booking_id: BookingId, request: BookingChange, actor: Canceller, db: TenantDb) -> Booking:
    return moving.change(db, actor, booking_id, request)


@api.delete("/bookings/{bookingId}")
def delete(booking_id: BookingId, actor: Canceller, db: TenantDb) -> None:
    service.give_up(db, actor, booking_id)


@api.post("/bookings/{bookingId}/cancel")
def cancel(booking_id: BookingId, request: Reason, actor: Canceller, db: TenantDb) -> Booking:
    return service.give_up(db, actor, booking_id, request.reason)


@api.post("/bookings/{bookingId}/confirm")
def confirm(
    booking_id: BookingId, actor: Annotated[Actor, allow("bookings:confirm", "bookings:read_own")], db: TenantDb
) -> Booking:
    return service.confirm(db, actor, booking_id)


@api.post("/bookings/{bookingId}/approve")
def approve(booking_id: BookingId, actor: Desk, db: TenantDb) -> Booking:
    return service.approve(db, actor, booking_id)


@api.post("/bookings/{bookingId}/extend")
def extend(booking_id: BookingId, request: Extension, actor: Canceller, db: TenantDb) -> Booking:
    """Until another time on the same seat; later, if nobody has it next, or earlier."""
    return moving.extend(db, actor, booking_id, request)


@api.post("/bookings/{bookingId}/reject")
def reject(booking_id: BookingId, request: Rejection, actor: Desk, db: TenantDb) -> Booking:
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
