"""The money of a booking that no gateway sees, and what goes back when one is given up."""

from __future__ import annotations

from typing import NamedTuple

from studyspot.bookings import queries
from studyspot.bookings.models import Booking, DeskMethod
from studyspot.bookings.models.refusals import NotPaid
from studyspot.bookings.scope import facts_of
from studyspot.kit import outbox
from studyspot.kit.db import Db
from studyspot.ledger import models as books
from studyspot.ledger import service as ledger
from studyspot.payments.models import AmountMismatch

DESK = {"cash": "asset.cash", "upi": "asset.desk_upi", "card": "asset.desk_card"}
"""Where money taken over the counter is kept."""


class DeskSale(NamedTuple):
    """What the desk says it took for a booking."""

    method: DeskMethod | None
    amount_paise: int | None = None


def sold_at_desk(db: Db, booking: Booking, sale: DeskSale) -> Booking:
    """Paid in full over the counter, or not sold; in the transaction that makes the booking."""
    price = booking.amount_paise
    if not price:
        return booking
    if sale.method is None:
        raise NotPaid(amountPaise=price)
    if sale.amount_paise not in (None, price):
        raise AmountMismatch(amountPaise=price)
    queries.paid_at_desk(db, booking.id, sale.method)
    lines = [(DESK[sale.method], price), (books.revenue("booking"), -price)]
    ledger.post(db, "desk_booking", booking.id, lines, f"Seat {booking.seat_code}")
    return booking.model_copy(update={"desk_method": sale.method})


def cancelled(db: Db, booking: Booking) -> None:
    """By the gateway what came through it; what was paid over the counter is owed until somebody hands it back."""
    outbox.emit(db, "booking.cancelled", booking.id, facts_of(booking))
    if booking.payment_id:
        outbox.send(db, "payment-settler", {"refundOf": booking.payment_id, "reason": "booking cancelled"})
    elif booking.desk_method:
        lines = [(books.revenue("booking"), booking.amount_paise), (books.REFUNDS_DUE, -booking.amount_paise)]
        ledger.post(db, "desk_booking_cancelled", booking.id, lines, f"Seat {booking.seat_code} given up")


def refund_of(booking: Booking) -> int:
    """What goes back to whom it was paid by."""
    return booking.amount_paise if booking.payment_id or booking.desk_method else 0
