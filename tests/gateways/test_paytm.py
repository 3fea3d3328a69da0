"""What is Paytm's alone: failures inside answers of 200, ids that are used up, rupees as text."""

from __future__ import annotations

import json
from typing import Any

import pytest
from studyspot.gateways import paytm as paytm_module
from studyspot.gateways import paytm_checksum, wire
from studyspot.gateways.failures import GatewayFailure, GatewayRejected, GatewayTimeout, Next, UnreadableEvent
from studyspot.gateways.paytm import Paytm
from studyspot.kit.clock import INDIA
from studyspot.kit.errors import BadSignature

from local.simulators import Keys, Refused, Simulators

KEY = Keys().paytm_merchant_key
MID = Keys().paytm_mid


def webhook(body: dict[str, Any] | str, key: str = KEY, head: str | None = None) -> bytes:
    text = body if isinstance(body, str) else json.dumps(body)
    signature = json.dumps({"signature": paytm_checksum.sign(key, text)}) if head is None else head
    return f'{{"head":{signature},"body":{text}}}'.encode()


def refused(check: Any, *arguments: Any) -> bool:
    try:
        check(*arguments)
    except BadSignature:
        return True
    return False


def test_an_order_is_a_token_for_one_transaction(paytm: Any, order_at: Any, world: Simulators) -> None:
    order = order_at(paytm, paise=49_905)
    assert order.checkout == {
        "mid": MID, "orderId": "ref-0001", "txnToken": order.checkout["txnToken"], "amount": "499.05",
        "script": f"{paytm.base_url}/merchantpgpui/checkoutjs/merchants/{MID}.js",
    }  # fmt: skip
    assert paytm.find_order("ref-0001") is None, "until somebody tries to pay, Paytm knows of no transaction"
    with pytest.raises(GatewayFailure) as used:
        order_at(paytm, paise=49_905)
    assert (used.value.vendor_code, used.value.kind) == ("334", Next.RETRY_OTHER)
    world.pay(order.id, "failure")
    assert paytm.find_order("ref-0001").status == "cancelled"
    with pytest.raises(Refused, match="used up"):
        world.pay(order.id, "success")


def test_a_failed_transaction_says_why(paytm: Any, order_at: Any, world: Simulators, clock: Any) -> None:
    order = order_at(paytm)
    form = world.pay(order.id, "failure", method="card")
    (payment,) = paytm.fetch_payment_of(order.id)
    assert (payment.status, payment.error, payment.method) == ("failed", "Your bank has declined the payment", "cc")
    assert (form["STATUS"], form["TXNAMOUNT"]) == ("TXN_FAILURE", "499.00")
    paytm.verify_callback(form, order.id)


def test_a_token_lives_for_a_quarter_of_an_hour(paytm: Any, order_at: Any, world: Simulators, clock: Any) -> None:
    order = order_at(paytm)
    clock.advance(minutes=15)
    with pytest.raises(Refused, match="expired"):
        world.pay(order.id, "success")


@pytest.mark.parametrize(
    ("paise", "text"), [(1, "0.01"), (100, "1.00"), (49_910, "499.10"), (10**11 + 7, "1000000000.07")]
)
def test_amounts_are_text_with_two_decimals(
    paytm: Any, order_at: Any, world: Simulators, paise: int, text: str
) -> None:
    order = order_at(paytm, paise=paise)
    assert order.checkout["amount"] == paytm_module.amount(paise) == text
    world.pay(order.id, "success")
    assert paytm.fetch_payment_of(order.id)[0].amount_paise == paise


@pytest.mark.parametrize("paise", [0, -1])
def test_nothing_is_no_amount(paise: int) -> None:
    with pytest.raises(GatewayRejected):
        paytm_module.amount(paise)


