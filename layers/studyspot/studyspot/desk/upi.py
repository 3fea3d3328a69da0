"""UPI without asking for the payer's address: a link that opens the payer's app, or the same as a code on a screen."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import quote, urlencode

from studyspot.desk import queries
from studyspot.desk.models import CollectRetired, NoUpiAddress, UpiPayment, UpiRequest
from studyspot.fulfilment import paying, purposes
from studyspot.fulfilment.purposes import Purpose
from studyspot.kit import clock
from studyspot.kit.auth import Actor
from studyspot.kit.db import Db
from studyspot.payments import byhand
from studyspot.payments.models import AmountMismatch, Payable, PaymentRow, PayRequest
from studyspot.policies import service as policies
from studyspot.policies.models import PoliciesInForce

COLLECT = "upi_collect_retired"
SHOWN = timedelta(minutes=30)
"""How long an address that nobody says to have paid keeps others from paying; a claim comes in time at any time."""
NOTE_LETTERS, PAYEE_LETTERS = 50, 50


def pay(db: Db, core: Db, actor: Actor, asked: UpiRequest) -> UpiPayment:
    """Into the organisation's own account where it has an address, through a gateway elsewhere.

    Asked for again while nobody says to have paid, it is the same payment.
    """
    if asked.flow == "collect":
        _must_be_exempt(db, asked.platform)
        return _through_gateway(db, core, actor, asked)
    own = policies.policies(db)
    if asked.through == "gateway" or (asked.through is None and own.payments.upi_address is None):
        return _through_gateway(db, core, actor, asked)
    purpose = purposes.of(asked.purpose)
    with db.transaction():
        byhand.hold(db, asked.purpose, asked.purpose_id)
        payable = purpose.payable(db, asked.purpose_id, actor)
        if asked.amount_paise not in (None, payable.amount_paise):
            raise AmountMismatch
        row = shown(db, payable, purpose)
    return UpiPayment(
        **row.shown().model_dump(), through="own", intent=intent(db, own, row), payee=payee(db, own), checkout=None
    )


def shown(db: Db, payable: Payable, purpose: Purpose) -> PaymentRow:
    """The payment whose address the payer is shown; the payable is held."""
    known = byhand.waiting(db, payable.purpose, payable.purpose_id)
    if known and known.amount_paise == payable.amount_paise and known.method == "upi":
        return known
    until = clock.now() + min(purpose.window, SHOWN)
    row = byhand.until(db, byhand.opened(db, payable, "upi", until, {}), until)
    purpose.await_payment(db, payable.purpose_id, row.id, until)
    return row


def intent(db: Db, own: PoliciesInForce, row: PaymentRow) -> str:
    """NPCI's link: address, name, amount in rupees, our reference and a note; payers' apps and codes read the same."""
    if own.payments.upi_address is None:
        raise NoUpiAddress
    facts = {
        "pa": own.payments.upi_address,
        "pn": payee(db, own)[:PAYEE_LETTERS],
        "am": _plain(row.amount_paise),
        "cu": "INR",
        "tr": row.id.hex,
        "tn": row.description[:NOTE_LETTERS],
    }
    return f"upi://pay?{urlencode(facts, quote_via=quote, safe='@')}"


def payee(db: Db, own: PoliciesInForce) -> str:
    """Whom the payer pays."""
    return own.payments.upi_payee or policies.branding(db).display_name or queries.first_library(db)


def _plain(paise: int) -> str:
    whole, rest = divmod(paise, 100)
    return f"{whole}.{rest:02}"


def _must_be_exempt(db: Db, platform: str | None) -> None:
    """What the law has retired, from the day it has, but for what it exempts."""
    rule: dict[str, Any] | None = queries.statutory(db, COLLECT)
    if rule is not None and platform not in rule["exemptPlatforms"]:
        raise CollectRetired


def _through_gateway(db: Db, core: Db, actor: Actor, asked: UpiRequest) -> UpiPayment:
    facts = asked.model_dump(include={"purpose", "purpose_id", "amount_paise"})
    opened = paying.pay(db, core, actor, PayRequest(**facts, method="upi"))
    told = opened.model_dump(exclude={"checkout", "routing"})
    return UpiPayment(**told, through="gateway", intent=None, payee=None, checkout=opened.checkout)


def of_link(db: Db, payable: Payable, purpose: Purpose) -> tuple[PaymentRow, str]:
    """For whoever has a link: the payment, and what opens their app."""
    row = shown(db, payable, purpose)
    return row, intent(db, policies.policies(db), row)


def has_address(db: Db) -> bool:
    return policies.policies(db).payments.upi_address is not None
