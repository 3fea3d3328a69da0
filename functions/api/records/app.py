"""All that is of one student - what they have, did and owe: /students/{studentId}/... and one's own day."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from studyspot.attendance import service as attendance
from studyspot.attendance.models import Visit
from studyspot.bookings import service as bookings
from studyspot.bookings.models import Booking
from studyspot.files.models import File, Upload
from studyspot.kit.api import Api
from studyspot.kit.auth import Actor, allow
from studyspot.kit.models import Moment, Page
from studyspot.kit.pages import Paging
from studyspot.kit.response import Response
from studyspot.kit.signature import CoreDb, Of, TenantDb
from studyspot.memberships import accounts, transferring
from studyspot.memberships import service as memberships
from studyspot.memberships.models import Membership
from studyspot.memberships.models.accounts import Adjustment, AdjustmentRequest, LedgerEntry, OpenDue
from studyspot.memberships.models.transfers import Transfer, TransferRequest
from studyspot.messaging import service as messaging
from studyspot.messaging.models import Message
from studyspot.payments import queries as payments
from studyspot.payments.models import Payment
from studyspot.stories import risk
from studyspot.stories import service as stories
from studyspot.stories.models import Day, Happening, Risk
from studyspot.students import desk, documents, service
from studyspot.students.models import (
    DocumentRequest,
    Guardian,
    GuardianRequest,
    IdCard,
    Note,
    NoteRequest,
    Student,
    Suspension,
    TagsRequest,
)

api = Api("records", module="library")

StudentId = Annotated[UUID, Of("students")]
Own = Annotated[Actor, allow("students:read", "students:read_own")]
Reader = Annotated[Actor, allow("students:read")]
Suspender = Annotated[Actor, allow("students:suspend")]
Editor = Annotated[Actor, allow("students:update")]
Payer = Annotated[Actor, allow("payments:read", "payments:read_own")]
FamilyPayer = Annotated[Actor, allow("payments:read", "payments:read_own", "students:read_wards")]
Family = Annotated[Actor, allow("students:update", "students:update_own")]


@api.post("/students/{studentId}/suspend")
def suspend(student_id: StudentId, asked: Suspension, actor: Suspender, db: TenantDb) -> Student:
    return service.suspend(db, actor, student_id, asked)


@api.post("/students/{studentId}/reactivate")
def reactivate(student_id: StudentId, actor: Suspender, db: TenantDb) -> Student:
    return service.reactivate(db, actor, student_id)


@api.put("/students/{studentId}/tags")
def tag_student(student_id: StudentId, asked: TagsRequest, actor: Editor, db: TenantDb) -> Student:
    return desk.tag(db, student_id, asked.tags)


@api.post("/students/{studentId}/notes", status_code=201)
def note(student_id: StudentId, asked: NoteRequest, actor: Editor, db: TenantDb) -> Note:
    return desk.note(db, actor, student_id, asked)


@api.get("/students/{studentId}/guardians")
def guardians_of(student_id: StudentId, actor: Family, db: TenantDb) -> list[Guardian]:
    service.must_concern(actor, "students:update", student_id)
    return service.guardians(db, student_id)


@api.post("/students/{studentId}/guardians", status_code=201)
def link_guardian(student_id: StudentId, asked: GuardianRequest, actor: Family, db: TenantDb, core: CoreDb) -> Guardian:
    return desk.link(db, core, actor, student_id, asked)


@api.delete("/students/{studentId}/guardians/{guardianId}")
def unlink_guardian(
    student_id: StudentId,
    guardian_id: Annotated[UUID, Of("student_guardians")],
    actor: Annotated[Actor, allow("students:delete", "students:update_own")],
    db: TenantDb,
    core: CoreDb,
) -> None:
    desk.unlink(db, core, actor, student_id, guardian_id)


@api.post("/students/{studentId}/documents", status_code=201, keyed="ignored")
def bring_document(student_id: StudentId, asked: DocumentRequest, actor: Family, db: TenantDb) -> Upload:
    """Where to PUT a photo or an id proof, for a quarter of an hour, with exactly these headers."""
    return documents.bring(db, actor, student_id, asked)


@api.get("/students/{studentId}/documents")
def documents_of(
    student_id: StudentId, actor: Own, db: TenantDb, paging: Paging, kind: Literal["photo", "id_proof"] | None = None
) -> Page[File]:
    return documents.listed(db, actor, paging, student_id, kind)


@api.post("/students/{studentId}/transfer")
def transfer(
    student_id: StudentId,
    asked: TransferRequest,
    actor: Annotated[Actor, allow("students:transfer")],
    db: TenantDb,
) -> Transfer:
    """To another library of the organisation: with every membership that is not over, its dues and, as far as they are
    named, seats and shifts of the new library. `preview` shows what would come of it."""
    return transferring.transfer(db, student_id, asked)


@api.get("/students/{studentId}/risk")
def risk_of(student_id: StudentId, actor: Reader, db: TenantDb) -> Risk:
    """How likely the student is to leave, or not to pay, with every reason and what it counts."""
    return risk.of_student(db, student_id)


@api.get("/students/{studentId}/id-card")
def id_card(student_id: StudentId, actor: Own, db: TenantDb) -> IdCard:
    service.must_concern(actor, "students:read", student_id)
    return service.id_card(db, student_id)


@api.get("/students/{studentId}/id-card.svg")
def id_card_picture(student_id: StudentId, actor: Own, db: TenantDb) -> Response:
    service.must_concern(actor, "students:read", student_id)
    return Response(200, service.id_card(db, student_id).svg.encode(), "image/svg+xml; charset=utf-8")


@api.get("/students/{studentId}/attendance")
def attendance_of(
    student_id: StudentId,
    actor: Annotated[Actor, allow("attendance:read", "attendance:read_own", "students:read_wards")],
    db: TenantDb,
    paging: Paging,
    from_: Moment | None = None,
    to: Moment | None = None,
) -> Page[Visit]:
    service.must_concern_family(db, actor, "attendance:read", student_id)
    return service.of_somebody(db, student_id, attendance.history(db, paging, student_id, from_, to))


@api.get("/students/{studentId}/payments")
def payments_of(
    student_id: StudentId,
    actor: FamilyPayer,
    db: TenantDb,
    paging: Paging,
) -> Page[Payment]:
    service.must_concern_family(db, actor, "payments:read", student_id)
    found = payments.listed(db, student_id, None, None, paging.after, paging.fetch)
    return service.of_somebody(db, student_id, paging.page(found))


@api.get("/students/{studentId}/communications")
def communications_of(
    student_id: StudentId, actor: Annotated[Actor, allow("messaging:read")], db: TenantDb, paging: Paging
) -> Page[Message]:
    found = messaging.of_recipient(db, student_id, paging.after, paging.fetch)
    return service.of_somebody(db, student_id, paging.page(found))


@api.get("/students/{studentId}/bookings")
def bookings_of(
    student_id: StudentId,
    actor: Annotated[Actor, allow("bookings:read", "bookings:read_own")],
    db: TenantDb,
    paging: Paging,
) -> Page[Booking]:
    service.must_concern(actor, "bookings:read", student_id)
    return service.of_somebody(db, student_id, bookings.listed(db, actor, paging, student=student_id))


@api.get("/students/{studentId}/memberships")
def memberships_of(
    student_id: StudentId,
    actor: Annotated[Actor, allow("memberships:read", "memberships:read_own")],
    db: TenantDb,
    paging: Paging,
) -> Page[Membership]:
    service.must_concern(actor, "memberships:read", student_id)
    filters = {"student_id": student_id, "fee_plan_id": None, "status": None}
    return service.of_somebody(db, student_id, memberships.memberships(db, actor, paging, None, None, **filters))


@api.get("/students/{studentId}/ledger")
def ledger_of(student_id: StudentId, actor: Payer, db: TenantDb, paging: Paging) -> Page[LedgerEntry]:
    service.must_concern(actor, "payments:read", student_id)
    return service.of_somebody(db, student_id, accounts.entries(db, paging, student_id))


@api.get("/students/{studentId}/dues")
def dues_of(student_id: StudentId, actor: FamilyPayer, db: TenantDb, paging: Paging) -> Page[OpenDue]:
    service.must_concern_family(db, actor, "payments:read", student_id)
    return service.of_somebody(db, student_id, accounts.open_dues(db, paging, student_id))


@api.post("/students/{studentId}/adjustments", status_code=201)
def adjust(
    student_id: StudentId, asked: AdjustmentRequest, actor: Annotated[Actor, allow("students:adjust")], db: TenantDb
) -> Adjustment:
    return accounts.adjust(db, actor, student_id, asked)


@api.get("/students/me/dashboard")
def my_day(actor: Annotated[Actor, allow("students:read_own")], db: TenantDb) -> Day:
    return stories.day(db, actor)


@api.get("/students/{studentId}/timeline")
def timeline(
    student_id: Annotated[UUID, Of("students")], actor: Reader, db: TenantDb, paging: Paging
) -> Page[Happening]:
    return stories.story(db, actor, paging, student_id)


handler = api.handler
