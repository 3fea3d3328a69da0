"""Many at once: marked at the desk, pushed by a reader, absent by plan - and what of it all looks wrong."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import groupby
from uuid import UUID

from studyspot.attendance.door import Door
from studyspot.attendance.entry import Ruling, decide
from studyspot.attendance.models.many import (
    AbsenceOverlaps,
    AbsenceRequest,
    Anomaly,
    Bulk,
    BulkRequest,
    DeviceEvent,
    DeviceEvents,
    LeaveOfAbsence,
    Marked,
    Witnessed,
)
from studyspot.attendance.models.refusals import AlreadyInside, NotInside
from studyspot.attendance.queries import Asked, entry, has_library, line_up
from studyspot.attendance.queries import many as queries
from studyspot.attendance.service.witnessing import FARTHEST, RIGHT, Sight, scan_id, witness
from studyspot.kit import audit, clock
from studyspot.kit.auth import Actor
from studyspot.kit.db import Db
from studyspot.kit.errors import Invalid, NotFound, Problem
from studyspot.kit.models import Page
from studyspot.kit.pages import Paging

LONGEST = timedelta(days=366)


def bulk(db: Db, actor: Actor, request: BulkRequest) -> Bulk:
    """Each by the rules of the desk; one who may not stops nobody else."""
    now = clock.now()
    with db.transaction():
        if not has_library(db, request.library_id):
            raise NotFound
        actor.at(request.library_id)
        wanted = sorted(set(request.student_ids))
        # Asked before anybody is at the door: from there on the whole house is seen. Students before libraries.
        there = line_up(db, wanted)
        marked = [_marked(db, request, student, student in there, now) for student in wanted]
        audit.note(db, "attendance.bulk", "attendance", None, after={"students": len(marked)})
    if request.dry_run:
        db.rollback()
    done = sum(one.attendance_id is not None for one in marked)
    return Bulk(dry_run=request.dry_run, marked=done, students=marked)


def _marked(db: Db, request: BulkRequest, student: UUID, there: bool, now: datetime) -> Marked:
    if not there:
        return Marked(student_id=student, outcome=NotFound.code)
    try:
        visit = _at_the_desk(db, request, student, now)
    except Problem as stopped:
        return Marked(student_id=student, outcome=stopped.code)
    return Marked(student_id=student, outcome=request.direction, attendance_id=visit)


def _at_the_desk(db: Db, request: BulkRequest, student: UUID, now: datetime) -> UUID:
    known = entry(db, Asked(student, request.library_id, counted=request.direction == "in"), now)
    facts = known.model_copy(update={"last_scan_at": None, "replayed": False, "late_id": None})
    inside = facts.inside_id is not None and facts.inside_library == request.library_id
    door = Door(db, facts, student, request.library_id, now, "desk", kind=request.direction)
    if request.direction == "out":
        if not inside:
            raise NotInside
        return door.apply(Ruling(direction="out", booking_id=facts.inside_booking))
    if inside:
        raise AlreadyInside
    return door.apply(decide(facts, request.library_id, now))


def push(db: Db, actor: Actor, request: DeviceEvents) -> list[Witnessed]:
    """What a reader saw: each event once, in any order, by our time whatever its clock says."""
    assert actor.library_ids, "a device has its library"
    (library,) = actor.library_ids
    now = clock.now()
    offset = now - request.sent_at if abs(now - request.sent_at) > RIGHT else timedelta()
    # By its own time: a push that is repeated later finds the same event, however the clock was corrected.
    events = {scan_id(actor.id, event.event_id.encode(), _known_by(event)): event for event in request.events}
    outcomes: dict[str, str] = {}
    with db.transaction():
        enrolled = queries.enrolled(db, [event.person for event in events.values()])
        had = queries.had(db, list(events))
        seen: list[tuple[UUID, Sight]] = []
        for number, event in events.items():
            at, student = min(event.at + offset, now), enrolled.get(event.person)
            plausible = now - FARTHEST <= event.at + offset <= now + RIGHT
            if number in had:
                outcomes[event.event_id] = "known"
            elif student is None or not plausible:
                outcomes[event.event_id] = "clock_unknown" if student else "unknown_student"
            else:
                outcomes[event.event_id] = "taken"
                seen.append((student, _sight(number, event, at, bool(offset))))
        for student, theirs in groupby(sorted(seen, key=lambda s: (s[0], s[1].at)), key=lambda s: s[0]):
            witness(db, student, library, [sight for _, sight in theirs], now)
        audit.note(db, "attendance.pushed", "devices", actor.id, after={"events": len(seen)})
    return [Witnessed(event_id=event, outcome=outcome) for event, outcome in outcomes.items()]


def _known_by(event: DeviceEvent) -> datetime:
    return datetime.fromtimestamp(max(0, int(event.at.timestamp())), event.at.tzinfo)


def _sight(number: UUID, event: DeviceEvent, at: datetime, off: bool) -> Sight:
    flags = ("clock",) if off else ()
    return Sight(id=number, at=at, method="device", admitted=True, kind=event.direction or "pass", flags=flags)


def be_away(db: Db, actor: Actor, asked: AbsenceRequest) -> LeaveOfAbsence:
    """Planned absence of one's own: who said so is no absentee."""
    if not timedelta(0) < asked.until_date - asked.from_date <= LONGEST:
        raise Invalid.field("untilDate", "after fromDate, by a year at most")
    with db.transaction():
        if asked.from_date < queries.today(db):
            raise Invalid.field("fromDate", "not before today")
        made = queries.away(db, actor.id, asked)
        if made is None:
            raise AbsenceOverlaps
    return made


def anomalies(
    db: Db, actor: Actor, paging: Paging, start: datetime | None, end: datetime | None, library: UUID | None
) -> Page[Anomaly]:
    """Newest first; the last 30 days where nothing else is said. Bound staff see their libraries only."""
    until = end or clock.now() + RIGHT
    since = start or until - timedelta(days=30)
    if not timedelta(0) < until - since <= LONGEST:
        raise Invalid.field("to", "after from, by a year at most")
    return paging.page(queries.anomalies(db, since, until, library, paging.fetch, paging.after))
