"""What is lost on the way is found: answers, webhooks, processes, whole databases - and nobody is charged twice."""

from __future__ import annotations

from datetime import timedelta

import psycopg
import pytest
from studyspot.bookings import service as bookings
from studyspot.fulfilment import paying, purposes

from tests.fulfilment.shop import Shop


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paying, "BUDGET_SECONDS", 1.6)
    monkeypatch.setattr(paying, "FIRST_SECONDS", 0.8)


def states(shop: Shop) -> list[tuple[str, str]]:
    with shop.world.db(shop.tenant) as db:
        rows = db.dicts("SELECT gateway, state FROM payment_attempts ORDER BY id")
    return [(row["gateway"], row["state"]) for row in rows]


def test_a_lost_webhook_is_found_by_asking(shop: Shop) -> None:
    booking = shop.book()
    payment = shop.create(booking).data
    shop.pay(payment, webhook="lost")
    shop.pass_time(timedelta(seconds=61))
    assert shop.payment(payment["id"])["status"] == "captured"
    assert (shop.scene.status(booking), shop.receipts()) == ("confirmed", 1)


def test_the_first_gateway_down_the_second_takes_it(shop: Shop) -> None:
    shop.fault("razorpay", "down", "create_order")
    answer = shop.create(shop.book())
    assert (answer.status, answer.data["gateway"]) == (201, "cashfree")
    shop.verify(answer.data["id"], shop.pay(answer.data))
    assert shop.payment(answer.data["id"])["status"] == "captured"


def test_a_time_out_after_the_effect_fails_over_and_the_orphan_is_watched(shop: Shop) -> None:
    booking = shop.book()
    shop.fault("razorpay", "timeout_after_effect", "create_order")
    payment = shop.create(booking).data
    assert payment["gateway"] == "cashfree"
    assert {o["gateway"] for o in shop.simulators.orders()} == {"razorpay", "cashfree"}
    shop.background()
    assert states(shop) == [("razorpay", "orphan"), ("cashfree", "ordered")]
    orphan = next(o for o in shop.simulators.orders() if o["gateway"] == "razorpay")
    shop.verify(payment["id"], shop.pay(payment))
    # nobody was shown that order; should money come in through it all the same, it goes back
    shop.pay(orphan, webhook="lost")
    shop.pass_time(timedelta(minutes=3))
    assert (shop.payment(payment["id"])["status"], shop.net_captured()) == ("captured", 12000)
    with shop.world.db(shop.tenant) as db:
        refund = db.dicts("SELECT kind, status, reason FROM refunds")
    assert refund == [{"kind": "automatic", "status": "succeeded", "reason": "captured twice"}]
    assert "refund" in shop.kinds(payment["id"])
    assert shop.books()["revenue.booking"] == -12000
    assert shop.books()["liability.refunds_due"] == 0
    assert shop.receipts() == 1


def test_a_cashfree_orphan_is_terminated(shop: Shop) -> None:
    shop.fault("cashfree", "timeout_after_effect", "create_order")
    payment = shop.create(shop.book(hours=12)).data
    assert payment["gateway"] == "razorpay"
    shop.background()
    assert states(shop) == [("cashfree", "terminated"), ("razorpay", "ordered")]


def test_both_gateways_down_is_503_and_safe_to_repeat(shop: Shop) -> None:
    booking = shop.book()
    for gateway in ("razorpay", "cashfree"):
        shop.fault(gateway, "down", "create_order")
    answer = shop.create(booking, key="k")
    assert (answer.status, answer.code) == (503, "gateway_unavailable")
    again = shop.create(booking, key="k")
    assert again.status == 201
    assert (shop.count("payments"), len(shop.simulators.orders())) == (1, 1)


def test_after_lost_answers_the_order_is_looked_up_not_made_again(shop: Shop) -> None:
    booking = shop.book()
    for gateway in ("razorpay", "cashfree"):
        shop.fault(gateway, "timeout_after_effect", "create_order")
    assert shop.create(booking).status == 503
    made = {o["gatewayOrderId"] for o in shop.simulators.orders()}
    payment = shop.create(booking).data
    assert payment["gatewayOrderId"] in made
    assert {o["gatewayOrderId"] for o in shop.simulators.orders()} == made
    assert shop.count("payments") == 1


