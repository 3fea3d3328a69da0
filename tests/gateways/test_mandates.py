"""E-mandates at Razorpay: approved once in checkout, each debit announced, then made."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from studyspot.gateways import razorpay_mandates as mandates
from studyspot.gateways.failures import GatewayRejected, GatewayTimeout
from studyspot.gateways.payment import Customer

from local.simulators import Simulators


@pytest.fixture
def approved(razorpay: Any, payer: Customer, world: Simulators, clock: Any) -> tuple[str, str]:
    """(customer id, token id) of a mandate over at most Rs 5,000."""
    customer = mandates.create_customer(razorpay, payer)
    assert mandates.create_customer(razorpay, payer) == customer
    until = clock.now() + timedelta(days=3650)
    order = mandates.register(razorpay, "sub-1", 100, customer, max_amount_paise=500_000, expires_at=until)
    razorpay.verify_callback(world.pay(order.id, "success"), order.id)
    (payment,) = razorpay.fetch_payment_of(order.id)
    assert (payment.status, payment.customer_id) == ("captured", customer)
    return customer, str(payment.token_id)


def test_approval_confirms_the_mandate_and_says_so(
    razorpay: Any, approved: tuple[str, str], world: Simulators, product: Any
) -> None:
    mandate = mandates.fetch(razorpay, *approved)
    assert (mandate.id, mandate.status, mandate.max_amount_paise) == (approved[1], "confirmed", 500_000)
    world.deliver()
    events = [razorpay.parse_webhook(raw, headers) for _, raw, headers in product.received]
    assert [(e.mandate.id, e.status) for e in events if e.subject == "mandate"] == [(approved[1], "confirmed")]


def test_a_declined_approval_rejects_the_mandate(razorpay: Any, payer: Customer, world: Simulators, clock: Any) -> None:
    customer = mandates.create_customer(razorpay, payer)
    order = mandates.register(razorpay, "sub-1", 100, customer, max_amount_paise=500_000, expires_at=clock.now())
    world.pay(order.id, "failure")
    (payment,) = razorpay.fetch_payment_of(order.id)
    assert mandates.fetch(razorpay, customer, payment.token_id).status == "rejected"
    with pytest.raises(GatewayRejected, match="not confirmed"):
        mandates.announce(razorpay, "p1", 1_000, customer, payment.token_id, clock.now())


def test_a_debit_is_announced_a_day_before_it_is_made(
    razorpay: Any, approved: tuple[str, str], payer: Customer, world: Simulators, product: Any, clock: Any
) -> None:
    order = mandates.announce(razorpay, "p1", 200_000, *approved, debit_after=clock.now() + timedelta(hours=24))
    world.deliver()
    notice = razorpay.parse_webhook(product.received[-1][1], {})
    assert (notice.subject, notice.status, notice.order_id) == ("notification", "delivered", order.id)
    with pytest.raises(GatewayRejected, match="payment_after"):
        mandates.charge(razorpay, order, *approved, payer, "Growth, December")
    clock.advance(hours=24)
    payment_id = mandates.charge(razorpay, order, *approved, payer, "Growth, December")
    (payment,) = razorpay.fetch_payment_of(order.id)
    assert (payment.id, payment.status, payment.amount_paise) == (payment_id, "captured", 200_000)
    with pytest.raises(GatewayRejected, match="already paid"):
        mandates.charge(razorpay, order, *approved, payer, "Growth, December")


def test_a_declined_debit_fails_by_webhook(
    razorpay: Any, approved: tuple[str, str], payer: Customer, world: Simulators, clock: Any
) -> None:
    order = mandates.announce(razorpay, "p1", 200_000, *approved, debit_after=clock.now())
    world.add_fault({"target": "razorpay", "fault": "reject", "operation": "debit", "times": 1})
    mandates.charge(razorpay, order, *approved, payer, "Growth")
    mandates.charge(razorpay, order, *approved, payer, "Growth")
    assert [each.status for each in razorpay.fetch_payment_of(order.id)] == ["failed", "captured"]


def test_nothing_above_the_mandate_is_announced(razorpay: Any, approved: tuple[str, str], clock: Any) -> None:
    with pytest.raises(GatewayRejected, match="maximum"):
        mandates.announce(razorpay, "p1", 500_001, *approved, debit_after=clock.now())


def test_a_server_error_on_a_charge_leaves_it_unknown(
    razorpay: Any, approved: tuple[str, str], payer: Customer, world: Simulators, clock: Any
) -> None:
    order = mandates.announce(razorpay, "p1", 200_000, *approved, debit_after=clock.now())
    world.add_fault({"target": "razorpay", "fault": "error_500", "operation": "charge"})
    with pytest.raises(GatewayTimeout):
        mandates.charge(razorpay, order, *approved, payer, "Growth")


def test_a_cancelled_mandate_debits_nothing(razorpay: Any, approved: tuple[str, str], clock: Any) -> None:
    mandates.cancel(razorpay, *approved)
    assert mandates.fetch(razorpay, *approved).status == "cancelled"
    with pytest.raises(GatewayRejected, match="not confirmed"):
        mandates.announce(razorpay, "p1", 1_000, *approved, debit_after=clock.now())
