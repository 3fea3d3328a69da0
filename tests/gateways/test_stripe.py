"""What is Stripe's alone: an intent is order and payment in one, and a key gives the first answer again."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import pytest
from studyspot.gateways import stripe as stripe_module
from studyspot.gateways import stripe_events
from studyspot.gateways.failures import GatewayRejected, UnreadableEvent
from studyspot.gateways.stripe import Stripe
from studyspot.kit.errors import BadSignature

from local.simulators import Keys, Refused, Simulators

SECRET = Keys().stripe_webhook_secret


def signed(raw: bytes, at: int, secret: str = SECRET) -> dict[str, str]:
    signature = hmac.new(secret.encode(), f"{at}.".encode() + raw, hashlib.sha256).hexdigest()
    return {"Stripe-Signature": f"t={at},v1={signature}"}


def refused(check: Any, *arguments: Any) -> bool:
    try:
        check(*arguments)
    except BadSignature:
        return True
    return False


def test_the_same_reference_is_the_same_intent(stripe: Any, order_at: Any, world: Simulators) -> None:
    first, again = order_at(stripe), order_at(stripe)
    assert first == again
    assert len(world.orders()) == 1
    assert first.checkout["clientSecret"].startswith(f"{first.id}_secret_")
    found = stripe.find_order("ref-0001")
    assert (found.id, found.amount_paise, found.currency, found.status) == (first.id, 49_900, "INR", "created")
    assert stripe.find_order("ref-9999") is None
    assert stripe.fetch_payment_of(first.id) == []


def test_a_declined_try_leaves_the_intent_payable(stripe: Any, order_at: Any, world: Simulators) -> None:
    order = order_at(stripe)
    world.pay(order.id, "failure")
    (failed,) = stripe.fetch_payment_of(order.id)
    assert (failed.status, failed.error) == ("failed", "insufficient_funds")
    world.pay(order.id, "success", method="upi")
    (paid,) = stripe.fetch_payment_of(order.id)
    assert (paid.id, paid.status, paid.method, paid.error) == (order.id, "captured", "upi", None)
    # three per cent and the GST on them
    assert (paid.fee_paise, paid.tax_paise) == (1497 + 269, 269)


def test_an_intent_is_ended_unless_it_is_paid(stripe: Any, order_at: Any, world: Simulators) -> None:
    order = order_at(stripe)
    assert stripe.terminate(order.id) is True
    assert stripe.find_order("ref-0001").status == "cancelled"
    with pytest.raises(Refused, match="canceled"):
        world.pay(order.id, "success")
    paid = order_at(stripe, "ref-0002")
    world.pay(paid.id, "success")
    assert stripe.terminate(paid.id) is False


@pytest.mark.parametrize("paise", [49, 1, 0, -100])
def test_below_the_least_amount_nothing_leaves(stripe: Any, order_at: Any, world: Simulators, paise: int) -> None:
    with pytest.raises(GatewayRejected):
        order_at(stripe, paise=paise)
    assert world.orders() == []


@pytest.mark.parametrize("amount", ["499.00", "1e3", "-5", "", "0", "\uff19"])
def test_the_simulator_takes_whole_paise_only(stripe: Any, amount: str) -> None:
    with pytest.raises(GatewayRejected, match="Invalid integer"):
        stripe.call("POST", "/v1/payment_intents", 5, {"amount": amount, "currency": "inr"})


def test_one_good_signature_among_several_is_enough_and_other_schemes_are_not_looked_at(
    stripe: Any, clock: Any
) -> None:
    raw, now = b'{"id":"evt_1","type":"x"}', int(clock.now().timestamp())
    good = signed(raw, now)["Stripe-Signature"]
    signature = good.partition("v1=")[2]
    for header in (good, f"{good},v1=bad", f"v0=zz,t={now},v1=00,v1={signature}"):
        stripe.verify_webhook(raw, {"stripe-signature": header}, clock.now())
    for header in (
        "", "t", f"t={now}", f"v1={signature}", f"t={now},v0={signature}", f"t={now},v1={signature.upper()}",
        f"t={now},t={now},v1={signature}", f"t=0{now},v1={signature}", f"t={now + 1},v1={signature}",
        f"t=,v1={signature}", f"t=\u0663,v1={signature}",
        f"t={now},v1={signature[:-1]}", f"t={now},v1=", f"t=-{now},v1={signature}", f"t={now}.0,v1={signature}",
        f"t={now},v1=é", f"t={now},v1=\udcff", "t=" + "9" * 400 + f",v1={signature}", f"t=٣,v1={signature}",
        f" t={now},v1={signature}",
    ):  # fmt: skip
        assert refused(stripe.verify_webhook, raw, {"Stripe-Signature": header}, clock.now()), header
    assert refused(stripe.verify_webhook, raw, {}, clock.now())
    assert refused(stripe.verify_webhook, raw + b" ", {"Stripe-Signature": good}, clock.now())


@pytest.mark.parametrize("seconds", [-301, 301, -(10**6), 10**9])
def test_a_time_too_far_away_is_refused_even_when_signed(stripe: Any, clock: Any, seconds: int) -> None:
    headers = signed(b"{}", int(clock.now().timestamp()) + seconds)
    assert refused(stripe.verify_webhook, b"{}", headers, clock.now())


def test_a_rotated_secret_is_good_beside_the_new_one_and_an_empty_one_admits_nobody(clock: Any) -> None:
    now = int(clock.now().timestamp())
    both = Stripe("pk", "sk", ("new", "old"))
    for secret in ("new", "old"):
        both.verify_webhook(b"{}", signed(b"{}", now, secret), clock.now())
    for nobody in (Stripe("pk", "sk", ()), Stripe("pk", "sk", ("",))):
        assert refused(nobody.verify_webhook, b"{}", signed(b"{}", now, ""), clock.now())


def event(kind: str, about: Any) -> bytes:
    return json.dumps({"id": "evt_1", "type": kind, "created": 1_800_000_000, "data": {"object": about}}).encode()


INTENT = {"object": "payment_intent", "id": "pi_1", "amount": 100, "amount_received": 100, "currency": "inr"}


@pytest.mark.parametrize(
    ("kind", "about", "subject", "status"),
    [
        ("payment_intent.succeeded", INTENT | {"status": "succeeded"}, "payment", "captured"),
        ("payment_intent.canceled", INTENT | {"status": "canceled"}, "payment", "failed"),
        ("payment_intent.payment_failed",
         INTENT | {"status": "requires_payment_method", "last_payment_error": {"code": "c"}}, "payment", "failed"),
        ("payment_intent.amount_capturable_updated", INTENT | {"status": "requires_capture"}, "payment", "authorized"),
        ("payment_intent.processing", INTENT | {"status": "processing"}, "payment", "created"),
        ("payment_intent.new_word", INTENT | {"status": "new_word"}, "payment", "created"),
        ("refund.updated", {"object": "refund", "id": "re_1", "payment_intent": "pi_1", "amount": 5, "currency": "inr",
                            "status": "failed"}, "refund", "failed"),
        ("charge.dispute.created", {"object": "dispute", "payment_intent": "pi_1", "amount": 5, "currency": "inr",
                                    "status": "needs_response"}, "dispute", "open"),
        ("checkout.session.completed", {"object": "checkout.session", "payment_intent": "pi_1"}, "other", None),
    ],
)  # fmt: skip
def test_an_event_is_understood(stripe: Any, kind: str, about: Any, subject: str, status: str | None) -> None:
    told = stripe.parse_webhook(event(kind, about), {})
    assert (told.event_id, told.type, told.order_id) == ("evt_1", kind, "pi_1")
    assert (told.subject, told.status) == (subject, status)


@pytest.mark.parametrize("about", [None, [], {}, {"object": "customer"}, {"object": []}])
def test_odd_objects_are_kept_but_mean_nothing(stripe: Any, about: Any) -> None:
    told = stripe.parse_webhook(event("payment_intent.succeeded", about), {})
    assert (told.subject, told.order_id, told.status) == ("other", None, None)


@pytest.mark.parametrize(
    "raw", [b"", b"[]", b"{}", b'{"id":1,"type":"a\\u0000"}', b'{"id":"e"}', b"\xff", b'{"id":[]}']
)
def test_a_signed_body_without_meaning_is_unreadable(stripe: Any, raw: bytes) -> None:
    with pytest.raises(UnreadableEvent):
        stripe.parse_webhook(raw, {})


@pytest.mark.parametrize("value", [True, None, "5", 1.5, -1, 10**15, 2**63, []])
def test_what_is_no_amount_is_nothing(value: Any) -> None:
    assert stripe_events.whole(value) == 0


def test_fees_in_another_currency_are_not_ours_to_convert() -> None:
    balance = {"currency": "usd", "fee": 30, "fee_details": [{"type": "tax", "amount": 3}]}
    intent = INTENT | {"status": "succeeded", "latest_charge": {"balance_transaction": balance}}
    assert stripe_events.payment_from(intent).fee_paise is None


def test_errors_are_read() -> None:
    body = {"error": {"type": "card_error", "code": "card_declined", "decline_code": "lost_card", "message": "no"}}
    assert stripe_module.read_error(body) == {
        "description": "no",
        "vendor_code": "card_declined",
        "reason": "lost_card",
    }
    assert stripe_module.read_error({"error": "x"}) == stripe_module.read_error([]) == {}
