"""Every domain event that may leave: what happened, and what its data holds. Data in one place, as permissions are."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

SCHEMAS: dict[str, dict[str, Any]] = {
    "id": {"type": "string", "format": "uuid"},
    "text": {"type": "string"},
    "paise": {"type": "integer"},
    "count": {"type": "integer"},
    "moment": {"type": "string", "format": "date-time"},
    "date": {"type": "string", "format": "date"},
    "flag": {"type": "boolean"},
    "texts": {"type": "array", "items": {"type": "string"}},
}


@dataclass(frozen=True)
class Event:
    """`data` names each field's kind; `?` behind it means that it may be null or absent."""

    says: str
    data: dict[str, str] = field(default_factory=dict)
    platform: bool = False
    """Emitted in tenant zero: the operator's, never a tenant's to subscribe to."""

    def schema(self) -> dict[str, Any]:
        """JSON Schema of `data`. More fields may come; those that are there stay."""
        fields = {name: _schema(kind) for name, kind in self.data.items()}
        required = [name for name, kind in self.data.items() if not kind.endswith("?")]
        return {"type": "object", "properties": fields, "required": required}


def _schema(kind: str) -> dict[str, Any]:
    known = SCHEMAS[kind.removesuffix("?")]
    return known | {"type": [known["type"], "null"]} if kind.endswith("?") else known


BOOKING = {"studentId": "id", "libraryId": "id", "seatId": "id", "startAt": "moment", "endAt": "moment",
           "status": "text", "amountPaise": "paise", "paymentId": "id?"}  # fmt: skip
PERIOD = {"periodIndex": "count"}