@pytest.mark.parametrize("amount", [499, 499.0, "499", "499.0", "499.000", "-1.00", "0.00", "1e3", None, "\uff14.00"])
def test_the_simulator_takes_no_other_form_of_amount(paytm: Any, amount: Any) -> None:
    body = {
        "requestType": "Payment", "mid": MID, "websiteName": paytm.website, "orderId": "ref-1",
        "callbackUrl": "https://a.example.com", "userInfo": {"custId": "c1"},
        "txnAmount": {"value": amount, "currency": "INR"},
    }  # fmt: skip
    told = paytm.call(f"/theia/api/v1/initiateTransaction?mid={MID}&orderId=ref-1", body, 5)
    assert told["resultInfo"]["resultStatus"] == "F"


def test_what_an_answer_means_for_what_may_be_done_next() -> None:
    def kind(code: str) -> Next:
        return paytm_module.refusal({"resultInfo": {"resultCode": code, "resultMsg": "no"}}).kind

    assert [kind(code) for code in ("334", "227", "501", "810", "INVALID_REFUND_AMOUNT")] == [
        Next.RETRY_OTHER, Next.RETRY_OTHER, Next.RETRY_OTHER, Next.TERMINAL, Next.TERMINAL,
    ]  # fmt: skip
    assert paytm_module.read_error({"body": []}) == paytm_module.read_error([]) == {}