def test_a_gateway_that_refuses_ends_the_payment(shop: Shop) -> None:
    booking = shop.book()
    shop.fault("razorpay", "reject", "create_order")
    answer = shop.create(booking)
    assert (answer.status, answer.code) == (502, "gateway_error")
    assert shop.create(booking).status == 201


def test_unpaid_expires_and_a_late_payment_gets_the_seat_if_it_is_free(shop: Shop) -> None:
    booking = shop.book()
    payment = shop.create(booking).data
    shop.pass_time(timedelta(minutes=16))
    assert shop.payment(payment["id"])["status"] == "expired"
    assert shop.scene.status(booking) == "expired"
    shop.pay(payment)
    shop.webhooks()
    shop.background()
    seen = shop.payment(payment["id"])
    assert (seen["status"], seen["late"], shop.scene.status(booking)) == ("captured", True, "confirmed")


def test_a_late_payment_for_a_seat_that_is_gone_goes_back(shop: Shop) -> None:
    booking = shop.book()
    payment = shop.create(booking).data
    shop.pass_time(timedelta(minutes=16))
    other = shop.scene.student()
    assert shop.scene.book(shop.scene.token(other)).status == 201
    shop.pay(payment)
    shop.webhooks()
    shop.background()
    seen = shop.payment(payment["id"])
    assert (seen["status"], seen["late"], seen["refundedPaise"]) == ("refunded", True, 12000)
    assert (shop.scene.status(booking), shop.net_captured(), shop.receipts()) == ("expired", 0, 0)
    assert "revenue.booking" not in shop.books()


def test_a_late_first_payment_wins_over_an_open_second_and_both_stay_visible(shop: Shop) -> None:
    booking = shop.book()
    first = shop.create(booking).data
    shop.verify(first["id"], shop.pay(first, "failure", webhook="lost"))
    second = shop.create(booking).data
    shop.pay(first, webhook="lost")
    shop.pass_time(timedelta(minutes=2))
    assert shop.payment(first["id"])["status"] == "captured"
    assert (shop.payment(second["id"])["status"], shop.payment(second["id"])["failure"]) == (
        "cancelled",
        "paid_otherwise",
    )
    shop.pay(second)
    shop.webhooks()
    shop.background()
    assert (shop.payment(second["id"])["status"], shop.net_captured()) == ("refunded", 12000)
    assert (shop.receipts(), shop.scene.status(booking)) == (1, "confirmed")


def test_a_database_error_in_the_activation_leaves_it_pending_and_it_is_finished_later(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    booking = shop.book()
    payment = shop.create(booking).data
    callback = shop.pay(payment, webhook="lost")

    def broken(*_: object) -> bool:
        raise psycopg.errors.DiskFull("no space left")

    whole = purposes.PURPOSES["booking"]
    monkeypatch.setitem(
        purposes.PURPOSES, "booking", purposes.Purpose(whole.payable, whole.await_payment, broken, whole.window)
    )
    assert shop.verify(payment["id"], callback).data["status"] == "pending"
    assert (shop.payment(payment["id"])["status"], shop.scene.status(booking)) == ("pending", "pending_payment")
    assert (shop.count("payment_captures"), shop.books(), shop.receipts()) == (0, {}, 0)
    shop.background()
    assert shop.payment(payment["id"])["status"] == "pending"
    monkeypatch.setitem(purposes.PURPOSES, "booking", whole)
    shop.background()
    assert (shop.payment(payment["id"])["status"], shop.scene.status(booking)) == ("captured", "confirmed")
    assert whole.confirm is bookings.confirm_paid


def test_a_silent_gateway_at_the_end_leaves_it_unknown_and_never_charges_again(shop: Shop) -> None:
    booking = shop.book()
    payment = shop.create(booking).data
    shop.pay(payment, webhook="lost")
    shop.fault("razorpay", "down", "fetch", times=None)
    shop.pass_time(timedelta(minutes=16))
    assert shop.payment(payment["id"])["status"] == "unknown"
    shop.simulators.clear_faults()
    shop.pass_time(timedelta(minutes=6))
    assert shop.payment(payment["id"])["status"] == "captured"


def test_the_timers_of_a_paid_payment_are_gone(shop: Shop) -> None:
    payment = shop.create(shop.book()).data
    shop.verify(payment["id"], shop.pay(payment))
    assert (
        shop.count("timers", f"machine = 'payment_failover' AND subject = '{payment['id']}' AND fired_at IS NULL") == 0
    )
