"""A day closed: what members get for it is chosen, told, and taken back with it."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from studyspot.kit import audit, outbox
from studyspot.kit.auth import Actor
from studyspot.kit.db import Db
from studyspot.kit.errors import Invalid, StateConflict
from studyspot.libraries import service as libraries
from studyspot.memberships import closing
from studyspot.spaces import queries as people
from studyspot.spaces.models import Affected, Impact
from studyspot.spaces.models.opening import Closed, HolidayRequest
from studyspot.spaces.queries import holidays as given
from studyspot.spaces.queries import opening as queries
from studyspot.spaces.service import facts, settle

FARTHEST = timedelta(days=366)


def add(db: Db, actor: Actor, library: UUID, asked: HolidayRequest) -> Closed:
    """Nobody books the day any more; bookings on it and members get what was chosen for them."""
    actor.at(library)
    with db.transaction():
        libraries.open_library(db, library, to_change=True)
        if abs(asked.day - given.today(db)) > FARTHEST:
            raise Invalid.field("day", "within a year from today")
        outside = people.outside(db, library, closed=asked.day)
        settle(db, actor, outside, asked.bookings, f"closed: {asked.name}")
        members = people.members_on(db, library, asked.day)
        holiday = queries.add_holiday(db, library, asked)
        if asked.effect == "extend":
            _extend(db, holiday, asked, members)
        elif asked.effect == "credit":
            _credit(db, holiday, members)
        impact = Impact.of([*outside, *members])
        made = queries.holiday(db, library, holiday)
        told = {**asked.model_dump(mode="json"), "impact": facts(impact)}
        audit.note(db, "holidays.create", "holidays", holiday, after=told)
        outbox.emit(db, "library.closed_on", library, {"day": asked.day, "effect": asked.effect})
    return Closed(**made.model_dump(), impact=impact)


def remove(db: Db, actor: Actor, library: UUID, holiday: UUID) -> None:
    """The library opens on that day after all: days given for it are taken back. One that has passed was lost."""
    actor.at(library)
    with db.transaction():
        libraries.open_library(db, library, to_change=True)
        was = queries.holiday(db, library, holiday)
        if was.day <= given.today(db) and was.members:
            raise StateConflict("the day has passed, and members have got what they lost")
        back = [one for one in given.given(db, holiday) if one.live and one.days]
        for one in back:
            closing.add_days(db, one.id, was.day, -one.days)
        given.tell(db, [one.id for one in back])
        given.forget(db, holiday)
        given.remove(db, library, holiday)
        before = {**was.model_dump(mode="json"), "takenBack": [one.id for one in back]}
        audit.note(db, "holidays.delete", "holidays", holiday, before=before)
        outbox.emit(db, "library.opens_on", library, {"day": was.day})


def _extend(db: Db, holiday: UUID, asked: HolidayRequest, members: list[Affected]) -> None:
    """A day more, what follows moved by it; whose seat is somebody else's on that day gets the day's worth instead."""
    behind = given.followers(db, [one.id for one in members])
    moved = [one for one in behind if closing.add_days(db, one, asked.day, 1)]
    seatless = [one for one in members if not closing.add_days(db, one.id, asked.day, 1)]
    lost = {one.id for one in seatless}
    touched = moved + [one.id for one in members if one.id not in lost]
    given.tell(db, touched)
    given.record(db, holiday, touched, [0] * len(touched), days=1)
    _credit(db, holiday, seatless)


def _credit(db: Db, holiday: UUID, members: list[Affected]) -> None:
    for one in members:
        closing.credit(db, one.id, one.amount_paise)
    given.record(db, holiday, [one.id for one in members], [one.amount_paise for one in members])