EVENTS = {
    "attendance.checked_in": Event("somebody came in", {"studentId": "id", "libraryId": "id?"}),
    "attendance.checked_out": Event("somebody left", {"libraryId": "id"}),
    "attendance.denied": Event("somebody was not let in", {"libraryId": "id", "reason": "text"}),
    "day.closed": Event(
        "a library's cash was counted, the day is locked",
        {"libraryId": "id", "day": "date", "differencePaise": "paise"},
    ),
    "invoice.finalised": Event("a student was billed", {"number": "text", "totalPaise": "paise", "studentId": "id"}),
    "invoice.paid": Event("an invoice was paid", {"number": "text", "paymentId": "id"}),
    "invoice.voided": Event("an unpaid invoice was taken back", {"number": "text"}),
    "invoice.credited": Event("a credit note was issued", {"number": "text", "totalPaise": "paise"}),
    "booking.held": Event("a seat is held until it is paid", BOOKING),
    "booking.confirmed": Event("a seat is booked", BOOKING),
    "booking.cancelled": Event("a booking was given up", BOOKING),
    "booking.rejected": Event("a booking was refused by the staff", BOOKING),
    "booking.approved": Event("the staff agree to a booking, which is held to be paid", BOOKING),
    "booking.paused": Event(
        "too many no-shows: a student books nothing for a while", {"studentId": "id", "libraryId": "id"}
    ),
    "booking.no_show": Event("nobody came for a booking", BOOKING),
    "booking.expired": Event("a hold lapsed unpaid", BOOKING),
    "booking.checked_in": Event("who booked has come"),
    "booking.completed": Event("the booked time is over"),
    "membership.created": Event("a fee plan was sold", {"studentId": "id", "feePlanId": "id"}),
    "membership.activated": Event("a membership covers days from now on", {"startDate": "date", "endDate": "date"}),
    "membership.renewed": Event("a further period was bought", {"startDate": "date", "endDate": "date"}),
    "membership.frozen": Event("a membership pauses", {"fromDate": "date?", "toDate": "date?"}),
    "membership.resumed": Event("a pause is over", {"endDate": "date?"}),
    "membership.changed": Event("plan, shift, seat or days of a membership changed", {"fields": "texts"}),
    "membership.expired": Event("a membership and its days of grace are over"),
    "membership.cancelled": Event("a membership was ended before its time", {"reason": "text?"}),
    "membership.cancel_asked": Event("a member asks to leave", {"reason": "text?"}),
    "message.queued": Event("a message will be sent", {"channel": "text", "template": "text"}),
    "message.sent": Event("a message was taken by its vendor"),
    "message.delivered": Event("a message arrived"),
    "message.failed": Event("a message will not arrive", {"reason": "text?"}),
    "message.suppressed": Event("a message may not be sent", {"reason": "text?"}),
    "payment.created": Event("a payment was opened", {"purpose": "text", "purposeId": "id?", "amountPaise": "paise?"}),
    "payment.attempted": Event("a gateway gave an order", {"gateway": "text", "gatewayOrderId": "text"}),
    "payment.captured": Event(
        "money came in",
        {"purpose": "text", "purposeId": "id", "amountPaise": "paise", "late": "flag", "activated": "flag"},
    ),
    "payment.failed": Event("a payment will not come", {"status": "text", "reason": "text?"}),
    "payment.risk": Event(
        "a payment that was asked for is held for a person to look at, or was refused",
        {"outcome": "text", "score": "count", "purpose": "text", "amountPaise": "paise"},
    ),
    "payment.unknown": Event("what became of a payment is being looked up", {"status": "text", "reason": "text?"}),
    "payment.resolved": Event("two people found out what became of a payment", {"outcome": "text", "status": "text"}),
    "payment.late_duplicate": Event(
        "money came twice or late and goes back", {"reason": "text?", "amountPaise": "paise"}
    ),
    "settlement.imported": Event("a gateway paid out", {"gateway": "text", "netPaise": "paise"}),
    "settlement.mismatch": Event(
        "a gateway's report differs from the books", {"gateway": "text", "day": "date", "differences": "count"}
    ),
    "dispute.opened": Event(
        "a payer's bank takes money back", {"paymentId": "id", "amountPaise": "paise", "respondBy": "moment?"}
    ),
    "dispute.closed": Event("a chargeback was decided", {"paymentId": "id", "status": "text"}),
    "library.hours_changed": Event("a library's opening hours changed"),
    "library.closed_on": Event("a library is closed on a day", {"day": "date", "effect": "text"}),
    "library.opens_on": Event("a library opens on a day that was a holiday", {"day": "date"}),
    "library.settings_changed": Event("a library's own policies changed", {"version": "count"}),
    "library.seat_map_changed": Event("a library's plan was drawn anew", {"version": "count"}),
    "locker.assigned": Event("a locker was given to a member", {"libraryId": "id", "studentId": "id"}),
    "locker.released": Event("a locker was given back", {"libraryId": "id", "studentId": "id"}),
    "notice.published": Event("a library tells something", {"libraryId": "id", "startsAt": "moment"}),
    "enquiry.received": Event("somebody asks about a library", {"libraryId": "id"}),
    "library.listed": Event("a library is in the public directory", {"slug": "text"}),
    "library.unlisted": Event("a library left the public directory"),
    "seat.blocked": Event("a seat is out of use", {"libraryId": "id", "startAt": "moment", "endAt": "moment?"}),
    "seat.unblocked": Event("a seat can be used again", {"libraryId": "id"}),
    "refund.created": Event(
        "money is going back", {"refundId": "id", "amountPaise": "paise", "origin": "text", "reason": "text"}
    ),
    "refund.succeeded": Event("money went back", {"refundId": "id"}),
    "refund.failed": Event("money could not be given back", {"refundId": "id"}),
    "student.created": Event("a student was taken on", {"libraryId": "id"}),
    "student.updated": Event("a student's record changed", {"fields": "texts?", "status": "text?"}),
    "student.suspended": Event("a student may not enter", {"reason": "text"}),
    "student.imported": Event("a spreadsheet was worked off", {"imported": "count", "invalid": "count"}),
    "student.merged": Event("two students were one", {"duplicateId": "id"}),
    "student.import_rolled_back": Event("an import of students was taken back", {"removed": "count", "kept": "count"}),
    "staff.rights_changed": Event("a member of staff may do other things now", {"role": "text"}),
    "staff.suspended": Event("a member of staff cannot sign in any more", {"reason": "text?"}),
    "staff.removed": Event("a member of staff has left, all access with them", {"role": "text"}),
    "staff.handed_over": Event(
        "a shift told the next, and counted its cash", {"libraryId": "id", "cashPaise": "paise"}
    ),
    "admin_user.turned": Event("a platform user's state changed", {"from": "text", "to": "text"}, platform=True),
    "user.signed_up": Event("somebody has an account now", {"userType": "text", "tenantId": "id?"}),
    "user.logged_in": Event("somebody signed in", {"userType": "text", "method": "text"}),
    "user.refresh_reused": Event("an old refresh token was presented, the session is over", {"sessionId": "id"}),
    "user.locked": Event("too many failed sign-ins", {"known": "flag"}, platform=True),
    "waitlist.offered": Event(
        "a seat is held for who was next in line", {"studentId": "id", "libraryId": "id", "offerExpiresAt": "moment"}
    ),
    "waitlist.accepted": Event("who was offered a seat took it", {"studentId": "id", "libraryId": "id"}),
    "waitlist.expired": Event("nobody took the offer, or the time that was waited for began", {"studentId": "id"}),
    "wallet.low": Event(
        "credits fell below the wallet's threshold", {"creditType": "text", "balance": "count", "threshold": "count"}
    ),
    "webhook.disabled": Event("an endpoint was switched off, it accepted nothing for three days", {"url": "text"}),
    "webhook.test": Event("somebody tries an endpoint out", {"message": "text"}),
    "tenant.created": Event("an organisation was asked for", {"slug": "text", "isolation": "text"}, platform=True),
    "gateway.changed": Event("an own payment gateway was connected or changed", {"gateway": "text", "status": "text"}),
    "kyc.submitted": Event("the proof of identity is complete", {"version": "count"}),
    "kyc.approved": Event("the proof of identity was accepted", {"version": "count"}),
    "kyc.rejected": Event("the proof of identity was not accepted", {"reason": "text", "version": "count"}),
    "tenant.settings_changed": Event("the organisation's settings changed", {"kind": "text", "version": "count"}),
    "tenant.activated": Event("an organisation is ready", platform=True),
    "tenant.moved": Event("an organisation lives in another cell", {"isolation": "text"}, platform=True),
    "tenant.offboarded": Event("an organisation was removed, its certificate can be read", platform=True),
    "tenant.suspended": Event("an organisation was stopped", {"scope": "text"}, platform=True),
    "tenant.reactivated": Event("an organisation goes on", platform=True),
    "subscription.started": Event("a plan began", {"planCode": "text", "status": "text"}, platform=True),
    "subscription.renewed": Event("a period was paid", PERIOD, platform=True),
    "subscription.past_due": Event("a period could not be collected", {"attempt": "count"}, platform=True),
    "mandate.created": Event(
        "a mandate waits for its approval", {"kind": "text", "membershipId": "id", "maxAmountPaise": "paise"}
    ),
    "mandate.active": Event("the payer approved a mandate, or goes on with it", {"kind": "text"}),
    "mandate.paused": Event("the student paused a mandate"),
    "mandate.revoked": Event("a mandate is over"),
    "mandate.debit_notified": Event("the notice before a debit was sent", {"debitAt": "moment"}),
    "mandate.debited": Event("a debit under a mandate was paid", {"amountPaise": "paise"}),
    "mandate.debit_failed": Event("a debit was tried as often as the network allows", {"attempt": "count"}),
}
