"""Vendors tell what happened: only they are believed, once, in whatever order, from whatever is lost."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import timedelta
from typing import Any

from studyspot.kit import clock, ids

from tests.fulfilment.shop import KEYS, Shop
from tests.world import Answer


def stored(shop: Shop) -> list[dict[str, Any]]:
    with shop.world.db(ids.PLATFORM) as core:
        return core.dicts("SELECT event_id, state, deliveries FROM webhook_events ORDER BY id")


def known(shop: Shop, event_id: str) -> dict[str, Any] | None:
    return next((row for row in stored(shop) if row["event_id"] == event_id), None)


def send(shop: Shop, body: bytes, event_id: str, secret: str = KEYS.razorpay_webhook_secret, **how: Any) -> Answer:
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    headers = {"x_razorpay_signature": signature, "x_razorpay_event_id": event_id, "content_type": "application/json"}
    headers |= {k: v for k, v in how.items() if k != "address"}
    return shop.world.call(
        "razorpay", "POST", "/payments/webhook/razorpay", None, body, kind="webhooks",
        address=how.get("address", "127.0.0.1"), **headers,
    )  # fmt: skip


def captured_event(order: str, amount: int, payment: str, kind: str = "payment.captured") -> bytes:
    entity = {
        "id": payment, "entity": "payment", "amount": amount, "currency": "INR", "status": kind.partition(".")[2],
        "order_id": order, "method": "upi", "fee": 283, "tax": 43, "created_at": int(clock.now().timestamp()),
    }  # fmt: skip
    event = {"entity": "event", "event": kind, "payload": {"payment": {"entity": entity}}, "created_at": 1}
    return json.dumps(event).encode()


def test_a_wrong_address_is_refused_by_setting(shop: Shop) -> None:
    for address in ("127.0.0.2", "10.0.0.9", "", "::ffff:1.2.3.4"):
        refused = send(shop, b"{}", "e-address", address=address)
        assert (refused.status, refused.code) == (403, "ip_not_allowed")
    event = f"e-{ids.uuid7()}"
    with shop.world.setting(razorpay_source_check="alarm"):
        assert send(shop, b'{"event":"x.y"}', event, address="127.0.0.2").status == 200
    with shop.world.setting(razorpay_sources="10.0.0.0/24"):
        assert send(shop, b'{"event":"x.y"}', event, address="10.0.0.9").data == {"status": "ignored"}


def test_a_corrupted_signature_is_401_and_nothing_is_stored(shop: Shop) -> None:
    before = len(stored(shop))
    body = captured_event("order_x", 100, "pay_x")
    assert send(shop, body, "e", secret="other").code == "bad_signature"
    for signature in ("", "zz", "é" * 3, "0" * 64, "A" * 64, hashlib.sha256(body).hexdigest()):
        answer = send(shop, body, "e", x_razorpay_signature=signature)
        assert (answer.status, answer.code) == (401, "bad_signature")
    missing = shop.world.call("razorpay", "POST", "/payments/webhook/razorpay", None, body, kind="webhooks")
    assert missing.status == 401
    assert len(stored(shop)) == before


def test_a_body_that_is_too_large_is_refused_before_it_is_read(shop: Shop) -> None:
    assert send(shop, b"x" * (256 * 1024 + 1), "e").status == 413


def test_a_stale_cashfree_timestamp_is_401(shop: Shop) -> None:
    shop.create(shop.book(hours=12))
    shop.pay(shop.simulators.orders()[0])
    shop.simulators._cashfree._books._deliveries._clock = lambda: clock.now() - timedelta(minutes=6)
    shop.simulators.deliver()
    assert shop.refused == [(401, "bad_signature")]


def test_the_same_webhook_twice_changes_nothing_the_second_time(shop: Shop) -> None:
    booking = shop.book()
    payment = shop.create(booking).data
    body, event = captured_event(payment["gatewayOrderId"], 12000, "pay_1"), f"e-{ids.uuid7()}"
    assert send(shop, body, event).data == {"status": "accepted"}
    shop.background()
    books = shop.books()
    for _ in range(3):
        assert send(shop, body, event).data == {"status": "duplicate"}
    shop.background()
    row = known(shop, event)
    assert row and (row["state"], row["deliveries"]) == ("processed", 4)
    assert (shop.books(), shop.receipts(), shop.scene.status(booking)) == (books, 1, "confirmed")


def test_the_queue_may_deliver_as_often_as_it_likes(shop: Shop) -> None:
    booking = shop.book()
    payment = shop.create(booking).data
    send(shop, captured_event(payment["gatewayOrderId"], 12000, "pay_1"), f"e-{ids.uuid7()}")
    message = shop.world.outbox(ids.PLATFORM, "payment-settler")[-1]
    for _ in range(3):
        assert shop.world.deliver("payment_settler", message) == {"batchItemFailures": []}
    assert shop.payment(payment["id"])["status"] == "captured"
    assert (shop.count("payment_captures"), shop.receipts()) == (1, 1)


def test_webhook_order_is_not_trusted(shop: Shop) -> None:
    for number, mode in enumerate(("duplicate", "reordered"), 1):
        booking = shop.book(days=number)
        payment = shop.create(booking).data
        shop.pay(payment, webhook=mode)
        shop.webhooks()
        shop.background()
        assert shop.payment(payment["id"])["status"] == "captured"
        assert shop.scene.status(booking) == "confirmed"
    assert (shop.refused, shop.receipts()) == ([], 2)


def test_failed_after_captured_changes_nothing(shop: Shop) -> None:
    payment = shop.create(shop.book()).data
    for kind in ("payment.captured", "payment.failed", "payment.authorized"):
        send(shop, captured_event(payment["gatewayOrderId"], 12000, "pay_1", kind), f"e-{ids.uuid7()}")
        shop.background()
    assert shop.payment(payment["id"])["status"] == "captured"


def test_captured_after_failed_is_applied_and_flagged_late(shop: Shop) -> None:
    booking = shop.book()
    payment = shop.create(booking).data
    for kind in ("payment.failed", "payment.captured"):
        send(shop, captured_event(payment["gatewayOrderId"], 12000, "pay_1", kind), f"e-{ids.uuid7()}")
        shop.background()
    seen = shop.payment(payment["id"])
    assert (seen["status"], seen["late"]) == ("captured", True)
    assert shop.scene.status(booking) == "confirmed"


def test_a_wrong_amount_buys_nothing_and_is_visible(shop: Shop) -> None:
    booking = shop.book()
    payment = shop.create(booking).data
    send(shop, captured_event(payment["gatewayOrderId"], 100, "pay_1"), f"e-{ids.uuid7()}")
    shop.background()
    seen = shop.payment(payment["id"])
    assert (seen["status"], seen["failure"]) == ("unknown", "amount_mismatch")
    assert (shop.scene.status(booking), shop.books(), shop.receipts()) == ("pending_payment", {}, 0)
    assert shop.create(booking).code == "payment_in_progress"


def test_an_event_of_an_unknown_order_is_parked_and_tried_again_for_a_day(shop: Shop) -> None:
    booking = shop.book()
    event = f"e-{ids.uuid7()}"
    assert send(shop, captured_event("order_not_known_yet", 12000, "pay_1"), event).data == {"status": "accepted"}
    shop.background()
    assert (known(shop, event) or {})["state"] == "parked"
    payment = shop.create(booking).data
    with shop.world.db(ids.PLATFORM) as core:
        core.run(
            "INSERT INTO gateway_orders VALUES ('razorpay', 'order_not_known_yet', %(t)s, %(p)s, %(now)s)",
            t=shop.tenant, p=payment["id"], now=clock.now(),
        )  # fmt: skip
    shop.pass_time(timedelta(minutes=2))
    assert (known(shop, event) or {})["state"] == "processed"
    lost = f"e-{ids.uuid7()}"
    send(shop, captured_event("order_never_known", 12000, "pay_2"), lost)
    shop.background()
    shop.pass_time(timedelta(hours=25))
    assert (known(shop, lost) or {})["state"] == "parked"


def test_a_refund_faster_than_its_capture_is_tried_again(shop: Shop) -> None:
    payment = shop.create(shop.book()).data
    entity = {"id": "rfnd_1", "payment_id": "pay_1", "amount": 12000, "currency": "INR", "status": "processed"}
    paid = json.loads(captured_event(payment["gatewayOrderId"], 12000, "pay_1"))["payload"]
    refund = {"event": "refund.processed", "payload": {"payment": paid["payment"], "refund": {"entity": entity}}}
    event = f"e-{ids.uuid7()}"
    send(shop, json.dumps(refund).encode(), event)
    shop.background()
    assert (known(shop, event) or {})["state"] == "parked"
    send(shop, captured_event(payment["gatewayOrderId"], 12000, "pay_1"), f"e-{ids.uuid7()}")
    shop.background()
    shop.pass_time(timedelta(minutes=2))
    assert (known(shop, event) or {})["state"] == "processed"
    assert shop.payment(payment["id"])["status"] == "refunded"


def test_what_is_not_understood_is_kept_and_answered(shop: Shop) -> None:
    for body in (b"not json", b"[]", b'{"event": 7}', b'{"event": "payment.downtime.started", "payload": {}}'):
        assert send(shop, body, f"e-{ids.uuid7()}").data == {"status": "ignored"}


def test_a_signed_webhook_is_never_answered_429(shop: Shop) -> None:
    with shop.world.setting(rate_limit_factor="0.01"):
        statuses = {send(shop, b'{"event":"x.y"}', f"e-{ids.uuid7()}").status for _ in range(5)}
    assert statuses == {200}


def test_a_dispute_lies_beside_the_status(shop: Shop) -> None:
    payment = shop.create(shop.book()).data
    shop.verify(payment["id"], shop.pay(payment))
    entity = {
        "id": "pay_9",
        "order_id": payment["gatewayOrderId"],
        "amount": 12000,
        "currency": "INR",
        "status": "captured",
    }
    dispute = {"id": "disp_1", "status": "open", "amount": 12000}
    body = {
        "event": "payment.dispute.created",
        "payload": {"payment": {"entity": entity}, "dispute": {"entity": dispute}},
    }
    send(shop, json.dumps(body).encode(), f"e-{ids.uuid7()}")
    shop.background()
    seen = shop.payment(payment["id"])
    assert (seen["status"], seen["dispute"]) == ("captured", "open")
