"""The six founding payment cases through the paths of old, at Paytm, Razorpay and Cashfree."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from studyspot.fulfilment import service
from studyspot.gateways import KINDS
from studyspot.kit import cells, clock
from studyspot.kit.auth import Actor
from studyspot.kit.tokens import verify
from studyspot.payments.models import PaymentInProgress, PayRequest

from local.proofs import signing
from tests.fulfilment.shop import KEYS, Shop
from tests.world import Answer

GATEWAYS = ("paytm", "razorpay", "cashfree")


def initiate(shop: Shop, booking: str, gateway: str, **more: Any) -> Answer:
    body = {"purpose": "booking", "purposeId": booking, "gateway": gateway, **more}
    return shop.world.call("payments", "POST", "/api/payments/initiate", shop.token, body)


def confirm(shop: Shop, payment: Mapping[str, Any], callback: Mapping[str, Any]) -> Answer:
    body = {"paymentId": payment["id"], "callback": dict(callback)}
    return shop.world.call("payments", "POST", "/api/payments/verify", shop.token, body)


def tell(shop: Shop, gateway: str, body: bytes, headers: Mapping[str, str], address: str = "127.0.0.1") -> Answer:
    path = f"/payments/webhook/{gateway}"
    return shop.world.call(gateway, "POST", path, None, body, kind="webhooks", address=address, **headers)


def captures(shop: Shop) -> int:
    return shop.count("payment_captures")


@pytest.mark.parametrize("gateway", GATEWAYS)
def test_a_seat_is_paid_for_by_the_paths_of_old(shop: Shop, gateway: str) -> None:
    booking = shop.book()
    payment = initiate(shop, booking, gateway, amountPaise=12000).data
    assert (payment["gateway"], payment["status"], payment["routing"]["reason"]) == (gateway, "created", "pinned")
    paid = confirm(shop, payment, shop.pay(payment, webhook="lost"))
    assert (paid.status, paid.data["status"], shop.scene.status(booking)) == (200, "captured", "confirmed")
    assert (shop.receipts(), shop.net_captured()) == (1, 12000)
    assert shop.books()["revenue.booking"] == -12000


@pytest.mark.parametrize("gateway", GATEWAYS)
def test_1_pay_clicked_twice_is_one_payment(shop: Shop, gateway: str) -> None:
    booking = shop.book()
    first, second = (initiate(shop, booking, gateway) for _ in range(2))
    assert (first.status, second.status, second.code) == (201, 409, "payment_in_progress")
    assert second.json["paymentId"] == first.data["id"]
    assert (shop.count("payments"), len(shop.simulators.orders())) == (1, 1)


@pytest.mark.parametrize("gateway", GATEWAYS)
def test_2_a_wrong_amount_creates_nothing(shop: Shop, gateway: str) -> None:
    booking = shop.book()
    for wrong in (1, 11999, 12001, -12000, 0):
        refused = initiate(shop, booking, gateway, amountPaise=wrong)
        assert (refused.status, refused.code) == (400, "amount_mismatch")
    for odd in (12000.5, "12000", True):
        assert initiate(shop, booking, gateway, amountPaise=odd).status == 422
    assert (shop.count("payments"), shop.simulators.orders()) == (0, [])
    assert shop.scene.status(booking) == "held"


@pytest.mark.parametrize("gateway", GATEWAYS)
def test_3_a_second_one_while_the_first_is_at_the_gateway_is_refused(
    shop: Shop, gateway: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worst moment: the first has asked for an order and has no answer yet."""
    booking, kind = shop.book(), KINDS[gateway]
    wanted = PayRequest.model_validate({"purpose": "booking", "purpose_id": UUID(booking), "gateway": gateway})
    actor, create, refused = Actor.of(verify(shop.token)), kind.create_order, []

    def meanwhile(self: Any, *given: Any, **named: Any) -> Any:
        with cells.tenant_db(shop.tenant) as db, cells.core_db() as core, pytest.raises(PaymentInProgress) as found:
            service.pay(db, core, actor, wanted)
        refused.append(found.value)
        return create(self, *given, **named)

    monkeypatch.setattr(kind, "create_order", meanwhile)
    first = initiate(shop, booking, gateway)
    assert (first.status, len(refused)) == (201, 1)
    assert refused[0].members["paymentId"] == first.data["id"]
    assert (shop.count("payments"), len(shop.simulators.orders())) == (1, 1)


@pytest.mark.parametrize("gateway", GATEWAYS)
def test_4_a_webhook_from_elsewhere_is_refused(shop: Shop, gateway: str) -> None:
    payment = initiate(shop, shop.book(), gateway).data
    event = signing.capture_of(KEYS, payment, clock.now())
    with shop.world.setting(**{f"{gateway}_source_check": "enforce"}):
        refused = tell(shop, gateway, event.body, event.headers, address="127.0.0.2")
        assert (refused.status, refused.code) == (403, "ip_not_allowed")
        assert tell(shop, gateway, event.body, event.headers).data == {"status": "accepted"}


