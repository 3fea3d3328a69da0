"""Signatures: what the vendors published passes, what is forged or malformed is refused and never crashes."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import razorpay as vendor_sdk
from studyspot.gateways import cashfree as cashfree_module
from studyspot.gateways import cashfree_events, msg91, paytm_checksum
from studyspot.gateways import paytm as paytm_module
from studyspot.gateways import razorpay as razorpay_module
from studyspot.gateways import stripe as stripe_module
from studyspot.gateways.cashfree import Cashfree
from studyspot.gateways.failures import GatewayRejected, UnreadableEvent
from studyspot.gateways.razorpay import Razorpay
from studyspot.gateways.signatures import base64_digest, hex_digest
from studyspot.gateways.stripe import Stripe
from studyspot.kit.errors import BadSignature

KEPT = Path(__file__).parents[1] / "vectors"
NOW = datetime(2026, 11, 21, 4, 30, tzinfo=UTC)


def vectors(provider: str, kind: str) -> list[Any]:
    """Those kept here, and the whole collection where `VECTORS` names it."""
    found = json.loads((KEPT / f"{provider}.json").read_text())
    if whole := os.environ.get("VECTORS"):
        found += json.loads(Path(whole).read_text())
    chosen = {v["id"]: v for v in found if v["provider"] == provider and v["kind"] == kind}
    return [pytest.param(v["inputs"], v["expected"], id=v["id"]) for v in chosen.values()]


def accepts(check: Any, *arguments: Any) -> bool:
    try:
        check(*arguments)
    except BadSignature:
        return False
    return True


def account(secret: str = "key_secret", *webhook_secrets: str) -> Razorpay:
    return Razorpay("rzp_test_key", secret, webhook_secrets)


def webhook_headers(signature: str | None) -> dict[str, str]:
    return {} if signature is None else {"X-Razorpay-Signature": signature}


@pytest.mark.parametrize(("inputs", "expected"), vectors("razorpay", "checkout_signature"))
def test_the_checkout_signature_covers_our_order_and_their_payment(inputs: Any, expected: Any) -> None:
    callback = {"razorpay_payment_id": inputs["payment_id"], "razorpay_signature": expected["signature"]}
    gateway = account(inputs["key_secret"])
    assert accepts(gateway.verify_callback, callback, inputs["order_id"]) is expected["valid"]
    assert not accepts(gateway.verify_callback, callback, inputs["order_id"] + "x")


@pytest.mark.parametrize(("inputs", "expected"), vectors("razorpay", "subscription_signature"))
def test_the_subscription_signature_has_its_ids_the_other_way_round(inputs: Any, expected: Any) -> None:
    callback = {"razorpay_payment_id": inputs["payment_id"], "razorpay_signature": expected["signature"]}
    gateway = account(inputs["key_secret"])
    assert accepts(gateway.verify_subscription, callback, inputs["subscription_id"]) is expected["valid"]
    assert not accepts(gateway.verify_callback, callback, inputs["subscription_id"])


@pytest.mark.parametrize(("inputs", "expected"), vectors("razorpay", "payment_link_signature"))
def test_the_payment_link_signature_covers_the_status(inputs: Any, expected: Any) -> None:
    callback = {
        "razorpay_payment_id": inputs["payment_id"],
        "razorpay_payment_link_status": inputs["payment_link_status"],
        "razorpay_signature": expected["signature"],
    }
    link, reference = inputs["payment_link_id"], inputs["payment_link_reference_id"]
    gateway = account(inputs["key_secret"])
    assert accepts(gateway.verify_payment_link, callback, link, reference) is expected["valid"]
    callback["razorpay_payment_link_status"] = "cancelled"
    assert not accepts(gateway.verify_payment_link, callback, link, reference)


@pytest.mark.parametrize(("inputs", "expected"), vectors("razorpay", "webhook_signature"))
def test_the_webhook_signature_covers_the_raw_bytes(inputs: Any, expected: Any) -> None:
    raw, gateway = inputs["raw_body"].encode(), account("", inputs["webhook_secret"])
    headers = webhook_headers(expected["signature"])
    assert accepts(gateway.verify_webhook, raw, headers, NOW) is expected["valid"]
    assert not accepts(gateway.verify_webhook, raw + b"\n", headers, NOW)


@pytest.mark.parametrize(("inputs", "expected"), vectors("razorpay", "webhook_payload"))
def test_a_razorpay_event_is_understood(inputs: Any, expected: Any) -> None:
    raw, gateway = inputs["raw_body"].encode(), account("", inputs["webhook_secret"])
    gateway.verify_webhook(raw, webhook_headers(expected["signature"]), NOW)
    event = gateway.parse_webhook(raw, {"x-razorpay-event-id": "evt_1"})
    assert (event.event_id, event.type) == ("evt_1", expected["event"])
    if expected["created_at"]:
        assert event.occurred_at == datetime.fromtimestamp(expected["created_at"], UTC)
    if told := expected.get("payment"):
        payment = event.payment
        assert payment is not None
        assert (payment.id, payment.order_id or None) == (told["id"], told["order_id"])
        assert (payment.amount_paise, payment.currency) == (told["amount_minor"], told["currency"])
        assert (payment.status, payment.method) == (told["status"], told["method"])
        assert payment.error == (told["error_reason"] or told["error_code"])
    if told := expected.get("refund"):
        states = {"processed": "succeeded", "failed": "failed", "pending": "pending"}
        assert (event.refund_id, event.payment_id, event.amount_paise, event.status) == (
            told["id"], told["payment_id"], told["amount_minor"], states[told["status"]],
        )  # fmt: skip
    if told := expected.get("dispute"):
        assert (event.subject, event.status, event.amount_paise) == ("dispute", told["status"], told["amount_minor"])
    if told := expected.get("token"):
        assert event.mandate is not None
        assert (event.mandate.id, event.status) == (told["id"], expected["event"].rpartition(".")[2])
    if told := expected.get("notification"):
        assert (event.subject, event.order_id, event.status) == ("notification", told["order_id"], told["status"])


@pytest.mark.parametrize(("inputs", "expected"), vectors("cashfree", "webhook_signature"))
def test_the_cashfree_signature_covers_time_and_raw_bytes(inputs: Any, expected: Any) -> None:
    raw, gateway = inputs["raw_body"].encode(), Cashfree("client", inputs["client_secret"])
    headers = {"X-Webhook-Signature": expected["signature"], "X-Webhook-Timestamp": inputs["timestamp"]}
    sent_at = datetime.fromtimestamp(int(inputs["timestamp"]) / 1000, UTC)
    assert accepts(gateway.verify_webhook, raw, headers, sent_at) is expected["valid"]
    assert not accepts(gateway.verify_webhook, raw, headers, sent_at + timedelta(minutes=6))
    assert not accepts(gateway.verify_webhook, raw, headers, sent_at - timedelta(minutes=6))
    assert not accepts(gateway.verify_webhook, raw + b" ", headers, sent_at)
    if not expected["valid"] or "amount_minor" not in expected:
        return
    event = gateway.parse_webhook(raw, headers)
    assert (event.type, event.order_id, event.payment_id) == (
        expected["type"], expected["order_id"], expected["cf_payment_id"],
    )  # fmt: skip
    assert event.amount_paise == expected["amount_minor"]
    if refund := expected.get("refund_id"):
        assert event.refund is not None
        assert (event.refund.reference, event.status) == (refund, "succeeded")
    else:
        assert event.status == "captured"


@pytest.mark.parametrize(("inputs", "expected"), vectors("paytm", "checksum"))
def test_the_paytm_checksum_is_the_vendor_s_to_the_byte(inputs: Any, expected: Any) -> None:
    key, told = inputs["merchant_key"], inputs["params"]
    text = told if isinstance(told, str) else paytm_checksum.joined(told)
    if expected["valid"]:
        assert text == expected["joined"]
        assert paytm_checksum.sign(key, text, inputs["salt"]) == expected["checksum"]
    if isinstance(told, str):
        assert accepts(paytm_checksum.verify, key, [text.encode()], expected["checksum"]) is expected["valid"]
    else:
        form = told | {"CHECKSUMHASH": expected["checksum"]}
        assert accepts(paytm_checksum.verify_form, key, form) is expected["valid"]
    assert not accepts(paytm_checksum.verify, key, [text.encode() + b" "], expected["checksum"])


@pytest.mark.parametrize(("inputs", "expected"), vectors("stripe", "webhook_signature"))
def test_the_stripe_signature_covers_time_and_raw_bytes(inputs: Any, expected: Any) -> None:
    raw, gateway = inputs["raw_body"].encode(), Stripe("pk", "sk", (inputs["secret"],))
    now = datetime.fromtimestamp(inputs["now"], UTC)
    headers = {} if inputs["header"] is None else {"Stripe-Signature": inputs["header"]}
    assert accepts(gateway.verify_webhook, raw, headers, now) is expected["valid"]
    assert not accepts(gateway.verify_webhook, raw + b"\n", headers, now)


def test_every_changed_byte_of_a_checksum_is_refused() -> None:
    good = paytm_checksum.sign("kbzk1DSbJiV_O3p5", "text", "salt")
    for at in range(len(good)):
        for other in ("A", "z", "=", " ", "\u00e9"):
            changed = good[:at] + other + good[at + 1 :]
            if changed != good:
                assert not accepts(paytm_checksum.verify, "kbzk1DSbJiV_O3p5", [b"text"], changed), changed


@pytest.mark.parametrize(("inputs", "expected"), vectors("msg91", "dlr_status_code"))
def test_a_delivery_code_has_its_state(inputs: Any, expected: Any) -> None:
    assert msg91.state_of(inputs["status"]) == msg91.state_of(int(inputs["status"])) == expected["state"]


@pytest.mark.parametrize(("inputs", "expected"), vectors("msg91", "webhook_payload"))
def test_a_delivery_report_is_understood(inputs: Any, expected: Any) -> None:
    from urllib.parse import urlencode

    reports = msg91.parse_delivery_report(urlencode(inputs["form"]).encode(), inputs["content_type"])
    for report, told in zip(reports, expected["reports"], strict=True):
        assert (report.request_id, report.number) == (told["request_id"], told["number"])
        assert (report.status_code, report.state) == (told["status_code"], told["state"])
        assert report.credits == told.get("credits")


@pytest.mark.parametrize(("inputs", "expected"), vectors("amounts", "minor_to_provider"))
def test_amounts_leave_in_the_vendors_units(inputs: Any, expected: Any) -> None:
    for convert, told in (
        (razorpay_module.amount, expected["razorpay"]),
        (cashfree_module.amount, expected["cashfree_number"]),
        (paytm_module.amount, expected["paytm_string"]),
        (stripe_module.amount, expected["stripe"]),
    ):
        if told is None:
            with pytest.raises(GatewayRejected):
                convert(inputs["amount_paise"])
        else:
            assert convert(inputs["amount_paise"]) == told


def test_the_vendors_library_accepts_what_ours_signs_and_the_other_way_round() -> None:
    theirs, gateway = vendor_sdk.Client(auth=("rzp_test_key", "key_secret")), account("key_secret", "hook")
    signature = hex_digest("key_secret", b"order_1|pay_1")
    parameters = {"razorpay_order_id": "order_1", "razorpay_payment_id": "pay_1", "razorpay_signature": signature}
    assert theirs.utility.verify_payment_signature(parameters)
    gateway.verify_callback(parameters, "order_1")
    body = '{"event":"payment.captured","note":"₹ and é"}'
    assert theirs.utility.verify_webhook_signature(body, hex_digest("hook", body.encode()), "hook")
    refused = {**parameters, "razorpay_signature": "0" * 64}
    with pytest.raises(vendor_sdk.errors.SignatureVerificationError):
        theirs.utility.verify_payment_signature(refused)
    assert not accepts(gateway.verify_callback, refused, "order_1")
    theirs.session.close()


MALFORMED = [None, "", " ", "é" * 64, "\udcff" * 64, "0" * 63, "0" * 65, "=" * 44, "not base64 at all!", "\x00"]


@pytest.mark.parametrize("signature", MALFORMED)
def test_a_malformed_signature_is_a_refusal(signature: Any) -> None:
    assert not accepts(account("k", "hook").verify_webhook, b"{}", webhook_headers(signature), NOW)
    assert not accepts(account("k").verify_callback, {"razorpay_signature": signature}, "order_1")
    headers = {"x-webhook-timestamp": str(int(NOW.timestamp() * 1000))}
    headers |= {} if signature is None else {"x-webhook-signature": signature}
    assert not accepts(Cashfree("client", "secret").verify_webhook, b"{}", headers, NOW)


@pytest.mark.parametrize("stamp", ["", "soon", "-1", "1e3", "9" * 400, "٣", "\udcff"])
def test_a_malformed_time_is_a_refusal_even_when_signed(stamp: str) -> None:
    message = stamp.encode("utf-8", "surrogatepass") + b"{}"
    headers = {"x-webhook-timestamp": stamp, "x-webhook-signature": base64_digest("secret", message)}
    assert not accepts(Cashfree("client", "secret").verify_webhook, b"{}", headers, NOW)


def test_an_empty_secret_admits_nobody() -> None:
    import hashlib
    import hmac

    forged = hmac.new(b"", b"{}", hashlib.sha256).hexdigest()
    assert not accepts(account("", "").verify_webhook, b"{}", webhook_headers(forged), NOW)
    assert not accepts(account("").verify_webhook, b"{}", webhook_headers(forged), NOW)


def test_after_a_rotation_both_secrets_are_good() -> None:
    gateway = account("k", "new", "old")
    for secret in ("new", "old"):
        gateway.verify_webhook(b"{}", webhook_headers(hex_digest(secret, b"{}")), NOW)
    assert not accepts(gateway.verify_webhook, b"{}", webhook_headers(hex_digest("older", b"{}")), NOW)


HUGE = b'{"event": 1e99999999999999999999}'
UNSTORABLE = b'{"event": "\\ud800", "type": "\\ud800"}'
UNREADABLE = [UNSTORABLE, b"", b"[]", b"null", b"{", b"\xff\xfe", b"{}", b'{"event": 1}', b"[" * 100_000, HUGE]


@pytest.mark.parametrize("raw", UNREADABLE)
def test_a_signed_body_without_meaning_is_unreadable(raw: bytes) -> None:
    for parse in (account("k", "hook").parse_webhook, Cashfree("client", "secret").parse_webhook):
        with pytest.raises(UnreadableEvent):
            parse(raw, {})


@pytest.mark.parametrize("payload", ["null", "[]", '{"payment": 1}', '{"payment": {"entity": []}}', '{"refund": {}}'])
def test_odd_payloads_are_kept_but_mean_nothing(payload: str) -> None:
    event = account("k", "hook").parse_webhook(f'{{"event":"payment.captured","payload":{payload}}}'.encode(), {})
    assert (event.order_id, event.payment_id, event.status) == (None, None, None)
    body = f'{{"type":"PAYMENT_SUCCESS_WEBHOOK","data":{payload}}}'.encode()
    again = Cashfree("client", "secret").parse_webhook(body, {})
    assert again.order_id is None and again.status in (None, "created")


@pytest.mark.parametrize("value", [True, None, "NaN", "1e999999999", [], "1.001"])
def test_an_amount_that_is_no_whole_number_of_paise_is_none(value: Any) -> None:
    assert cashfree_events.paise(value) is None