def test_an_answer_without_a_result_leaves_it_unknown(paytm: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for answer in ([], {}, {"body": []}, {"body": {"resultInfo": None}}):
        monkeypatch.setattr(wire, "answer_of", lambda *_, answer=answer: answer)
        with pytest.raises(GatewayTimeout):
            paytm.find_order("ref-1")


def test_a_webhook_is_verified_over_the_bytes_of_its_body_member(paytm: Any, clock: Any) -> None:
    facts = {"mid": MID, "orderId": "o-1", "status": "TXN_SUCCESS", "txnId": "t-1", "txnAmount": "10.00"}
    text = json.dumps(facts)
    signature = json.dumps({"signature": paytm_checksum.sign(KEY, text)})
    for raw in (
        f'{{"head":{signature},"body":{text}}}', f'{{"body":{text},"head":{signature}}}',
        f' {{ "body" : {text} , "head" : {signature} }} ', f'{{"version":"v1","head":{signature},"body":{text}}}\n',
    ):  # fmt: skip
        paytm.verify_webhook(raw.encode(), {}, clock.now())
        assert paytm.parse_webhook(raw.encode(), {}).payment.amount_paise == 1000
    for raw in (
        f'{{"head":{signature},"body":{text.replace("10.00", "1.00")}}}',
        f'{{"head":{signature},"body":{json.dumps(facts, indent=1)}}}',
        f'{{"head":{signature},"body":{text},"body":{{"mid":"{MID}"}}}}',
        f'{{"head":{signature},"head":{signature},"body":{text}}}',
        f'{{"head":{signature},"body":{text}}}{{}}', f'[{{"head":{signature},"body":{text}}}]',
        f'{{"body":{text}}}', f'{{"head":{signature}}}', f'{{"head":[],"body":{text}}}', "", "{", "null", '{"body":1}',
        '{"head":' + "[" * 100_000, "{1:2}", "{[]:2}",
    ):  # fmt: skip
        assert refused(paytm.verify_webhook, raw.encode(), {}, clock.now()), raw[:80]
    assert refused(paytm.verify_webhook, b"\xff\xfe", {}, clock.now())
    stranger = webhook(facts, key="sixteen_letters_")
    assert refused(paytm.verify_webhook, stranger, {}, clock.now())
    assert refused(paytm.verify_webhook, webhook(facts | {"mid": "Other"}), {}, clock.now())
    for head in ("null", '{"signature":null}', '{"signature":""}', '{"signature":"é"}', '{"signature":"AAAA"}'):
        assert refused(paytm.verify_webhook, webhook(facts, head=head), {}, clock.now()), head


def test_a_form_is_verified_over_its_values(paytm: Any, order_at: Any, world: Simulators, clock: Any) -> None:
    from urllib.parse import urlencode

    order = order_at(paytm)
    form = world.pay(order.id, "success")
    kind = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
    raw = urlencode(form).encode()
    paytm.verify_webhook(raw, kind, clock.now())
    event = paytm.parse_webhook(raw, kind)
    assert (event.subject, event.order_id, event.status, event.amount_paise) == (
        "payment",
        order.id,
        "captured",
        49_900,
    )
    for changed in (
        urlencode(form | {"STATUS": "TXN_FAILURE"}), urlencode(form | {"EXTRA": "1"}), urlencode(form) + "&ORDERID=x",
        urlencode({k: v for k, v in form.items() if k != "CHECKSUMHASH"}), "", "a", "%ff=%ff", "ORDERID=é",
    ):  # fmt: skip
        assert refused(paytm.verify_webhook, changed.encode(), kind, clock.now()), changed
    with pytest.raises(UnreadableEvent):
        paytm.parse_webhook(b"MID=a&MID=b", kind)
    for callback in (
        {},
        form | {"ORDERID": "o-2"},
        form | {"MID": "x"},
        form | {"TXNAMOUNT": 499},
        form | {"X": "\udcff"},
    ):
        assert refused(paytm.verify_callback, callback, order.id)
    assert refused(paytm.verify_callback, form, "another-order")


def test_a_key_of_another_length_admits_nobody(clock: Any) -> None:
    for key in ("", "short", "x" * 17, "x" * 32):
        gateway = Paytm(MID, key)
        assert refused(gateway.verify_webhook, webhook({"mid": MID}), {}, clock.now())
        assert refused(gateway.verify_callback, {"MID": MID, "CHECKSUMHASH": "AAAA"}, "o")


@pytest.mark.parametrize(
    ("facts", "subject", "status"),
    [
        ({"status": "TXN_SUCCESS"}, "payment", "captured"),
        ({"status": "PENDING", "txnType": "SALE"}, "payment", "created"),
        ({"status": "TXN_FAILURE", "txnType": "QR_PAYMENT"}, "payment", "failed"),
        ({"status": "TXN_SUCCESS", "txnType": "REFUND", "refId": "r", "refundAmount": "1.00"}, "refund", "succeeded"),
        ({"status": "PENDING", "txnType": "REFUND"}, "refund", "pending"),
        ({"status": "TXN_SUCCESS", "txnType": "SUBSCRIPTION_DEBIT"}, "other", None),
        ({"status": "NEW_WORD"}, "payment", "created"),
    ],
)
def test_an_event_is_understood(paytm: Any, facts: dict[str, str], subject: str, status: str | None) -> None:
    event = paytm.parse_webhook(webhook({"mid": MID, "orderId": "o-1", "txnId": "t-1", **facts}), {})
    assert (event.subject, event.status, event.order_id) == (subject, status, "o-1")
    again = paytm.parse_webhook(webhook({"mid": MID, "orderId": "o-1", "txnId": "t-2", **facts}), {})
    assert again.event_id == event.event_id, "the same thing in the same state is the same event"


def test_times_are_india_s(paytm: Any) -> None:
    facts = {"mid": MID, "orderId": "o", "status": "TXN_SUCCESS", "txnDate": "2024-05-11 15:30:12.0"}
    at = paytm.parse_webhook(webhook(facts), {}).occurred_at
    assert (at.isoformat(), at.tzinfo) == ("2024-05-11T15:30:12+05:30", INDIA)
    for odd in ("yesterday", None, 5, ""):
        assert paytm.parse_webhook(webhook(facts | {"txnDate": odd}), {}).occurred_at is None


@pytest.mark.parametrize(
    "body", ["1", "[]", '{"mid":1}', '{"status":7}', '{"status":"a\\u0000b"}', '{"status":"\\ud800"}']
)
def test_a_signed_body_without_meaning_is_unreadable(paytm: Any, body: str) -> None:
    if body == '{"status":7}':
        assert paytm.parse_webhook(webhook(body), {}).status == "created"
        return
    with pytest.raises(UnreadableEvent):
        paytm.parse_webhook(webhook(body), {})
