"""One student's day and story, put together from what the domains below tell."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from studyspot.attendance import service as attendance
from studyspot.bookings import service as bookings
from studyspot.kit import clock
from studyspot.kit.auth import Actor
from studyspot.kit.db import Db
from studyspot.kit.errors import NotFound
from studyspot.kit.models import Page
from studyspot.kit.pages import Paging
from studyspot.kit.together import together
from studyspot.memberships import accounts
from studyspot.messaging import service as messaging
from studyspot.payments import service as payments
from studyspot.stories.models import Day, Happening
from studyspot.students import service as students

COMING = ("checked_in", "confirmed", "held", "pending_payment")
MOST_HELD = 20
LONGEST_DAY = timedelta(hours=26)
"""With an hour that is lived twice, and one to spare."""
LIVE = ("active", "grace", "frozen")
Told = Callable[[], Sequence[Any]]


def day(db: Db, actor: Actor) -> Day:
    """Of the student who asks."""
    if actor.user_type != "student":
        raise NotFound
    now = clock.now()
    with together(db) as reads:
        here = students.this_day(reads, now)
        held = accounts.memberships_of(reads, actor.id, None, MOST_HELD)
        coming = bookings.coming(reads, actor.id, now)
        lately = attendance.lately(reads, actor.id, now - LONGEST_DAY)
        owed = accounts.owed_longest(reads, actor.id)
    (day,) = here
    began = day.began
    visits = [visit for visit in lately if visit.check_out_at is None or visit.check_out_at > began]
    return Day(
        today=day.today,
        membership=next((one for one in held if one.status in LIVE), None),
        booking=min((b for b in coming if b.status in COMING), key=lambda b: b.start_at, default=None),
        inside=any(visit.check_out_at is None for visit in visits),
        minutes_today=sum(
            int(((visit.check_out_at or now) - max(visit.check_in_at, began)) / timedelta(minutes=1))
            for visit in visits
        ),
        due=owed[0] if owed else None,
    )


def story(db: Db, actor: Actor, paging: Paging, student_id: Any) -> Page[Happening]:
    """Newest first; of each kind only what this person may see."""
    after, most = paging.after, paging.fetch
    told: list[tuple[str, str, str, Told]] = [
        ("visit", "attendance:read", "check_in_at", lambda: attendance.history(db, paging, student_id).items),
        ("booking", "bookings:read", "created_at",
         lambda: bookings.listed(db, actor, paging, student=student_id).items),
        ("membership", "memberships:read", "created_at",
         lambda: accounts.memberships_of(db, student_id, after, most)),
        ("payment", "payments:read", "created_at", lambda: payments.of_student(db, student_id, after, most)),
        ("message", "messaging:read", "created_at", lambda: messaging.of_recipient(db, student_id, after, most)),
        ("note", "students:read", "created_at", lambda: students.notes(db, student_id, after, most)),
    ]  # fmt: skip
    found = [
        Happening(id=row.id, at=getattr(row, at), kind=kind, facts=row.model_dump(mode="json", by_alias=True))  # type: ignore[arg-type] # the kinds above are the model's
        for kind, permission, at, rows in told
        if actor.may(permission) or actor.is_platform
        for row in rows()
    ]
    newest = sorted(found, key=lambda one: one.id, reverse=True)
    return students.of_somebody(db, student_id, paging.page(newest[:most]))
