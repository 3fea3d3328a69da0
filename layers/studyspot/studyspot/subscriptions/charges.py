"""The money side of a period: registering the mandate, announcing a debit, asking for it, learning its outcome.

The gateway is called outside any transaction; every call is looked up by our own reference before it is repeated.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from studyspot import gateways
from studyspot.gateways import razorpay_mandates
from studyspot.gateways.failures import GatewayFailure, GatewayRejected
from studyspot.gateways.payment import Customer, GatewayOrder
from studyspot.gateways.razorpay import Razorpay
from studyspot.kit import clock, log, settings
from studyspot.kit.db import Db
from studyspot.payments import debits
from studyspot.payments import service as payments
from studyspot.payments.models import PLATFORM_PHONE, Payable
from studyspot.subscriptions import queries
from studyspot.subscriptions.models import Mandate, MandateRequired, Period, Subscription

Outcome = Literal["paid", "pending", "failed"]
APPROVAL_WITHIN = timedelta(days=1)
DEBIT_WITHIN = timedelta(days=3)


def _gateway() -> Razorpay:
    gateway = gateways.payment_gateway("razorpay", settings.get())
    assert isinstance(gateway, Razorpay), "mandates are Razorpay's"
    return gateway


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
    mandate, gateway = mandate_of(core, subscription), _gateway()
    customer = _customer(core, subscription.customer_id)
    core.commit()
    reference = f"mandate-{mandate.id.hex}"
    customer_id = mandate.gateway_customer_id or razorpay_mandates.create_customer(gateway, customer)
    order = gateway.find_order(reference) or razorpay_mandates.register(
        gateway,
        reference,
        period.total_paise,
        customer_id,
        max_amount_paise=mandate.max_amount_paise,
        expires_at=mandate.valid_until,
    )
    with core.transaction():
        until = clock.now() + APPROVAL_WITHIN
        debits.open_debit(core, _payable(core, subscription, period, until), "razorpay", order.id, until)
        queries.change_mandate(core, mandate.id, gateway_order_id=order.id, gateway_customer_id=customer_id)
    return order.checkout


def keep_token(core: Db, subscription: Subscription) -> None:
    """The token that approval created, read from the gateway's record of the first payment."""
    mandate = mandate_of(core, subscription)
    if mandate.token_id or mandate.gateway_order_id is None:
        return
    for fact in _gateway().fetch_payment_of(mandate.gateway_order_id):
        if fact.status == "captured" and fact.token_id:
            queries.change_mandate(core, mandate.id, token_id=fact.token_id, status="active")
            return
    raise MandateRequired(f"the payment of {mandate.gateway_order_id} carries no token yet")


def cancel_mandate(core: Db, mandate: Mandate) -> None:
    """At the gateway, where it has one; a mandate that it does not know is cancelled."""
    if mandate.token_id is None or mandate.gateway_customer_id is None:
        return
    core.commit()
    try:
        razorpay_mandates.cancel(_gateway(), mandate.gateway_customer_id, mandate.token_id)
    except GatewayRejected as refusal:
        log.warning("mandate_not_cancelled", mandate=mandate.id, error=repr(refusal))


def announce(core: Db, subscription: Subscription, period: Period, debit_at: datetime) -> tuple[str, UUID]:
    """The order of one debit, which makes the gateway send the pre-debit notice; answers it and our payment."""
    mandate, gateway = mandate_of(core, subscription), _gateway()
    core.commit()
    order = _order_of(gateway, period) or razorpay_mandates.announce(
        gateway,
        _reference(period),
        period.total_paise,
        mandate.gateway_customer_id or "",
        mandate.token_id or "",
        debit_at,
    )
    until = debit_at + DEBIT_WITHIN
    payable = _payable(core, subscription, period, until)
    return order.id, debits.open_debit(core, payable, "razorpay", order.id, until).id


def _reference(period: Period) -> str:
    """At most 40 characters, one for each attempt."""
    return f"{period.id.hex}-{period.attempts}"


def _order_of(gateway: Razorpay, period: Period) -> GatewayOrder | None:
    return gateway.find_order(_reference(period))


def debit(core: Db, subscription: Subscription, period: Period, order_id: str) -> None:
    """Ask once: where the gateway knows a payment of this order already, nothing is asked. Failures show on looking."""
    mandate, gateway = mandate_of(core, subscription), _gateway()
    customer = _customer(core, subscription.customer_id)
    core.commit()
    order = GatewayOrder(order_id, "", "created", period.total_paise, "INR", {}, {})
    try:
        if not gateway.fetch_payment_of(order_id):
            razorpay_mandates.charge(
                gateway,
                order,
                mandate.gateway_customer_id or "",
                mandate.token_id or "",
                customer,
                f"StudySpot {subscription.plan_name}",
            )
    except GatewayFailure as failure:
        log.warning("debit_not_confirmed", period=period.id, error=str(failure))


def outcome(core: Db, order_id: str) -> Outcome:
    """As the gateway knows it now; a debit that left no trace was never made."""
    core.commit()
    states = {fact.status for fact in _gateway().fetch_payment_of(order_id)}
    if "captured" in states:
        return "paid"
    return "pending" if states & {"created", "authorized"} else "failed"


def failed(core: Db, payment_id: UUID) -> None:
    """In the caller's transaction: this attempt brought nothing, so that another can be opened."""
    payments.advance(core, payments.locked(core, payment_id), "failed", failure="debit_failed")
