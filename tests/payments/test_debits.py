"""Mandate debits: opened by whoever made the order, captured once, whoever hears of it first."""

from __future__ import annotations

from datetime import timedelta

import pytest
from studyspot.gateways.payment import GatewayPayment
from studyspot.kit import clock, ids
from studyspot.payments import debits
from studyspot.payments.models import AlreadyPaid, Payable, PaymentInProgress

from tests.fulfilment.shop import Shop

DIRECTORY = """
    CREATE TEMP TABLE IF NOT EXISTS gateway_orders (
        gateway text, gateway_order_id text, tenant_id uuid, payment_id uuid, created_at timestamptz)"""


def payable() -> Payable:
    return Payable(purpose="subscription", purpose_id=ids.uuid7(), amount_paise=117882, description="StudySpot Starter")


def fact(order: str, status: str = "captured", paise: int = 117882) -> GatewayPayment:
    return GatewayPayment(f"pay_{order}", order, status, paise, "INR", fee_paise=2782, tax_paise=424)  # type: ignore[arg-type]


def test_a_debit_is_captured_once(shop: Shop) -> None:
    due, order = payable(), f"order_{ids.uuid7().hex}"
    with shop.world.db(shop.tenant) as db:
        # a tenant's cell stands in for tenant zero's; the directory is not reachable from it
        db.run(DIRECTORY)
        row = debits.open_debit(db, due, "razorpay", order, clock.now() + timedelta(hours=3))
        assert debits.open_debit(db, due, "razorpay", order, clock.now()).id == row.id
        with pytest.raises(PaymentInProgress):
            debits.open_debit(db, due, "razorpay", "order_other", clock.now())
    with shop.world.db(shop.tenant) as db:
        assert debits.record_debit(db, row.id, [fact(order, "authorized")])[1] is False
        after, new = debits.record_debit(db, row.id, [fact(order, "failed"), fact(order)])
        assert (after.status, new) == ("captured", True)
        assert debits.record_debit(db, row.id, [fact(order)])[1] is False
        assert debits.record_debit(db, row.id, [fact(order, "failed")])[0].status == "captured"
        with pytest.raises(AlreadyPaid):
            debits.open_debit(db, due, "razorpay", "order_third", clock.now())
    assert shop.books()["revenue.subscription"] == -117882


def test_a_debit_of_another_amount_is_not_taken(shop: Shop) -> None:
    due, order = payable(), f"order_{ids.uuid7().hex}"
    with shop.world.db(shop.tenant) as db:
        db.run(DIRECTORY)
        row = debits.open_debit(db, due, "razorpay", order, clock.now() + timedelta(hours=3))
        after, new = debits.record_debit(db, row.id, [fact(order, paise=1)])
        assert (after.status, after.failure, new) == ("unknown", "amount_mismatch", False)
