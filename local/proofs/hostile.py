"""Bodies that a stranger, a broken proxy or a thief with one genuine secret may send to a webhook.

`make hostile-webhooks` sends all of them over HTTP; the suite sends the same to the functions.
"""

import base64
import gzip
import hashlib
import hmac
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from local.simulators import Keys, paytm_checksum

GATEWAYS = ("razorpay", "cashfree", "paytm", "stripe")
AMOUNTS = ("1200.5", "-12000", "0", str(2**63), str(2**64), "1e300", "1E-400", "12000e0", "NaN", "true", "null",
           '"1200"', "[]", "{}", "9" * 5000)  # fmt: skip
"""What may stand where an amount is expected, as it is written."""
MALFORMED = (
    b"", b"null", b"[]", b"{", b'{"a":', b"\xff\xfe\x00", b"\xef\xbb\xbf{}", b'{"event":"\\ud800"}',
    b'{"event":"a\\u0000b"}',
    b'{"type":"\\ud800","id":"e"}',
    b'{"type":1}', b'{"id":[],"type":{}}', b"[" * 100_000, b'{"a":' * 50_000, b"\x00" * 1000, b"a=b&a=c", b"<xml/>",
    '{"event":"\u0000"}'.encode(), gzip.compress(b'{"event":"payment.captured"}'),
)  # fmt: skip
LARGEST = 256 * 1024


@dataclass(frozen=True)
class Shot:
    """One delivery: what it tries, and the statuses that are a good answer. `signed`: by who knows the secret."""

    what: str
    body: bytes
    headers: dict[str, str]
    signed: bool
    good: tuple[int, ...]


def shots(keys: Keys, gateway: str, own: Mapping[str, Any], other: Mapping[str, Any], now: datetime) -> Iterator[Shot]:
    """`own` is a payment open at this gateway, `other` one of somebody else's, dearer or at another gateway."""
    sign, tell = SIGNERS[gateway], TELLERS[gateway]
    order, paise = own["gatewayOrderId"], own["amountPaise"]

    def genuine(what: str, body: bytes) -> Shot:
        sealed, headers = sign(keys, body, now)
        return Shot(what, sealed, headers, True, (200,))

    for amount in AMOUNTS:
        sealed, headers = sign(keys, tell(keys, order, amount, "INR"), now)
        yield Shot(f"the amount is {amount[:12]}", sealed, headers, True, (200, 401))
    yield genuine("a rupee less", tell(keys, order, wire(gateway, paise - 100), "INR"))
    yield genuine("another currency", tell(keys, order, wire(gateway, paise), "USD"))
    yield genuine("no currency that exists", tell(keys, order, wire(gateway, paise), "\u20b9" * 200))
    yield genuine("an order nobody knows", tell(keys, f"order_{uuid4().hex}", wire(gateway, paise), "INR"))
    yield genuine("an order with an odd name", tell(keys, "'; DROP TABLE payments; --", wire(gateway, paise), "INR"))
    yield genuine("an endless order", tell(keys, "o" * 60_000, wire(gateway, paise), "INR"))
    yield genuine("somebody else's order", tell(keys, other["gatewayOrderId"], wire(gateway, paise), "INR"))
    yield from _strangers(keys, gateway, tell(keys, order, wire(gateway, paise), "INR"), now)
    for number, body in enumerate(MALFORMED):
        sealed, headers = sign(keys, body, now)
        yield Shot(f"signed, but no event ({number})", sealed, headers, True, (200, 400, 401))
    for size in (LARGEST + 1, 10 * 1024 * 1024):
        body = b'{"a":"' + b"x" * size + b'"}'
        yield Shot(f"{size} bytes", body, sign(keys, b"{}", now)[1], False, (413,))


def _strangers(keys: Keys, gateway: str, body: bytes, now: datetime) -> Iterator[Shot]:
    """Everything but the secret is right."""
    forger = Keys(
        razorpay_webhook_secret="guessed", cashfree_client_secret="guessed", paytm_mid=keys.paytm_mid,
        paytm_merchant_key="guessed_guessed_", stripe_webhook_secret="guessed",
    )  # fmt: skip
    sealed, headers = SIGNERS[gateway](forger, body, now)
    yield Shot("signed with a guess", sealed, headers, False, (401,))
    good, proof = SIGNERS[gateway](keys, body, now)
    if gateway != "paytm":  # where the signature is inside, what stands around it is not signed
        yield Shot("a byte was added", good + b" ", proof, False, (401,))
    yield Shot("a byte was changed", good.replace(b"INR", b"INS").replace(b"inr", b"ins"), proof, False, (401,))
    yield Shot("packed", gzip.compress(good), proof | {"Content-Encoding": "gzip"}, False, (401,))
    yield Shot("in base64", base64.b64encode(good), proof, False, (401,))
    for name in proof:
        if "signature" in name.lower():
            for odd in ("", "0" * 64, "A" * 5_000, "\xe9" * 64):
                yield Shot(f"{name} is {odd[:8]!r}", good, proof | {name: odd}, False, (401, 431))
            yield Shot(f"without {name}", good, {k: v for k, v in proof.items() if k != name}, False, (401,))


