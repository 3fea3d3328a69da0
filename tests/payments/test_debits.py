"""Mandate debits: opened by whoever made the order, captured once, whoever hears of it first."""

from __future__ import annotations

from datetime import timedelta

import pytest
from studyspot.fulfilment import purposes, service
from studyspot.gateways.payment import GatewayPayment
from studyspot.kit import cells, clock, ids
from studyspot.payments import debits
from studyspot.payments.models import AlreadyPaid, Payable, PaymentInProgress

from tests.fulfilment.shop import Shop


def payable() -> Payable:
    return Payable(purpose="subscription", purpose_id=ids.uuid7(), amount_paise=117882, description="StudySpot Starter")


def fact(order: str, status: str = "captured", paise: int = 117882) -> GatewayPayment:
    return GatewayPayment(f"pay_{order}", order, status, paise, "INR", fee_paise=2782, tax_paise=424)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def delivers(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is paid for here is always to be had."""
    sold = purposes.Purpose(purposes._never_by_hand, purposes._nothing_to_hold, lambda *_: True, timedelta(hours=1))
    monkeypatch.setitem(purposes.PURPOSES, "subscription", sold)


def test_a_debit_is_captured_once(shop: Shop) -> None:
    due, order = payable(), f"order_{ids.uuid7().hex}"
    with shop.world.db(shop.tenant) as db, cells.core_db() as core:
        row = debits.open_debit(db, core, due, "razorpay", order, clock.now() + timedelta(hours=3))
        assert debits.open_debit(db, core, due, "razorpay", order, clock.now()).id == row.id
        with pytest.raises(PaymentInProgress):
            debits.open_debit(db, core, due, "razorpay", "order_other", clock.now())
    with shop.world.db(shop.tenant) as db, cells.core_db() as core:
        assert service.settle(db, row.id, [fact(order, "authorized")]).status == "authorized"
        assert service.settle(db, row.id, [fact(order, "failed"), fact(order)]).status == "captured"
        assert service.settle(db, row.id, [fact(order)]).captured_paise == 117882
        assert service.settle(db, row.id, [fact(order, "failed")]).status == "captured"
        with pytest.raises(AlreadyPaid):
            debits.open_debit(db, core, due, "razorpay", "order_third", clock.now())
    assert shop.books()["revenue.subscription"] == -117882


def test_a_debit_of_another_amount_is_not_taken(shop: Shop) -> None:
    due, order = payable(), f"order_{ids.uuid7().hex}"
    with shop.world.db(shop.tenant) as db, cells.core_db() as core:
        row = debits.open_debit(db, core, due, "razorpay", order, clock.now() + timedelta(hours=3))
        after = service.settle(db, row.id, [fact(order, paise=1)])
        assert (after.status, after.failure) == ("unknown", "amount_mismatch")
