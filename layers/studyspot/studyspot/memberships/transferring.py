"""A student goes to another library of the organisation, with memberships, seats and dues: all of it or nothing."""

from __future__ import annotations

from uuid import UUID

from studyspot.kit import audit, outbox
from studyspot.kit.db import Db
from studyspot.kit.errors import Invalid
from studyspot.libraries import service as libraries
from studyspot.memberships import queries, seating
from studyspot.memberships.models import Membership, PlanNotOffered
from studyspot.memberships.models.transfers import Place, Transfer, TransferRequest
from studyspot.memberships.queries import accounts, offers
from studyspot.students import service as students


def transfer(db: Db, student_id: UUID, asked: TransferRequest) -> Transfer:
    """Days and prices stay; seat and shift are of the new library. A preview is the transfer itself, undone, so there
    is one set of rules. What was booked and visited stays where it was."""
    places = {place.membership_id: place for place in asked.memberships}
    with db.transaction():
        before = students.get(db, student_id).library_id
        libraries.open_library(db, asked.library_id)
        students.leave_for(db, student_id, asked.library_id)
        held = accounts.to_move(db, student_id, asked.library_id)
        unknown = places.keys() - {member.id for member in held}
        if unknown:
            raise Invalid.field("memberships", "names a membership that does not go along")
        moved = [_moved(db, member, asked.library_id, places.get(member.id)) for member in held]
        told = Transfer(
            student_id=student_id,
            from_library_id=before,
            library_id=asked.library_id,
            preview=asked.preview,
            memberships=moved,
            dues_paise=sum(member.dues_paise for member in moved),
        )
        audit.note(
            db, "students.transfer", "students", student_id, {"library_id": before}, told.model_dump(mode="json")
        )
    if asked.preview:
        db.rollback()
    return told


def _moved(db: Db, member: Membership, library_id: UUID, place: Place | None) -> Membership:
    seat_id, shift_id = (place.seat_id, place.shift_id) if place else (None, None)
    plan = offers.plan(db, member.fee_plan_id)
    if plan.library_ids and library_id not in plan.library_ids:
        raise PlanNotOffered
    if shift_id:
        libraries.shift(db, library_id, shift_id)
    seating.chosen(db, library_id, seat_id, offers.terms(db, member.fee_plan_id, member.fee_plan_version))
    seating.give_up(db, member.id)
    after = queries.put(db, member.id, library_id=library_id, seat_id=seat_id, shift_id=shift_id)
    seating.keep(db, after)
    outbox.emit(db, "membership.changed", member.id, {"fields": ["library_id", "seat_id", "shift_id"]})
    return after
