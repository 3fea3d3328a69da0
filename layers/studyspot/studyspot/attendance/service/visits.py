"""One visit: read, entered by hand, corrected with what it said before kept, and ended when nobody scanned out."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from studyspot.attendance.door import TIMER, left, visit_of, watch
from studyspot.attendance.models import Attendance, Corrected, CorrectionRequest, ManualRequest
from studyspot.attendance.models.refusals import AlreadyInside, VisitOverlaps
from studyspot.attendance.queries import arrive, has_library
from studyspot.attendance.queries import visits as queries
from studyspot.attendance.reading import OVERSTAY
from studyspot.kit import audit, clock, ids, outbox, timers
from studyspot.kit.auth import Actor
from studyspot.kit.db import Db
from studyspot.kit.errors import Invalid, NotFound, VersionConflict
from studyspot.kit.response import etag_of


def read(db: Db, actor: Actor, visit_id: UUID) -> Corrected:
    """One's own, or any with the permission; with what it said before."""
    visit = queries.read(db, visit_id)
    if not (actor.may("attendance:read") or actor.is_platform) and visit.student_id != actor.id:
        raise NotFound
    actor.at(visit.library_id)
    return visit


def mark(db: Db, actor: Actor, request: ManualRequest) -> Attendance:
    """A visit entered by hand, with its reason; it opens no door and asks no rule."""
    now = clock.now()
    if actor.library_ids is not None and request.library_id not in actor.library_ids:
        raise NotFound
    _must_be_past(request.check_in_at, request.check_out_at, now)
    with db.transaction():
        found = queries.around(db, request.student_id, request.library_id, request.check_in_at, request.check_out_at)
        if found.student_id is None or not has_library(db, request.library_id):
            raise NotFound
        if found.inside_id and request.check_out_at is None:
            raise AlreadyInside(attendanceId=found.inside_id)
        if found.overlaps_id:
            raise VisitOverlaps(attendanceId=found.overlaps_id)
        visit = visit_of(
            ids.uuid7(), request.student_id, request.library_id, "manual", request.check_in_at, None, actor.id
        ).model_copy(update={"check_out_at": request.check_out_at, "reason": request.reason})
        arrive(db, visit, found.ends_at)
        if request.check_out_at is None:
            watch(db, visit.id, found.ends_at)
        outbox.emit(db, "attendance.checked_in", visit.id, {"studentId": str(visit.student_id)})
    return visit


def correct(db: Db, actor: Actor, visit_id: UUID, asked: CorrectionRequest, if_match: str | None) -> Corrected:
    """Say what it should have said; what it said stays beside it, and no later scan changes it again."""
    now = clock.now()
    with db.transaction():
        before = queries.read(db, visit_id)
        actor.at(before.library_id)
        if if_match and if_match != etag_of(before):
            raise VersionConflict
        came, went = _wanted(before, asked)
        _must_be_past(came, went, now)
        found = queries.around(db, before.student_id, before.library_id, came, went, but=visit_id)
        if found.overlaps_id:
            raise VisitOverlaps(attendanceId=found.overlaps_id)
        queries.correct(db, before, came, went, asked.reason, actor.id, found.ends_at)
        _told(db, before, went, found.ends_at)
        after = queries.read(db, visit_id)
        said, says = ({"checkInAt": v.check_in_at, "checkOutAt": v.check_out_at} for v in (before, after))
        audit.note(db, "attendance.correct", "attendance", visit_id, before=said, after=says | {"reason": asked.reason})
    return after


def _wanted(before: Attendance, asked: CorrectionRequest) -> tuple[datetime, datetime | None]:
    """What was not sent stays."""
    sent = asked.model_fields_set
    if "check_in_at" in sent and asked.check_in_at is None:
        raise Invalid.field("checkInAt", "a visit has a beginning")
    came = asked.check_in_at or before.check_in_at
    return came, asked.check_out_at if "check_out_at" in sent else before.check_out_at


def _told(db: Db, before: Attendance, went: datetime | None, ends_at: datetime | None) -> None:
    """A visit that was open and is not, or the other way about."""
    if went is None:
        timers.cancel(db, TIMER, before.id)
        watch(db, before.id, ends_at)
    elif before.check_out_at is None:
        left(db, before.id, before.library_id, before.booking_id)


def end_by_itself(db: Db, visit_id: UUID, given: dict[str, Any]) -> None:
    """Its timer is due: out at its end if nobody scanned. Hours or a booking that changed since move the end."""
    now = clock.now()
    visit = queries.ending(db, visit_id)
    if visit is None:
        return
    ends_at = visit.ends_at
    if ends_at + OVERSTAY > now:
        queries.move_end(db, visit_id, ends_at)
        watch(db, visit_id, ends_at)
        return
    queries.end(db, visit_id, ends_at)
    left(db, visit_id, visit.library_id, visit.booking_id)


def _must_be_past(came: datetime, went: datetime | None, now: datetime) -> None:
    if came > now or (went and not came <= went <= now):
        raise Invalid.field("checkInAt", "a visit begins and ends in the past, in that order")
