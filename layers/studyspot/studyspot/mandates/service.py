"""What people do with mandates: create one and approve it, pause and resume it, revoke it."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from studyspot.gateways.failures import GatewayFailure
from studyspot.gateways.payment import Customer
from studyspot.kit import audit, clock, log, outbox
from studyspot.kit.auth import Actor
from studyspot.kit.db import Db
from studyspot.kit.errors import StateConflict
from studyspot.kit.models import Page
from studyspot.kit.pages import Paging
from studyspot.mandates import queries
from studyspot.mandates.models import (
    Debit,
    Mandate,
    MandateExists,
    MandateNotActive,
    MandateRequest,
    MandateRow,
    OpenedMandate,
)
from studyspot.memberships import paying as memberships
from studyspot.payments import autopay, debits, merchants
from studyspot.payments import service as payments
from studyspot.payments.models import PLATFORM_PHONE, GatewayUnavailable, NothingToPay, Payable

APPROVAL_WITHIN = timedelta(days=1)
MONTH = timedelta(days=30)
ENDED = {"paused": "paused", "cancelled": "revoked", "rejected": "rejected"}
"""What the gateway's states come to here."""
FREQUENCY = "as_presented"
"""What falls due, and when, the membership says."""


def create(db: Db, core: Db, actor: Actor, asked: MandateRequest) -> OpenedMandate:
    """A mandate, and the order by which the payer approves it: their first debit, confirmed by themselves.

    Safe to repeat after any failure: an order whose answer was lost is looked up under our own reference first.
    """
    with db.transaction():
        mandate, payable = _opened(db, actor, asked)
    db.commit()
    return _ordered(db, core, mandate, payable)


def _opened(db: Db, actor: Actor, asked: MandateRequest) -> tuple[MandateRow, Payable]:
    payable = memberships.next_payable(db, asked.purpose_id, actor)
    live = queries.live(db, asked.purpose_id)
    if live and live.status == "created" and live.created_at + APPROVAL_WITHIN > clock.now():
        if (live.kind, live.max_amount_paise) == (asked.kind, asked.max_amount_paise):
            return live, memberships.owed(db, live.due_id, asked.purpose_id) if live.due_id else payable
        queries.change(db, live.id, status="rejected")
    elif live and live.status == "created":
        queries.change(db, live.id, status="rejected")
    elif live:
        raise MandateExists(mandateId=str(live.id))
    return _added(db, asked, payable), payable


def _added(db: Db, asked: MandateRequest, payable: Payable) -> MandateRow:
    most = asked.max_amount_paise
    autopay.rules(db).may_be_of(asked.kind, most, most)
    by_paying = asked.kind != "enach"
    if by_paying and payable.amount_paise == 0:
        raise NothingToPay("a mandate is approved by paying what is due, and nothing is")
    if by_paying:
        payments.refuse_open(db, payable.purpose, payable.purpose_id)
    _, _, through = merchants.route(db, payable.amount_paise or most, None, "razorpay", "dues")
    assert payable.student_id is not None, "what a membership costs is owed by a student"
    due = payable.purpose_id if by_paying else None
    until = clock.now() + asked.months * MONTH
    made = queries.add(db, asked, payable.student_id, due, through["razorpay"], until)
    if made is None:
        raise MandateExists
    told = {"kind": made.kind, "membershipId": str(made.membership_id), "maxAmountPaise": most}
    outbox.emit(db, "mandate.created", made.id, told)
    audit.note(db, "mandates.create", "mandates", made.id, after=told)
    return made


def _ordered(db: Db, core: Db, mandate: MandateRow, payable: Payable) -> OpenedMandate:
    amount = payable.amount_paise if mandate.due_id else 0
    asked = autopay.Asked(
        f"mandate-{mandate.id.hex}", amount, mandate.max_amount_paise, mandate.valid_until, mandate.kind, FREQUENCY
    )
    try:
        gateway = autopay.at(db, mandate.account_id)
        customer_id, order = autopay.register(gateway, asked, customer_of(payable), mandate.gateway_customer_id)
    except GatewayFailure as failure:
        log.warning("mandate_not_registered", mandate=mandate.id, error=str(failure))
        raise GatewayUnavailable(headers={"Retry-After": "5"}) from failure
    payment_id = None
    if mandate.due_id:
        until = mandate.created_at + APPROVAL_WITHIN
        row = debits.open_debit(db, core, payable, "razorpay", order.id, until, mandate.account_id)
        payment_id = row.id
    with db.transaction():
        known = {"gateway_order_id": order.id, "gateway_customer_id": customer_id, "payment_id": payment_id}
        queries.change(db, mandate.id, **known)
    return OpenedMandate(**mandate.shown().model_dump(), checkout=order.checkout, payment_id=payment_id)


def customer_of(payable: Payable) -> Customer:
    """The payer, as the gateway is told of them."""
    return Customer(payable.customer_phone or PLATFORM_PHONE, payable.customer_name, payable.customer_email or "")


def visible(db: Db, actor: Actor, mandate_id: UUID, lock: bool = False) -> MandateRow:
    """The mandate, if this person may see it."""
    mandate = queries.find(db, mandate_id, lock)
    actor.own("mandates:read", mandate.student_id)
    return mandate


def read(db: Db, actor: Actor, mandate_id: UUID) -> Mandate:
    """As it is; one that waits for its approval is looked up at the gateway."""
    mandate = visible(db, actor, mandate_id)
    if mandate.status != "created" or mandate.gateway_order_id is None:
        return mandate.shown()
    return looked_up(db, mandate).shown()


