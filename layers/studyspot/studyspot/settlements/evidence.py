"""Evidence against a chargeback: what was bought, that they came, what they were receipted for, what they agreed to."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from studyspot.attendance import service as attendance
from studyspot.bookings import service as bookings
from studyspot.invoices import showing as invoices
from studyspot.kit import audit, clock
from studyspot.kit.auth import Actor
from studyspot.kit.clock import INDIA
from studyspot.kit.db import Db
from studyspot.kit.errors import NotFound
from studyspot.kit.models import Page
from studyspot.kit.pages import Paging
from studyspot.memberships import accounts
from studyspot.payments import disputes
from studyspot.payments import service as payments
from studyspot.payments.models import Payment
from studyspot.payments.models.disputes import Dispute
from studyspot.privacy.service.consents import listed as consents_of
from studyspot.settlements import drawing
from studyspot.settlements.models import (
    DisputeEnded,
    EvidencePack,
    EvidenceRequest,
    NoEvidence,
    Receipted,
    Service,
    Visited,
)
from studyspot.students import service as students
from studyspot.students.models import Student

MOST_VISITS, FEW = 200, 20


def listed(db: Db, paging: Paging, status: str | None, gateway: str | None, payment_id: UUID | None) -> Page[Dispute]:
    """Newest first."""
    return paging.page(disputes.listed(db, paging, status, gateway, payment_id))


def read(db: Db, dispute_id: UUID) -> Dispute:
    """One, or NotFound."""
    return disputes.find(db, dispute_id)


def prepare(db: Db, actor: Actor, dispute_id: UUID, asked: EvidenceRequest) -> EvidencePack:
    """Put together from the books as they are now, and kept as it was sent. Anew, as long as nothing is decided."""
    dispute = disputes.find(db, dispute_id)
    if dispute.status in disputes.ENDED:
        raise DisputeEnded
    payment = payments.find(db, dispute.payment_id).shown()
    student = students.get(db, payment.student_id) if payment.student_id else None
    service = _service(db, actor, payment, student)
    visits = _visits(db, student, service, dispute)
    pack = EvidencePack(
        dispute_id=dispute.id,
        gateway=dispute.gateway,
        gateway_dispute_id=dispute.gateway_dispute_id,
        gateway_payment_id=payment.gateway_payment_id,
        reason=dispute.reason,
        amount_paise=dispute.amount_paise,
        respond_by=dispute.respond_by,
        paid_paise=payment.captured_paise,
        paid_at=payment.captured_at,
        method=payment.method,
        description=payment.description,
        customer=f"{student.first_name} {student.last_name or ''}".strip() if student else None,
        customer_code=student.student_code if student else None,
        service=service,
        visits=len(visits),
        days=len({visit.came.astimezone(INDIA).date() for visit in visits}),
        minutes=sum(visit.minutes for visit in visits),
        attendance=visits,
        receipts=_receipts(db, actor, payment),
        consents=_consents(db, actor, student),
        statement=asked.statement,
        prepared_at=clock.now(),
    )
    with db.transaction():
        disputes.keep_evidence(db, dispute_id, pack.model_dump(mode="json"))
        told = {"visits": pack.visits, "receipts": len(pack.receipts), "consents": len(pack.consents)}
        audit.note(db, "disputes.evidence", "disputes", dispute_id, after=told)
    return pack


def kept(db: Db, dispute_id: UUID) -> EvidencePack:
    """What was put together last, if anything was."""
    found = disputes.evidence(db, dispute_id)
    if found is None:
        raise NoEvidence
    return EvidencePack.model_validate(found)


def drawn(db: Db, dispute_id: UUID) -> bytes:
    """The same on one page."""
    return drawing.page(kept(db, dispute_id))


def _service(db: Db, actor: Actor, payment: Payment, student: Student | None) -> Service | None:
    """What the money bought, and for which time."""
    if payment.purpose == "booking":
        return _booked(db, actor, payment.purpose_id)
    if student is None or payment.purpose not in ("membership", "dues"):
        return None
    paid = (payment.captured_at or payment.created_at).astimezone(INDIA).date()
    held = accounts.memberships_of(db, student.id, None, FEW)
    exact = [one for one in held if one.id == payment.purpose_id]
    about = exact or [one for one in held if one.start_date <= paid < one.end_date]
    if not about:
        return None
    return Service(
        kind="membership", name="Membership", start=_moment(about[0].start_date), end=_moment(about[0].end_date)
    )


def _booked(db: Db, actor: Actor, booking_id: UUID) -> Service | None:
    try:
        booking = bookings.read(db, actor, booking_id)
    except NotFound:
        return None
    return Service(kind="booking", name=f"Seat {booking.seat_code}", start=booking.start_at, end=booking.end_at)


def _visits(db: Db, student: Student | None, service: Service | None, dispute: Dispute) -> list[Visited]:
    """In the time that was paid for, a day early and late for whoever came at midnight; else until the chargeback."""
    if student is None:
        return []
    start = service.start if service else dispute.opened_at - timedelta(days=30)
    end = min(service.end, clock.now()) if service else dispute.opened_at
    found = attendance.history(db, Paging(MOST_VISITS), student.id, start - timedelta(hours=1), end).items
    return [
        Visited(came=visit.check_in_at, left=visit.check_out_at, minutes=visit.minutes, method=visit.method)
        for visit in sorted(found, key=lambda visit: visit.check_in_at)
    ]


def _receipts(db: Db, actor: Actor, payment: Payment) -> list[Receipted]:
    try:
        found = invoices.receipt(db, actor, payment.id)
    except NotFound:
        return []
    return [
        Receipted(
            number=found.number,
            invoice_number=found.invoice_number,
            amount_paise=found.amount_paise,
            issued_at=found.issued_at,
        )
    ]


def _consents(db: Db, actor: Actor, student: Student | None) -> list[dict[str, Any]]:
    if student is None:
        return []
    shown = {"purpose", "method", "version", "language", "given_at", "withdrawn_at"}
    found = consents_of(db, actor, Paging(FEW), student.id, None).items
    return [one.model_dump(mode="json", by_alias=True, include=shown) for one in found]


def _moment(day: date) -> datetime:
    return datetime.combine(day, time(), INDIA)
