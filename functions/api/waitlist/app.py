"""The waiting list: /waitlist."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from studyspot.bookings import waiting
from studyspot.bookings.models.waiting import Accepted, Waiting, WaitKind, WaitRequest, WaitStatus
from studyspot.kit.api import Api
from studyspot.kit.auth import Actor, allow
from studyspot.kit.models import Page
from studyspot.kit.pages import Paging
from studyspot.kit.signature import Of, TenantDb

api = Api("waitlist", module="library")

EntryId = Annotated[UUID, Of("waitlist_entries")]
Reader = Annotated[Actor, allow("bookings:read", "bookings:read_own")]
Joiner = Annotated[Actor, allow("bookings:create")]
Student = Annotated[Actor, allow("bookings:cancel_own")]


@api.get("/waitlist")
def listed(
    actor: Reader,
    db: TenantDb,
    paging: Paging,
    library_id: UUID | None = None,
    student_id: UUID | None = None,
    status: WaitStatus | None = None,
    kind: WaitKind | None = None,
) -> Page[Waiting]:
    """Who waits, with the place in the line; students see their own."""
    return waiting.listed(db, actor, paging, library=library_id, student=student_id, status=status, kind=kind)


@api.post("/waitlist", status_code=201)
def join(request: WaitRequest, actor: Joiner, db: TenantDb) -> Waiting:
    """Wait for a seat from startAt to endAt, or for a seat of one's own from startDate on."""
    return waiting.join(db, actor, request)


@api.get("/waitlist/{entryId}")
def read(entry_id: EntryId, actor: Reader, db: TenantDb) -> Waiting:
    return waiting.read(db, actor, entry_id)


@api.delete("/waitlist/{entryId}")
def leave(entry_id: EntryId, actor: Annotated[Actor, allow("bookings:create")], db: TenantDb) -> None:
    waiting.leave(db, actor, entry_id)


@api.post("/waitlist/{entryId}/accept")
def accept(entry_id: EntryId, actor: Student, db: TenantDb) -> Accepted:
    """Before it expires: booked at once where it costs nothing, else held until it is paid."""
    return waiting.accept(db, actor, entry_id)


@api.post("/waitlist/{entryId}/decline")
def decline(entry_id: EntryId, actor: Student, db: TenantDb) -> Waiting:
    """The next in line is asked at once."""
    return waiting.decline(db, actor, entry_id)


handler = api.handler
