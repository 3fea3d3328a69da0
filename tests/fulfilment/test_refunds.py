"""Money goes back once, never more than came, and the books say so."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.fulfilment.shop import Shop


@pytest.fixture
def paid(shop: Shop) -> dict[str, Any]:
    payment: dict[str, Any] = shop.create(shop.book()).data
    shop.verify(payment["id"], shop.pay(payment))
    shop.webhooks()
    shop.background()
    return payment


def test_who_may_not_refund(shop: Shop, paid: dict[str, Any]) -> None:
    path, body = f"/payments/{paid['id']}/refund", {"reason": "x"}
    staff = shop.scene.staff()
    foreign = shop.world.tenant().owner
    call = shop.world.call
    assert call("payments", "POST", path, shop.token, body, idempotency_key="k").status == 403
    assert call("payments", "POST", path, staff, body, idempotency_key="k").status == 403
    assert call("payments", "POST", path, foreign, body, idempotency_key="k").status == 404
    assert call("payments", "POST", path, shop.owner, body).code == "bad_request"
    assert shop.count("refunds") == 0


def test_a_part_then_the_rest_then_no_more(shop: Shop, paid: dict[str, Any]) -> None:
    first = shop.refund(paid["id"], 2000, key="a")
    assert (first.status, first.data["status"], first.data["amountPaise"]) == (201, "succeeded", 2000)
    assert shop.payment(paid["id"])["status"] == "partially_refunded"
    assert shop.refund(paid["id"], 10001, key="b").code == "refund_exceeds"
    assert shop.refund(paid["id"], key="c").data["amountPaise"] == 10000
    seen = shop.payment(paid["id"])
    assert (seen["status"], seen["refundedPaise"], shop.net_captured()) == ("refunded", 12000, 0)
    assert (shop.refund(paid["id"], 1, key="d").status, shop.refund(paid["id"], key="e").code) == (
        422,
        "refund_exceeds",
    )
    shop.webhooks()
    shop.background()
    assert shop.books()["revenue.booking"] == 0
    assert shop.count("refunds") == 2


def test_a_cancelled_booking_gives_its_money_back_once(shop: Shop) -> None:
    booking = shop.book()
    payment = shop.create(booking).data
    shop.verify(payment["id"], shop.pay(payment))
    assert shop.refund(payment["id"], 1000, key="part").status == 201
    cancelled = shop.world.call("bookings", "POST", f"/bookings/{booking}/cancel", shop.token, {})
    assert cancelled.data["status"] == "cancelled"
    (command,) = [m for m in shop.world.outbox(shop.tenant, "payment-settler") if "refundOf" in m]
    shop.background()
    shop.world.deliver("payment_settler", command, command)
    shop.webhooks()
    shop.background()
    assert (shop.payment(payment["id"])["status"], shop.net_captured()) == ("refunded", 0)
    assert shop.books()["revenue.booking"] == 0
    assert shop.count("refunds") == 2


def test_the_same_key_refunds_once(shop: Shop, paid: dict[str, Any]) -> None:
    first, again = shop.refund(paid["id"], 500, key="k"), shop.refund(paid["id"], 500, key="k")
    assert (again.raw, shop.count("refunds")) == (first.raw, 1)
    assert shop.refund(paid["id"], 600, key="k").code == "idempotency_key_reused"


def test_amounts_that_are_none(shop: Shop, paid: dict[str, Any]) -> None:
    for amount in (0, -1, 1.5, "100", 10**30):
        assert shop.refund(paid["id"], amount, key=str(amount)).status == 422  # type: ignore[arg-type]


def test_what_was_not_captured_cannot_go_back(shop: Shop) -> None:
    payment = shop.create(shop.book()).data
    assert shop.refund(payment["id"]).code == "state_conflict"


def test_a_refund_without_an_answer_stays_pending_and_is_not_paid_twice(shop: Shop, paid: dict[str, Any]) -> None:
    shop.fault("razorpay", "error_500", "refund")
    assert shop.refund(paid["id"], 3000).data["status"] == "pending"
    assert shop.refund(paid["id"], 9001, key="r2").code == "refund_exceeds"
    shop.pass_time(timedelta(minutes=2))
    assert (shop.payment(paid["id"])["refundedPaise"], shop.net_captured()) == (3000, 9000)


def test_a_refund_whose_answer_was_lost_is_done_once(
    shop: Shop, paid: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from studyspot.gateways.razorpay import Razorpay

    real = Razorpay.refund
    monkeypatch.setattr(Razorpay, "refund", lambda self, **how: real(self, **{**how, "timeout": 0.5}))
    shop.fault("razorpay", "timeout_after_effect", "refund")
    assert shop.refund(paid["id"], 3000).data["status"] == "pending"
    shop.pass_time(timedelta(minutes=2))
    shop.webhooks()
    shop.background()
    assert (shop.payment(paid["id"])["refundedPaise"], shop.net_captured(), shop.count("refunds")) == (3000, 9000, 1)


def test_a_refund_that_failed_can_be_made_again(shop: Shop) -> None:
    payment = shop.create(shop.book(hours=12)).data
    shop.verify(payment["id"], shop.pay(payment))
    assert shop.refund(payment["id"], reason="FAILED", key="a").data["status"] == "failed"
    assert shop.payment(payment["id"])["status"] == "captured"
    assert shop.refund(payment["id"], key="b").data["status"] == "succeeded"
    shop.webhooks()
    shop.background()
    assert (shop.payment(payment["id"])["status"], shop.books()["revenue.booking"]) == ("refunded", 0)


def test_a_refund_made_at_the_vendor_is_taken_into_the_books(shop: Shop, paid: dict[str, Any]) -> None:
    order = next(iter(shop.simulators._store.of("razorpay.payment")))
    shop.simulators._razorpay._books.refund(order, 4000, {})
    shop.webhooks()
    shop.background()
    assert shop.payment(paid["id"])["refundedPaise"] == 4000
    assert shop.books()["revenue.booking"] == -8000
