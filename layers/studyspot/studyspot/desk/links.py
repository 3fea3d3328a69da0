"""Links that ask for a payment: made and sent by the desk, opened by whoever has the code, paid without signing in."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import get_args
from uuid import UUID

from studyspot.desk import queries, upi
from studyspot.desk.models import Link, LinkClosed, LinkPage, LinkPayment, LinkPayRequest, LinkRequest, LinkStatus, Sold
from studyspot.desk.queries import LinkRow
from studyspot.fulfilment import paying, purposes
from studyspot.kit import audit, cells, clock, settings
from studyspot.kit.auth import Actor
from studyspot.kit.clock import INDIA
from studyspot.kit.db import Db
from studyspot.kit.errors import NotFound, Problem
from studyspot.messaging import service as messaging
from studyspot.payments import byhand
from studyspot.payments.models import AlreadyPaid, Payable, PayRequest
from studyspot.policies import service as policies

LETTERS = "23456789abcdefghjkmnpqrstuvwxyz"
"""Without those that look like another."""
LENGTH = 10
TEXT = "payment_link"
ADMITTED = ("active", "past_due")
"""States of an organisation that takes money."""


def make(db: Db, core: Db, actor: Actor, asked: LinkRequest) -> Link:
    """For what is to be paid now; sent to the phone of whose it is."""
    payable = purposes.of(asked.purpose).payable(db, asked.purpose_id, actor)
    assert payable.student_id is not None, "what is sold to students is somebody's"
    db.commit()
    code = _code(core, db.tenant)
    with db.transaction():
        until = clock.now() + timedelta(hours=asked.valid_hours)
        row = queries.add_link(db, code, asked, payable.student_id, until)
        to = payable.customer_phone if asked.send == "sms" else None
        if to:
            _send(db, row, payable, to)
        told = {"purpose": asked.purpose, "purposeId": asked.purpose_id, "sent": bool(to)}
        audit.note(db, "payments.link", "payment-links", row.id, after=told)
    return Link(
        **row.model_dump(exclude={"cancelled_at"}),
        url=_address(code),
        amount_paise=payable.amount_paise,
        status="open",
        sent_to=f"***{to[-4:]}" if to else None,
    )


def _code(core: Db, tenant: UUID) -> str:
    """Known to the directory before anybody is told of it."""
    while True:
        code = "".join(secrets.choice(LETTERS) for _ in range(LENGTH))
        if queries.register_link(core, code, tenant):
            core.commit()
            return code


def _address(code: str) -> str:
    s = settings.get()
    return f"{s.app_base_url or s.public_base_url}/pay/{code}"


def _send(db: Db, row: LinkRow, payable: Payable, to: str) -> None:
    whole, rest = divmod(payable.amount_paise, 100)
    facts = {
        "name": payable.customer_name or "customer",
        "amount": f"{whole}.{rest:02}" if rest else str(whole),
        "purpose": payable.description,
        "date": f"{row.expires_at.astimezone(INDIA):%d %b %H:%M}",
        "code": row.code,
    }
    messaging.send(db, TEXT, to, facts, row.student_id, "student", about=row.id)


def cancel(db: Db, link_id: UUID) -> None:
    """Nobody pays by it from now on; once more changes nothing. What was begun by it goes on."""
    with db.transaction():
        queries.link(db, link_id)
        if queries.cancel_link(db, link_id):
            audit.note(db, "payments.link_cancelled", "payment-links", link_id)


def page(core: Db, code: str) -> LinkPage:
    """What it is for and whether it can be paid; nothing of whose it is."""
    with cells.tenant_db(_owner(core, code)) as db:
        row = queries.link_of(db, code)
        status, payable = _standing(db, row)
        own = policies.policies(db)
        return LinkPage(
            code=code,
            payee=upi.payee(db, own),
            description=payable.description if payable else "",
            amount_paise=payable.amount_paise if payable and status == "open" else None,
            status=status,
            expires_at=row.expires_at,
            upi=own.payments.upi_address is not None,
        )


def pay(core: Db, code: str, asked: LinkPayRequest) -> LinkPayment:
    """A payment like any other, for whoever has the link: at a gateway, or to the organisation's own UPI address."""
    with cells.tenant_db(_owner(core, code)) as db:
        row = queries.link_of(db, code)
        status, payable = _standing(db, row)
        if status == "paid":
            raise AlreadyPaid
        if status != "open" or payable is None:
            raise LinkClosed
        if asked.through == "own":
            return _to_own_address(db, row)
        db.commit()
        wanted = PayRequest(purpose=_sold(row), purpose_id=row.purpose_id, method=asked.method, gateway=asked.gateway)
        opened = paying.pay(db, core, _payer(db, row), wanted)
    return LinkPayment(
        payment_id=opened.id, checkout=opened.checkout, intent=None,
        **opened.model_dump(include={"amount_paise", "currency", "status", "gateway", "expires_at"}),
    )  # fmt: skip


def _to_own_address(db: Db, row: LinkRow) -> LinkPayment:
    purpose = purposes.of(row.purpose)
    with db.transaction():
        byhand.hold(db, row.purpose, row.purpose_id)
        payment, intent = upi.of_link(db, purpose.payable(db, row.purpose_id, _payer(db, row)), purpose)
    return LinkPayment(
        payment_id=payment.id, checkout=None, intent=intent,
        **payment.model_dump(include={"amount_paise", "currency", "status", "gateway", "expires_at"}),
    )  # fmt: skip


def _owner(core: Db, code: str) -> UUID:
    found = queries.owner_of_link(core, code)
    core.commit()
    if found is None:
        raise NotFound
    with cells.tenant_db(found) as db:
        if queries.state(db) not in ADMITTED:
            raise NotFound
    return found


def _standing(db: Db, row: LinkRow) -> tuple[LinkStatus, Payable | None]:
    """As what it asks for stands at this moment."""
    try:
        payable = purposes.of(row.purpose).payable(db, row.purpose_id, _payer(db, row))
    except AlreadyPaid:
        return "paid", None
    except Problem:
        return "expired", None
    if row.cancelled_at is not None:
        return "cancelled", payable
    return ("open" if row.expires_at > clock.now() else "expired"), payable


def _payer(db: Db, row: LinkRow) -> Actor:
    """Whoever has the link may pay for its student, and do nothing else."""
    return Actor(
        id=row.student_id, user_type="student", tenant_id=db.tenant, session_id=row.id, token_id="", email=None,
        roles=(), permissions=frozenset(),
    )  # fmt: skip


def _sold(row: LinkRow) -> Sold:
    return next(purpose for purpose in get_args(Sold) if purpose == row.purpose)
