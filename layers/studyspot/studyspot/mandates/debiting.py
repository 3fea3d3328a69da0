"""The door of every debit under a mandate: tell the payer, ask when the law allows it, see what came of it.

Whoever bills by mandate calls these three, one after the other; none can be gone round, and each is safe to repeat.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from studyspot.gateways.failures import GatewayFailure
from studyspot.gateways.rupees import decimal
from studyspot.kit import clock, log, outbox
from studyspot.kit.clock import INDIA
from studyspot.kit.db import Db
from studyspot.kit.errors import StateConflict
from studyspot.mandates import queries
from studyspot.mandates.models import Debit, DebitRow, DebitUnderWay, MandateNotActive, MandateRow
from studyspot.mandates.service import approved, called_off, customer_of, looked_up, must_stand, standing
from studyspot.memberships import paying as memberships
from studyspot.messaging import service as messaging
from studyspot.payments import autopay, debits
from studyspot.payments import service as payments
from studyspot.payments.models import GatewayUnavailable, MandateLimit, Payable

SETTLER = "payment-settler"
DEBIT_WITHIN = timedelta(days=3)


def announce(db: Db, core: Db, mandate_id: UUID, due_id: UUID, debit_at: datetime) -> Debit:
    """Tell the payer what will be debited and when; without this nothing can be asked for."""
    mandate = queries.find(db, mandate_id)
    if mandate.status == "created" and mandate.gateway_order_id:
        mandate = looked_up(db, mandate)
    must_stand(db, mandate)
    with db.transaction():
        mandate, payable, debit_id = _opening(db, mandate_id, due_id, debit_at)
    db.commit()
    try:
        gateway = autopay.at(db, mandate.account_id)
        order = autopay.announce(gateway, standing(mandate), debit_id.hex, payable.amount_paise, debit_at)
    except GatewayFailure as failure:
        log.warning("debit_not_announced", debit=debit_id, error=str(failure))
        raise GatewayUnavailable(headers={"Retry-After": "5"}) from failure
    until = debit_at + DEBIT_WITHIN
    payment = debits.open_debit(db, core, payable, "razorpay", order.id, until, mandate.account_id)
    with db.transaction():
        facts = {"noticed_at": clock.now(), "gateway_order_id": order.id, "payment_id": payment.id}
        if queries.move_debit(db, debit_id, "opening", status="announced", **facts):
            outbox.emit(db, "mandate.debit_notified", mandate.id, {"debitAt": debit_at.isoformat()})
            _tell(db, "mandate_notice", payable, debit_id, debit_at)
        elif queries.debit(db, debit_id).status == "cancelled":  # the mandate was paused or revoked meanwhile
            called_off(db, payment.id)
    db.commit()
    return queries.shown_debit(db, debit_id)


def _opening(db: Db, mandate_id: UUID, due_id: UUID, debit_at: datetime) -> tuple[MandateRow, Payable, UUID]:
    mandate, payable = _allowed(db, mandate_id, due_id)
    autopay.rules(db).may_be_at(mandate.kind, debit_at, clock.now())
    if debit_at >= mandate.valid_until:
        raise MandateLimit("the mandate is not valid that long")
    live = queries.live_debit(db, due_id)
    if live and live.status == "opening":
        if (live.mandate_id, live.debit_at, live.amount_paise) == (mandate.id, debit_at, payable.amount_paise):
            return mandate, payable, live.id
        queries.move_debit(db, live.id, "opening", status="cancelled")
    elif live:
        raise DebitUnderWay(debitId=str(live.id))
    payments.refuse_open(db, payable.purpose, payable.purpose_id)
    return mandate, payable, queries.add_debit(db, mandate.id, due_id, payable.amount_paise, debit_at)


def _allowed(db: Db, mandate_id: UUID, due_id: UUID) -> tuple[MandateRow, Payable]:
    """The mandate stands, covers the sum, and the sum is owed."""
    mandate = queries.find(db, mandate_id, lock=True)
    if mandate.status != "active":
        raise MandateNotActive(f"the mandate is {mandate.status}")
    payable = memberships.owed(db, due_id, mandate.membership_id)
    autopay.rules(db).may_be_of(mandate.kind, payable.amount_paise, mandate.max_amount_paise)
    return mandate, payable


def ask(db: Db, debit_id: UUID) -> Debit:
    """Ask the gateway for an announced debit: after the notice has stood long enough, at an hour at which the network
    carries it out, and at most as often as it allows."""
    debit = queries.debit(db, debit_id)
    if debit.payment_id is None:
        raise StateConflict(f"the debit is {debit.status}")
    must_stand(db, queries.find(db, debit.mandate_id))
    with db.transaction():
        debits.refuse_others(db, "dues", debit.due_id, debit.payment_id)
        mandate, payable = _allowed(db, debit.mandate_id, debit.due_id)
        debit = queries.debit(db, debit_id, lock=True)
        _may_be_asked(db, mandate, debit)
        queries.add_attempt(db, debit_id, debit.tried + 1)
        queries.move_debit(db, debit_id, "announced", "asked", status="asked")
    db.commit()
    gateway = autopay.at(db, mandate.account_id)
    order_id = debit.gateway_order_id or ""
    autopay.charge(gateway, standing(mandate), order_id, debit.amount_paise, customer_of(payable), payable.description)
    return queries.shown_debit(db, debit_id)


def _may_be_asked(db: Db, mandate: MandateRow, debit: DebitRow) -> None:
    if debit.status not in ("announced", "asked") or debit.noticed_at is None:
        raise StateConflict(f"the debit is {debit.status}")
    if debit.awaited:
        raise DebitUnderWay(debitId=str(debit.id))
    rules = autopay.rules(db)
    rules.may_try_again(debit.tried)
    rules.may_be_at(mandate.kind, clock.now(), debit.noticed_at)


def look(db: Db, debit_id: UUID) -> Debit:
    """What became of the attempt: paid is left to the settler, declined may be tried again while the network allows."""
    debit = queries.debit(db, debit_id)
    mandate = queries.find(db, debit.mandate_id)
    db.commit()
    if debit.status == "asked" and debit.gateway_order_id:
        came_to = autopay.outcome(autopay.at(db, mandate.account_id), debit.gateway_order_id)
        with db.transaction():
            _came_to(db, debit_id, came_to)
        db.commit()
    return queries.shown_debit(db, debit_id)


def _came_to(db: Db, debit_id: UUID, came_to: autopay.Outcome) -> None:
    debit = queries.debit(db, debit_id, lock=True)
    if came_to == "paid" and debit.status == "asked":
        outbox.send(db, SETTLER, {"paymentId": str(debit.payment_id)})
    elif came_to == "failed" and debit.awaited:
        queries.end_attempt(db, debit_id, "declined")
        _given_up(db, debit)


def _given_up(db: Db, debit: DebitRow) -> None:
    if debit.tried < autopay.rules(db).attempts or debit.payment_id is None:
        return
    queries.move_debit(db, debit.id, "asked", status="failed")
    payments.advance(db, payments.locked(db, debit.payment_id), "failed", failure="debit_failed")
    outbox.emit(db, "mandate.debit_failed", debit.mandate_id, {"attempt": debit.tried})


def settled(db: Db, payment_id: UUID, order_id: str, token_id: str) -> None:
    """In the transaction that captures: money came by a mandate, so it is approved by now, or its debit is paid."""
    if approved(db, order_id, token_id):
        return
    debit = queries.debit_of(db, payment_id)
    if debit is None or not queries.move_debit(
        db, debit.id, "announced", "asked", "failed", "cancelled", status="paid", paid_at=clock.now()
    ):
        return
    queries.end_attempt(db, debit.id, "paid")
    outbox.emit(db, "mandate.debited", debit.mandate_id, {"amountPaise": debit.amount_paise})
    _tell(db, "mandate_debited", memberships.billed(db, debit.due_id), debit.id, clock.now())


def _tell(db: Db, mail: str, payable: Payable, debit_id: UUID, at: datetime) -> None:
    """By mail, where there is an address; the gateway tells every payer itself."""
    if not payable.customer_email:
        return
    facts = {
        "name": payable.customer_name,
        "what": payable.description,
        "library": queries.merchant(db, debit_id),
        "amount": str(decimal(payable.amount_paise)),
        "date": f"{at.astimezone(INDIA):%d %b %Y, %H:%M}",
        "reference": str(debit_id),
    }
    messaging.mail(db, mail, payable.customer_email, facts, payable.student_id, "student")
