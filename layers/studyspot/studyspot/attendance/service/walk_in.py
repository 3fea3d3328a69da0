"""Somebody who comes without a booking: seat, money and door in one transaction."""

from __future__ import annotations

from uuid import UUID

from studyspot.attendance import qr, queries
from studyspot.attendance.door import UNSCANNED, Door
from studyspot.attendance.models.refusals import AlreadyInside
from studyspot.attendance.models.walk_in import WalkedIn, WalkInRequest
from studyspot.attendance.queries import Asked
from studyspot.attendance.service import _decided, _told
from studyspot.bookings.making import make
from studyspot.bookings.models import BookingRequest
from studyspot.bookings.money import DeskSale
from studyspot.kit import clock
from studyspot.kit.auth import Actor
from studyspot.kit.db import Db
from studyspot.kit.errors import Forbidden, Invalid


def walk_in(db: Db, actor: Actor, asked: WalkInRequest) -> WalkedIn:
    """From now until then on any free seat that fits; staff take the money, a kiosk lets in who has a membership."""
    now = clock.now()
    with db.transaction():
        student, step = _student(db, actor, asked)
        wanted = asked.model_dump(exclude={"code", "method", "amount_paise", "student_id"})
        request = BookingRequest.model_validate(
            wanted | {"student_id": student, "start_at": now.replace(second=0, microsecond=0)}
        )
        booking = make(db, actor, request, desk=DeskSale(asked.method, asked.amount_paise))
        facts = queries.entry(db, Asked(student, asked.library_id, step, own_step=step), now)
        if facts.inside_id and facts.inside_library == asked.library_id:
            raise AlreadyInside(attendanceId=facts.inside_id)
        ruling = _decided(facts, asked.library_id, now, by_code=asked.code is not None)
        visit = Door(db, facts, student, asked.library_id, now, "booking", kind="in", step=step).apply(ruling)
    told = booking.model_dump() | {"status": "checked_in", "no_show": False}
    return WalkedIn(**told, scan=_told(ruling, visit))


def _student(db: Db, actor: Actor, asked: WalkInRequest) -> tuple[UUID, int]:
    """Staff name whom they see; a kiosk reads the code that the student shows it."""
    if actor.user_type != "kiosk":
        if asked.student_id is None:
            raise Invalid.field("studentId", "staff name the student who has come")
        return asked.student_id, UNSCANNED
    if asked.code is None:
        raise Invalid.field("code", "the student shows a code")
    if asked.method is not None or asked.override_reason is not None:
        raise Forbidden("a device takes no money and knows no exceptions")
    return qr.read_own(db.tenant, asked.code, clock.now())
