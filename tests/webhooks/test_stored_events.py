"""Operators see what vendors told, without seeing people, and have it worked off once more; and take gateways out."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any
from uuid import UUID

from studyspot.fulfilment.stored import masked
from studyspot.kit import cells, clock, ids

from local.proofs import hostile, signing
from tests.fulfilment.shop import KEYS, Shop
from tests.world import Answer


def admin(shop: Shop, method: str, path: str, body: Any = None, token: str | None = None) -> Answer:
    with shop.world.worker():
        return shop.world.call("admin", method, f"/admin/webhook-events{path}", token or shop.world.admin(), body)


def tell(shop: Shop, payment: dict[str, Any]) -> None:
    event = signing.capture_of(KEYS, payment, clock.now())
    gateway = payment["gateway"]
    path = f"/payments/webhook/{gateway}"
    told = shop.world.call(gateway, "POST", path, None, event.body, kind="webhooks", **event.headers)
    assert told.data == {"status": "accepted"}


def test_only_the_platform_s_staff_may_look(shop: Shop) -> None:
    for token in (shop.owner, shop.token):
        assert admin(shop, "GET", "", token=token).code == "forbidden"
        assert admin(shop, "POST", f"/{ids.uuid7()}/reprocess", token=token).code == "forbidden"
    assert admin(shop, "POST", f"/{ids.uuid7()}/reprocess").code == "not_found"


def test_events_are_listed_newest_first_and_filtered(shop: Shop) -> None:
    payments = [shop.create(shop.book(days=n + 1), gateway=g).data for n, g in enumerate(("paytm", "stripe", "paytm"))]
    for payment in payments:
        tell(shop, payment)
    rows = admin(shop, "GET", "").data
    assert [row["vendor"] for row in rows] == ["paytm", "stripe", "paytm"]
    assert {row["state"] for row in rows} == {"received"}
    assert [row["vendor"] for row in admin(shop, "GET", "?vendor=stripe").data] == ["stripe"]
    assert admin(shop, "GET", "?state=parked").data == []
    assert len(admin(shop, "GET", "?kind=SALE.TXN_SUCCESS").data) == 2
    first = admin(shop, "GET", "?limit=2")
    rest = admin(shop, "GET", f"?limit=2&cursor={first.json['meta']['nextCursor']}").data
    assert [row["id"] for row in first.data + rest] == [row["id"] for row in rows]
    assert admin(shop, "GET", "?state=odd").status == 422
    shop.background()
    assert {row["state"] for row in admin(shop, "GET", "").data} == {"processed"}


def test_a_payload_tells_of_no_person(shop: Shop) -> None:
    told = {
        "type": "payment.captured", "amount": 12000, "captured": True, "contact": "+919876543210",
        "card": {"last4": "1111"},
        "customer": {"name": "Somebody", "id": "cust_1"}, "notes": ["a", {"email": "x@example.com"}], "vpa": None,
        "phone": 9876543210,
    }  # fmt: skip
    shown = masked(told)
    assert shown["amount"] == 12000
    assert shown["customer"]["id"] == "cust_1"
    for secret in ("9876543210", "1111", "Somebody", "x@example.com"):
        assert secret not in json.dumps(shown)
    payment = shop.create(shop.book()).data
    shop.pay(payment, webhook="normal")
    shop.webhooks()
    raw = admin(shop, "GET", "").raw.decode()
    assert payment["gatewayOrderId"] in raw
    assert "payer@upi" not in raw


def test_reprocessing_applies_what_was_left_and_repeats_nothing(shop: Shop) -> None:
    payment = shop.create(shop.book()).data
    with cells.core_db() as core:
        core.run("DELETE FROM gateway_orders WHERE payment_id = %(id)s", id=payment["id"])
    tell(shop, payment)
    shop.background()
    (row,) = admin(shop, "GET", "?state=parked").data
    assert row["detail"] == "no payment has this order"
    with cells.core_db() as core:
        core.run(
            "INSERT INTO gateway_orders VALUES (%(g)s, %(o)s, %(t)s, %(p)s, %(now)s)",
            g=payment["gateway"], o=payment["gatewayOrderId"], t=shop.tenant, p=UUID(payment["id"]), now=clock.now(),
        )  # fmt: skip
    for _ in range(3):
        again = admin(shop, "POST", f"/{row['id']}/reprocess")
        assert (again.status, again.data["state"], again.data["detail"]) == (202, "received", None)
        shop.background()
        assert [each["state"] for each in admin(shop, "GET", "").data] == ["processed"]
    assert shop.payment(payment["id"])["status"] == "captured"
    assert (shop.count("payment_captures"), shop.receipts()) == (1, 1)


def test_what_means_nothing_here_is_not_taken_up_again(shop: Shop) -> None:
    for body in (b'{"id":"evt_x","type":"customer.created","data":{}}', b"not json at all"):
        stamp = int(clock.now().timestamp())
        signature = hmac.new(
            KEYS.stripe_webhook_secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256
        ).hexdigest()
        headers = {"stripe_signature": f"t={stamp},v1={signature}"}
        path = "/payments/webhook/stripe"
        assert (
            shop.world.call("stripe", "POST", path, None, body, kind="webhooks", **headers).data["status"] == "ignored"
        )
    for row in admin(shop, "GET", "?state=ignored").data:
        refused = admin(shop, "POST", f"/{row['id']}/reprocess")
        assert (refused.status, refused.code) == (409, "event_not_processable")


def test_a_gateway_is_taken_out_by_hand_for_everybody_and_put_back(shop: Shop) -> None:
    def turn(circuit: str, gateway: str = "razorpay", token: str | None = None) -> Answer:
        body = {"circuit": circuit, "reason": "the bank told us"}
        path = f"/payments/gateways/{gateway}/circuit"
        return shop.world.call("payments", "POST", path, token or shop.world.admin(), body)

    def chosen() -> str:
        asked = {"amountPaise": 10_000}
        return str(shop.world.call("routing", "POST", "/payments/routing/quote", shop.owner, asked).data["gateway"])

    assert turn("open", token=shop.owner).code == "forbidden"
    assert turn("open", "payu").code == "not_found"
    assert turn("ajar").status == 422
    assert chosen() == "razorpay"
    try:
        told = turn("open")
        assert (told.status, told.data["circuit"], told.data["cells"]) == (200, "open", 2)
        assert turn("open").status == 200, "safe to repeat"
        assert chosen() == "cashfree"
        health = {row["gateway"]: row["circuit"] for row in shop.get("/payments/gateways/health")}
        assert health["razorpay"] == "open"
        refused = shop.create(shop.book(), gateway="razorpay")
        assert (refused.status, refused.code) == (503, "no_gateway")
    finally:
        assert turn("closed").data["circuit"] == "closed"
    assert chosen() == "razorpay"


def test_closing_by_hand_forgets_what_failed(shop: Shop) -> None:
    with shop.world.db(shop.tenant) as db:
        for span in ("minute", "day"):
            db.run(
                "INSERT INTO gateway_health VALUES ('razorpay', %(span)s, %(at)s, 10, 10, %(at)s)"
                " ON CONFLICT (gateway, span, starts_at) DO UPDATE SET calls = 10, failures = 10, failed_at = %(at)s",
                span=span, at=clock.now(),
            )  # fmt: skip
    circuits = {row["gateway"]: row["circuit"] for row in shop.get("/payments/gateways/health")}
    assert circuits["razorpay"] == "open"
    path, body = "/payments/gateways/razorpay/circuit", {"circuit": "closed", "reason": "it works again"}
    shop.world.call("payments", "POST", path, shop.world.admin(), body)
    circuits = {row["gateway"]: row["circuit"] for row in shop.get("/payments/gateways/health")}
    assert circuits["razorpay"] == "closed"


def test_whatever_a_vendor_signs_can_be_shown(shop: Shop) -> None:
    """Half a character, a number JSON does not know, a thousand brackets: listed as far as possible."""
    payment = shop.create(shop.book(), gateway="razorpay").data
    own = {"gatewayOrderId": payment["gatewayOrderId"], "amountPaise": payment["amountPaise"]}
    shots = [*hostile.shots(KEYS, "razorpay", own, own, clock.now())]
    deep = b'{"event":' + b"[" * 900 + b"]" * 900 + b"}"
    for number, body in enumerate([*(shot.body for shot in shots if len(shot.body) < 10_000), deep, b'{"event": NaN}']):
        with cells.core_db() as core:
            core.run(
                "INSERT INTO webhook_events (id, vendor, event_id, kind, body, headers, received_at)"
                " VALUES (%(id)s, 'razorpay', %(event)s, 'shown', %(body)s, '{}', %(now)s)",
                id=ids.uuid7(), event=f"shown-{number}-{ids.uuid7()}", body=body, now=clock.now(),
            )  # fmt: skip
    shown = admin(shop, "GET", "?kind=shown&limit=200")
    assert shown.status == 200 and len(shown.data) == number + 1