def wire(gateway: str, paise: int) -> str:
    """An amount as that vendor writes it in JSON."""
    whole, part = divmod(paise, 100)
    return {"cashfree": f"{whole}.{part:02}", "paytm": f'"{whole}.{part:02}"'}.get(gateway, str(paise))


def _razorpay(_: Keys, order: str, amount: str, currency: str) -> bytes:
    return (
        f'{{"event":"payment.captured","payload":{{"payment":{{"entity":{{"id":"pay_{uuid4().hex[:14]}","amount":{amount},'
        f'"currency":{json.dumps(currency)},"status":"captured","order_id":{json.dumps(order)},"method":"upi"}}}}}}}}'
    ).encode()


def _cashfree(_: Keys, order: str, amount: str, currency: str) -> bytes:
    return (
        f'{{"type":"PAYMENT_SUCCESS_WEBHOOK","data":{{"order":{{"order_id":{json.dumps(order)}}},"payment":{{"cf_payment_id":'
        f'"{uuid4().int % 10**10}","payment_status":"SUCCESS","payment_amount":{amount},'
        f'"payment_currency":{json.dumps(currency)}}}}}}}'
    ).encode()


def _paytm(keys: Keys, order: str, amount: str, currency: str) -> bytes:
    return (
        f'{{"mid":"{keys.paytm_mid}","orderId":{json.dumps(order)},"txnId":"{uuid4().int % 10**30}",'
        f'"txnAmount":{amount},"currency":{json.dumps(currency)},"status":"TXN_SUCCESS"}}'
    ).encode()


def _stripe(_: Keys, order: str, amount: str, currency: str) -> bytes:
    return (
        f'{{"id":"evt_{uuid4().hex}","type":"payment_intent.succeeded","data":{{"object":{{"object":"payment_intent",'
        f'"id":{json.dumps(order)},"status":"succeeded","amount":{amount},"amount_received":{amount},'
        f'"currency":{json.dumps(currency.lower())}}}}}}}'
    ).encode()


def _signed_by_razorpay(keys: Keys, body: bytes, _: datetime) -> tuple[bytes, dict[str, str]]:
    digest = hmac.new(keys.razorpay_webhook_secret.encode(), body, hashlib.sha256).hexdigest()
    return body, {"X-Razorpay-Signature": digest, "x-razorpay-event-id": uuid4().hex}


def _signed_by_cashfree(keys: Keys, body: bytes, now: datetime) -> tuple[bytes, dict[str, str]]:
    stamp = str(int(now.timestamp() * 1000))
    digest = hmac.new(keys.cashfree_client_secret.encode(), stamp.encode() + body, hashlib.sha256).digest()
    return body, {"x-webhook-signature": base64.b64encode(digest).decode(), "x-webhook-timestamp": stamp,
                  "x-idempotency-key": uuid4().hex}  # fmt: skip


def _signed_by_paytm(keys: Keys, body: bytes, _: datetime) -> tuple[bytes, dict[str, str]]:
    """The checksum is over the text of a member; bytes that are no text stand there as they are."""
    text = body.decode("utf-8", "surrogateescape")
    try:
        signature = paytm_checksum.sign(keys.paytm_merchant_key, text)
    except UnicodeEncodeError:
        signature = paytm_checksum.sign(keys.paytm_merchant_key, "")
    return b'{"head":{"signature":"' + signature.encode() + b'"},"body":' + body + b"}", {
        "Content-Type": "application/json"
    }


def _signed_by_stripe(keys: Keys, body: bytes, now: datetime) -> tuple[bytes, dict[str, str]]:
    stamp = int(now.timestamp())
    digest = hmac.new(keys.stripe_webhook_secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    return body, {"Stripe-Signature": f"t={stamp},v1={digest}"}


TELLERS: dict[str, Callable[[Keys, str, str, str], bytes]] = {
    "razorpay": _razorpay, "cashfree": _cashfree, "paytm": _paytm, "stripe": _stripe,
}  # fmt: skip
SIGNERS: dict[str, Callable[[Keys, bytes, datetime], tuple[bytes, dict[str, str]]]] = {
    "razorpay": _signed_by_razorpay, "cashfree": _signed_by_cashfree, "paytm": _signed_by_paytm,
    "stripe": _signed_by_stripe,
}  # fmt: skip