def looked_up(db: Db, mandate: MandateRow) -> MandateRow:
    """Approved, if the gateway says so; a silent one changes nothing."""
    try:
        token = autopay.token_of(autopay.at(db, mandate.account_id), mandate.gateway_order_id or "")
    except GatewayFailure as failure:
        log.warning("mandate_not_looked_up", mandate=mandate.id, error=str(failure))
        return mandate
    if token is None:
        return mandate
    with db.transaction():
        return approved(db, mandate.gateway_order_id or "", token) or queries.find(db, mandate.id)


def approved(db: Db, order_id: str, token_id: str) -> MandateRow | None:
    """In the caller's transaction: the payer has confirmed the mandate of this order, if it is one's."""
    mandate = queries.approve(db, order_id, token_id)
    if mandate:
        outbox.emit(db, "mandate.active", mandate.id, {"kind": mandate.kind})
        audit.note(db, "mandates.approve", "mandates", mandate.id, {"status": "created"}, {"status": "active"})
    return mandate


def listed(db: Db, actor: Actor, paging: Paging, student_id: UUID | None, status: str | None) -> Page[Mandate]:
    """Newest first; students see their own."""
    whose = student_id if actor.may("mandates:read") else actor.id
    return paging.page(queries.listed(db, whose, status, paging.after, paging.fetch))


def debits_of(db: Db, actor: Actor, mandate_id: UUID, paging: Paging) -> Page[Debit]:
    """Every debit with its notice, its attempts and what came of them."""
    visible(db, actor, mandate_id)
    return paging.page(queries.debits(db, mandate_id, paging.after, paging.fetch))


def pause(db: Db, actor: Actor, mandate_id: UUID) -> Mandate:
    """No debit is announced or asked for until it is resumed; those that were announced are not made."""
    with db.transaction():
        mandate = _held(db, visible(db, actor, mandate_id))
        if mandate.status != "active":
            raise StateConflict(f"the mandate is {mandate.status}")
        _call_off(db, mandate)
        return _turned(db, mandate, "paused").shown()


def resume(db: Db, actor: Actor, mandate_id: UUID) -> Mandate:
    """Debits are announced again, each a day before it is made."""
    with db.transaction():
        mandate = visible(db, actor, mandate_id, lock=True)
        if mandate.status != "paused":
            raise StateConflict(f"the mandate is {mandate.status}")
        return _turned(db, mandate, "active").shown()


def revoke(db: Db, actor: Actor, mandate_id: UUID) -> Mandate:
    """For good, here at once and then at the gateway. Where the gateway does not answer it is 503: repeat it."""
    with db.transaction():
        mandate = _held(db, visible(db, actor, mandate_id))
        if mandate.status == "rejected":
            raise StateConflict("the mandate is rejected")
        if mandate.status != "revoked":
            _call_off(db, mandate)
            mandate = _turned(db, mandate, "revoked", clock.now())
    db.commit()
    return _ended(db, mandate).shown()


def _held(db: Db, mandate: MandateRow) -> MandateRow:
    """Locked, after what is paid by its debits: whoever settles one comes to them in that order too."""
    for payment_id in queries.announced(db, mandate.id):
        payments.locked(db, payment_id)
    return queries.find(db, mandate.id, lock=True)


def _call_off(db: Db, mandate: MandateRow) -> None:
    for payment_id in queries.cancel_debits(db, mandate.id):
        called_off(db, payment_id)


def called_off(db: Db, payment_id: UUID) -> None:
    """Nobody will debit this: what it is for can be paid otherwise."""
    payments.advance(db, payments.locked(db, payment_id), "cancelled", failure="mandate_ended")


def _ended(db: Db, mandate: MandateRow) -> MandateRow:
    if mandate.ended_at:
        return mandate
    if mandate.token_id and mandate.gateway_customer_id:
        try:
            autopay.cancel(autopay.at(db, mandate.account_id), standing(mandate))
        except GatewayFailure as failure:
            log.warning("mandate_not_ended", mandate=mandate.id, error=str(failure))
            raise GatewayUnavailable(headers={"Retry-After": "5"}) from failure
    with db.transaction():
        return queries.change(db, mandate.id, ended_at=clock.now())


def standing(mandate: MandateRow) -> autopay.Standing:
    """How the gateway knows it."""
    return autopay.Standing(mandate.gateway_customer_id or "", mandate.token_id or "")


def must_stand(db: Db, mandate: MandateRow) -> None:
    """MandateNotActive when it does not, here or at the payer's bank: whatever became of it there is so here too."""
    if mandate.status != "active":
        raise MandateNotActive(f"the mandate is {mandate.status}")
    db.commit()
    try:
        found = autopay.state(autopay.at(db, mandate.account_id), standing(mandate))
    except GatewayFailure as failure:
        log.warning("mandate_not_looked_up", mandate=mandate.id, error=str(failure))
        raise GatewayUnavailable(headers={"Retry-After": "5"}) from failure
    if turned := ENDED.get(found):
        with db.transaction():
            mandate = _held(db, mandate)
            _call_off(db, mandate)
            _turned(db, mandate, turned, clock.now() if turned == "revoked" else None)
        db.commit()
        raise MandateNotActive(f"the payer's bank says that it is {found}")


def _turned(db: Db, mandate: MandateRow, status: str, revoked_at: datetime | None = None) -> MandateRow:
    match status:
        case "paused":
            outbox.emit(db, "mandate.paused", mandate.id)
        case "active":
            outbox.emit(db, "mandate.active", mandate.id, {"kind": mandate.kind})
        case _:
            outbox.emit(db, "mandate.revoked", mandate.id)
    audit.note(db, f"mandates.{status}", "mandates", mandate.id, {"status": mandate.status}, {"status": status})
    return queries.change(db, mandate.id, status=status, revoked_at=revoked_at)
