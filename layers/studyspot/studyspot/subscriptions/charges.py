"""The money side of a period: registering the mandate, announcing a debit, asking for it, learning its outcome.

The gateway is called outside any transaction; every call is looked up by our own reference before it is repeated.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from studyspot.gateways.payment import Customer
from studyspot.kit import clock
from studyspot.kit.db import Db
from studyspot.payments import autopay, debits
from studyspot.payments import service as payments
from studyspot.payments.models import PLATFORM_PHONE, Payable
from studyspot.subscriptions import queries
from studyspot.subscriptions.models import Mandate, MandateRequired, Period, Subscription

APPROVAL_WITHIN = timedelta(days=1)
DEBIT_WITHIN = timedelta(days=3)


def _customer(core: Db, customer_id: UUID) -> Customer:
    payer = queries.payer(core, customer_id)
    return Customer(phone=payer.phone or PLATFORM_PHONE, name=payer.name, email=payer.email)


def _payable(core: Db, subscription: Subscription, period: Period, until: datetime) -> Payable:
    payer = queries.payer(core, subscription.customer_id)
    return Payable(
        purpose="subscription",
        purpose_id=period.id,
        amount_paise=period.total_paise,
        description=f"StudySpot {subscription.plan_name}",
        customer_name=payer.name,
        customer_phone=payer.phone,
        customer_email=payer.email,
        expires_at=until,
    )


def awaits_payer(core: Db, period: Period) -> bool:
    """Whether the first payment is open at the gateway and may still be made."""
    return debits.awaited(core, "subscription", period.id)


def mandate_of(core: Db, subscription: Subscription) -> Mandate:
    """The mandate that pays, whatever its state."""
    if subscription.mandate_id is None:
        raise MandateRequired
    return queries.mandate(core, subscription.mandate_id)


def register_mandate(core: Db, subscription: Subscription, period: Period) -> dict[str, Any]:
    """An order whose payment approves the mandate and pays the first period; answers what the checkout needs."""
    mandate = mandate_of(core, subscription)
    customer = _customer(core, subscription.customer_id)
    core.commit()
    asked = autopay.Asked(
        f"mandate-{mandate.id.hex}", period.total_paise, mandate.max_amount_paise, mandate.valid_until
    )
    customer_id, order = autopay.register(autopay.at(core, None), asked, customer, mandate.gateway_customer_id)
    with core.transaction():
        until = clock.now() + APPROVAL_WITHIN
        debits.open_debit(core, core, _payable(core, subscription, period, until), "razorpay", order.id, until)
        queries.change_mandate(core, mandate.id, gateway_order_id=order.id, gateway_customer_id=customer_id)
    return order.checkout


def keep_token(core: Db, subscription: Subscription) -> None:
    """The token that approval created, read from the gateway's record of the first payment."""
    mandate = mandate_of(core, subscription)
    if mandate.token_id or mandate.gateway_order_id is None:
        return
    token_id = autopay.token_of(autopay.at(core, None), mandate.gateway_order_id)
    if token_id is None:
        raise MandateRequired(f"the payment of {mandate.gateway_order_id} carries no token yet")
    queries.change_mandate(core, mandate.id, token_id=token_id, status="active")


def _standing(mandate: Mandate) -> autopay.Standing:
    return autopay.Standing(mandate.gateway_customer_id or "", mandate.token_id or "")


def cancel_mandate(core: Db, mandate: Mandate) -> None:
    """At the gateway, where it has one; a mandate that it does not know is cancelled."""
    if mandate.token_id is None or mandate.gateway_customer_id is None:
        return
    core.commit()
    autopay.cancel(autopay.at(core, None), _standing(mandate))


def announce(core: Db, subscription: Subscription, period: Period, debit_at: datetime) -> tuple[str, UUID]:
    """The order of one debit, which makes the gateway send the pre-debit notice; answers it and our payment."""
    mandate = mandate_of(core, subscription)
    core.commit()
    order = autopay.announce(
        autopay.at(core, None), _standing(mandate), _reference(period), period.total_paise, debit_at
    )
    until = debit_at + DEBIT_WITHIN
    payable = _payable(core, subscription, period, until)
    return order.id, debits.open_debit(core, core, payable, "razorpay", order.id, until).id


def _reference(period: Period) -> str:
    """At most 40 characters, one for each attempt."""
    return f"{period.id.hex}-{period.attempts}"


def debit(core: Db, subscription: Subscription, period: Period, order_id: str) -> None:
    """Ask once; failures show on looking."""
    mandate = mandate_of(core, subscription)
    customer = _customer(core, subscription.customer_id)
    core.commit()
    text = f"StudySpot {subscription.plan_name}"
    autopay.charge(
        autopay.at(core, None), _standing(mandate), order_id, period.total_paise, customer, text, retry=False
    )


def outcome(core: Db, order_id: str) -> autopay.Outcome:
    """As the gateway knows it now."""
    core.commit()
    return autopay.outcome(autopay.at(core, None), order_id)


def failed(core: Db, payment_id: UUID) -> None:
    """In the caller's transaction: this attempt brought nothing, so that another can be opened."""
    payments.advance(core, payments.locked(core, payment_id), "failed", failure="debit_failed")