@pytest.mark.parametrize("gateway", GATEWAYS)
def test_5_the_same_webhook_twice_changes_nothing_and_a_forged_one_is_nobody_s(shop: Shop, gateway: str) -> None:
    booking = shop.book()
    payment = initiate(shop, booking, gateway).data
    event = signing.capture_of(KEYS, payment, clock.now())
    forged = tell(shop, gateway, event.forged_body or event.body, event.forged)
    assert (forged.status, forged.code) == (401, "bad_signature")
    told = [tell(shop, gateway, event.body, event.headers).data["status"] for _ in range(3)]
    assert told == ["accepted", "duplicate", "duplicate"]
    shop.background()
    assert (captures(shop), shop.receipts(), shop.scene.status(booking)) == (1, 1, "confirmed")
    assert shop.payment(payment["id"])["status"] == "captured"


def test_5_a_stale_signed_time_is_refused(shop: Shop) -> None:
    for day, gateway in enumerate(("cashfree", "stripe"), 1):
        payment = initiate(shop, shop.book(days=day), gateway).data
        stale = signing.capture_of(KEYS, payment, clock.now(), age_minutes=6)
        assert tell(shop, gateway, stale.body, stale.headers).code == "bad_signature"


@pytest.mark.parametrize("gateway", GATEWAYS)
def test_6_a_database_error_in_the_activation_is_finished_later(shop: Shop, gateway: str) -> None:
    booking = shop.book()
    payment = initiate(shop, booking, gateway).data
    forbid = f"""
        CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'the disk is full' USING ERRCODE = 'disk_full'; END $$;
        CREATE TRIGGER broken BEFORE UPDATE ON bookings FOR EACH ROW
        WHEN (NEW.id = '{booking}' AND NEW.status = 'confirmed') EXECUTE FUNCTION broken()"""
    with psycopg.connect(shop.world.postgres.dsn("pool_1"), autocommit=True) as conn:
        conn.execute(forbid.encode())
        try:
            told = confirm(shop, payment, shop.pay(payment, webhook="lost"))
        finally:
            conn.execute("DROP TRIGGER broken ON bookings; DROP FUNCTION broken()")
    assert (told.status, told.data["status"], captures(shop)) == (200, "pending", 0)
    assert (shop.scene.status(booking), shop.books()) == ("pending_payment", {})
    shop.background()
    assert (shop.payment(payment["id"])["status"], shop.scene.status(booking)) == ("captured", "confirmed")
    assert (captures(shop), shop.receipts()) == (1, 1)


@pytest.mark.parametrize("gateway", ["razorpay", "cashfree", "paytm", "stripe"])
def test_the_pinned_paths_ask_that_gateway_alone(shop: Shop, gateway: str) -> None:
    booking = shop.book()
    body = {"purpose": "booking", "purposeId": booking}
    payment = shop.world.call("payments", "POST", f"/payments/{gateway}", shop.token, body)
    assert (payment.status, payment.data["gateway"]) == (201, gateway)
    assert (
        shop.world.call("payments", "POST", f"/payments/{gateway}", shop.token, body | {"gateway": "auto"}).status
        == 422
    )
    callback = {"paymentId": payment.data["id"], "callback": shop.pay(payment.data, webhook="lost")}
    for pinned in ("razorpay", "cashfree"):
        answer = shop.world.call("payments", "POST", f"/payments/{pinned}/verify", shop.token, callback)
        assert answer.status == (200 if pinned == gateway else 404)
    assert shop.world.call("payments", "POST", "/payments/verify", shop.token, callback).data["status"] == "captured"


def test_payments_without_a_word_more_is_the_same_as_create(shop: Shop) -> None:
    body = {"purpose": "booking", "purposeId": shop.book()}
    answer = shop.world.call("payments", "POST", "/payments", shop.token, body)
    assert (answer.status, answer.data["gateway"], answer.headers["Location"]) == (
        201, "razorpay", f"/api/v1/payments/{answer.data['id']}",
    )  # fmt: skip


def test_a_lost_answer_of_paytm_is_another_order_the_next_time(shop: Shop) -> None:
    """Its token cannot be had again, and nobody can pay without it: no second charge is possible."""
    booking = shop.book()
    shop.fault("paytm", "timeout_after_effect", "create_order", ms=1)
    answers = [initiate(shop, booking, "paytm") for _ in range(3)]
    assert [answer.status for answer in answers] == [503, 503, 201]
    orders = shop.simulators.orders()
    assert len(orders) == 2
    payment = answers[-1].data
    assert confirm(shop, payment, shop.pay(payment)).data["status"] == "captured"
    assert shop.net_captured() == 12000


def test_a_lost_answer_of_stripe_is_found_again(shop: Shop) -> None:
    booking = shop.book()
    shop.fault("stripe", "timeout_after_effect", "create_order", ms=1)
    answers = [initiate(shop, booking, "stripe") for _ in range(2)]
    assert [answer.status for answer in answers] == [503, 201]
    assert len(shop.simulators.orders()) == 1


@pytest.mark.parametrize("gateway", ["paytm", "stripe"])
def test_money_goes_back_once_and_the_books_agree(shop: Shop, gateway: str) -> None:
    payment = initiate(shop, shop.book(), gateway).data
    assert confirm(shop, payment, shop.pay(payment)).data["status"] == "captured"
    shop.fault(gateway, "timeout_after_effect", "refund", ms=1)
    assert shop.refund(payment["id"], 5000, key="k").data["status"] == "pending"
    shop.webhooks()
    shop.pass_time(timedelta(minutes=5))
    seen = shop.payment(payment["id"])
    assert (seen["status"], seen["refundedPaise"], shop.net_captured()) == ("partially_refunded", 5000, 7000)
    assert shop.books()["revenue.booking"] == -7000
