"""Debits under a mandate: what law and network allow on a day, and how Razorpay is asked, for whoever bills by one.

The figures are dated rows of `statutory_params`. Every call of the gateway is looked up by our own reference before it
is repeated, outside any transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Literal
from uuid import UUID

from studyspot.gateways import razorpay_mandates
from studyspot.gateways.failures import GatewayFailure, GatewayRejected
from studyspot.gateways.payment import Customer, GatewayOrder, MandateState
from studyspot.gateways.razorpay import Razorpay
from studyspot.kit import clock, log
from studyspot.kit.clock import INDIA
from studyspot.kit.db import Db
from studyspot.payments import merchants, queries
from studyspot.payments.models import DebitAttemptsUsed, MandateLimit, OutsideUpiWindow, PreDebitNoticeMissing

Kind = Literal["upi", "card", "enach"]
Outcome = Literal["paid", "pending", "failed"]


@dataclass(frozen=True)
class Rules:
    """What holds today."""

    notice: timedelta
    limit_paise: int
    windows: Sequence[Sequence[str]]
    attempts: int

    def may_be_of(self, kind: Kind, amount_paise: int, most_paise: int) -> None:
        """Never more than the payer approved; without their confirmation no more than the framework allows. It is about
        UPI and cards: debits of a bank account by eNACH lie outside it."""
        if amount_paise > most_paise or (kind != "enach" and amount_paise > self.limit_paise):
            raise MandateLimit(mostPaise=most_paise if kind == "enach" else min(most_paise, self.limit_paise))

    def may_be_at(self, kind: Kind, debit_at: datetime, noticed_at: datetime) -> None:
        """Long enough after the notice, and at an hour at which the network carries it out."""
        if debit_at < noticed_at + self.notice:
            raise PreDebitNoticeMissing(earliest=(noticed_at + self.notice).isoformat())
        allowed = next_in_windows(debit_at, self.windows)
        if kind == "upi" and allowed > debit_at:
            raise OutsideUpiWindow(next=allowed.isoformat())

    def may_try_again(self, tried: int) -> None:
        """One attempt and three retries."""
        if tried >= self.attempts:
            raise DebitAttemptsUsed(attempts=tried)


def rules(db: Db) -> Rules:
    """The figures in force on this day in India."""
    found = queries.statutory(
        db,
        [
            "pre_debit_notice_hours",
            "mandate_limit_without_afa_paise",
            "upi_autopay_windows_ist",
            "upi_autopay_attempts",
        ],
        clock.now().astimezone(INDIA).date(),
    )
    return Rules(
        timedelta(hours=int(found["pre_debit_notice_hours"])),
        int(found["mandate_limit_without_afa_paise"]),
        found["upi_autopay_windows_ist"],
        int(found["upi_autopay_attempts"]),
    )


def next_in_windows(moment: datetime, windows: Sequence[Sequence[str]]) -> datetime:
    """The first moment from `moment` on that lies in a window of the Indian day (`[["00:00", "10:00"], ...]`)."""
    local = moment.astimezone(INDIA)
    for day in range(2):
        midnight = datetime.combine(local.date() + timedelta(days=day), time(), INDIA)
        for opens, closes in windows:
            start, end = midnight + _since_midnight(opens), midnight + _since_midnight(closes)
            if local < end:
                return max(local, start).astimezone(moment.tzinfo)
    raise ValueError(f"no window in {windows}")


def _since_midnight(text: str) -> timedelta:
    hours, minutes = text.split(":")
    return timedelta(hours=int(hours), minutes=int(minutes))


def at(db: Db, account_id: UUID | None) -> Razorpay:
    """The client of the account that a mandate was approved for."""
    gateway = merchants.of_account(db, "razorpay", account_id)
    assert isinstance(gateway, Razorpay), "mandates are Razorpay's"
    return gateway


@dataclass(frozen=True)
class Asked:
    """A mandate as the gateway is asked for it."""

    reference: str
    amount_paise: int
    """What the payer pays by approving; nothing at a bank (eNACH)."""
    most_paise: int
    valid_until: datetime
    kind: Kind | None = None
    frequency: str = "monthly"


def register(gateway: Razorpay, asked: Asked, customer: Customer, customer_id: str | None) -> tuple[str, GatewayOrder]:
    """The order whose payment approves the mandate, made once; and who the payer is there."""
    known = customer_id or razorpay_mandates.create_customer(gateway, customer)
    order = gateway.find_order(asked.reference) or razorpay_mandates.register(
        gateway,
        asked.reference,
        asked.amount_paise,
        known,
        max_amount_paise=asked.most_paise,
        expires_at=asked.valid_until,
        frequency=asked.frequency,
        method={"upi": "upi", "card": "card", "enach": "emandate"}[asked.kind] if asked.kind else None,
    )
    return known, order


def token_of(gateway: Razorpay, order_id: str) -> str | None:
    """What approval made, read from the gateway's record of the approving payment."""
    facts = gateway.fetch_payment_of(order_id)
    return next((fact.token_id for fact in facts if fact.status == "captured" and fact.token_id), None)


@dataclass(frozen=True)
class Standing:
    """An approved mandate at the gateway."""

    customer_id: str
    token_id: str


def state(gateway: Razorpay, standing: Standing) -> MandateState:
    """The payer can pause and end it where they approved it, without asking us."""
    return razorpay_mandates.fetch(gateway, standing.customer_id, standing.token_id).status


def announce(
    gateway: Razorpay, standing: Standing, reference: str, amount_paise: int, debit_at: datetime
) -> GatewayOrder:
    """The order of one debit, made once; it makes the gateway send the pre-debit notice."""
    return gateway.find_order(reference) or razorpay_mandates.announce(
        gateway, reference, amount_paise, standing.customer_id, standing.token_id, debit_at
    )


def charge(
    gateway: Razorpay,
    standing: Standing,
    order_id: str,
    amount_paise: int,
    customer: Customer,
    description: str,
    retry: bool = True,
) -> None:
    """Ask once: where a payment of this order is under way or made - or, without `retry`, failed - nothing is asked.

    Failures show on looking.
    """
    order = GatewayOrder(order_id, "", "created", amount_paise, "INR", {}, {})
    try:
        known = gateway.fetch_payment_of(order_id)
        if all(retry and fact.status == "failed" for fact in known):
            razorpay_mandates.charge(gateway, order, standing.customer_id, standing.token_id, customer, description)
    except GatewayFailure as failure:
        log.warning("debit_not_confirmed", order=order_id, error=str(failure))


def outcome(gateway: Razorpay, order_id: str) -> Outcome:
    """As the gateway knows it now; a debit that left no trace was never made."""
    states = {fact.status for fact in gateway.fetch_payment_of(order_id)}
    if "captured" in states:
        return "paid"
    return "pending" if states & {"created", "authorized"} else "failed"


def cancel(gateway: Razorpay, standing: Standing) -> None:
    """A mandate that the gateway does not know any more is cancelled."""
    try:
        razorpay_mandates.cancel(gateway, standing.customer_id, standing.token_id)
    except GatewayRejected as refusal:
        log.warning("mandate_not_cancelled", error=repr(refusal))
