"""Every signature of the vendors' published vectors before our verifier and before the vendor's own library, and every
corruption of it; then fresh ones, signed by either side and read by the other. `make vectors`, in an environment of its
own. `VECTORS` names a larger collection; those kept in `tests/vectors` are always put."""

from __future__ import annotations

import json
import os
import random
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest import mock

from studyspot.gateways import paytm_checksum
from studyspot.gateways.cashfree import Cashfree
from studyspot.gateways.razorpay import Razorpay
from studyspot.gateways.signatures import base64_digest, hex_digest
from studyspot.gateways.stripe import Stripe
from studyspot.kit.errors import BadSignature

KEPT = Path(__file__).parents[2] / "tests" / "vectors"
VENDORS = ("razorpay", "cashfree", "paytm", "stripe")
FRESH = 200
MALFORMED = (None, "", " ", "\u00e9" * 64, "\udcff" * 64, "0" * 63, "=" * 44, "not base64 at all!", "\x00")
Case = tuple[str, Callable[..., Any], Callable[..., Any]]
"""What is signed, and how each side takes a signature of it."""


def main() -> int:
    """How many checks were made of each kind; 1 when any two judges disagree."""
    made: Counter[str] = Counter()
    wrong: list[str] = []
    for vector in collected():
        judged(vector, made, wrong)
    for vendor, signed in fresh():
        for signature, ours, theirs in signed:
            record(f"{vendor}: fresh", made, wrong, vendor, True, accepts(ours, signature), accepts(theirs, signature))
    for name, count in sorted(made.items()):
        print(f"{name:<44}{count:>8}")
    print(f"{'disagreements':<44}{len(wrong):>8}", *wrong, sep="\n")
    return 1 if wrong or not made else 0


def collected() -> list[dict[str, Any]]:
    found = [vector for vendor in VENDORS for vector in json.loads((KEPT / f"{vendor}.json").read_text())]
    if whole := os.environ.get("VECTORS"):
        found += json.loads(Path(whole).read_text())
    signed = {v["id"]: v for v in found if v["provider"] in VENDORS}
    return list(signed.values())


def judged(vector: dict[str, Any], made: Counter[str], wrong: list[str]) -> None:
    """As published, then with every byte of the signature changed, then without any sense."""
    name = f"{vector['provider']}: {vector['kind']}"
    good, ours, theirs = CASES[vector["provider"]](vector)
    valid = vector["expected"].get("valid", True)
    record(name, made, wrong, vector["id"], valid, accepts(ours, good), accepts(theirs, good))
    for changed in corrupted(good) if valid else ():
        record(f"{name}, corrupted", made, wrong, vector["id"], False, accepts(ours, changed), accepts(theirs, changed))
    for odd in MALFORMED:
        record(f"{name}, malformed", made, wrong, vector["id"], False, accepts(ours, odd), False)


def record(name: str, made: Counter[str], wrong: list[str], what: str, expected: bool, *verdicts: bool) -> None:
    made[name] += 1
    if any(verdict is not expected for verdict in verdicts):
        wrong.append(f"{what}: expected {expected}, ours {verdicts[0]}, theirs {verdicts[-1]} ({name})")


def accepts(check: Callable[..., Any], signature: Any) -> bool:
    """A refusal of ours is BadSignature and nothing else; a vendor's library may refuse as it likes."""
    try:
        return check(signature) is not False
    except BadSignature:
        return False
    except Exception:
        if check.__name__.startswith("ours"):
            raise
        return False


def corrupted(good: str) -> Iterator[str]:
    """Of Stripe's header only the time and the first signature count; whatever follows may be anything."""
    counted, rest = good, ""
    if good.startswith("t="):
        counted = ",".join(good.split(",")[:2])
        rest = good[len(counted) :]
    for at in range(0, len(counted), 3):
        if counted[at] not in "=,":
            yield counted[:at] + ("0" if counted[at] != "0" else "1") + counted[at + 1 :] + rest
    yield counted[:-1] + rest


def of_razorpay(vector: dict[str, Any]) -> Any:
    import razorpay

    told, kind, signature = vector["inputs"], vector["kind"], vector["expected"].get("signature", "")
    if kind in ("webhook_signature", "webhook_payload"):
        body, secret = told["raw_body"], told["webhook_secret"]
        gateway, client = Razorpay("key", "", (secret,)), razorpay.Client(auth=("key", "x"))

        def ours_webhook(given: Any) -> None:
            headers = {} if given is None else {"X-Razorpay-Signature": given}
            gateway.verify_webhook(body.encode(), headers, datetime.now(UTC))

        return signature, ours_webhook, lambda given: client.utility.verify_webhook_signature(body, given, secret)
    return signature, *_callbacks_of_razorpay(kind, told)


def _callbacks_of_razorpay(kind: str, told: dict[str, Any]) -> Any:
    import razorpay

    gateway = Razorpay("key", told["key_secret"], ())
    utility = razorpay.Client(auth=("key", told["key_secret"])).utility
    if kind == "payment_link_signature":
        base = {
            "razorpay_payment_id": told["payment_id"],
            "razorpay_payment_link_status": told["payment_link_status"],
        }
        link, reference = told["payment_link_id"], told["payment_link_reference_id"]
        named = base | {"payment_link_id": link, "payment_link_reference_id": reference}
        named |= {"payment_link_status": told["payment_link_status"]}

        def ours_link(given: Any) -> None:
            gateway.verify_payment_link(base | {"razorpay_signature": given}, link, reference)

        return ours_link, lambda given: utility.verify_payment_link_signature(named | {"razorpay_signature": given})
    subscription = kind == "subscription_signature"
    name = "subscription_id" if subscription else "order_id"
    theirs = utility.verify_subscription_payment_signature if subscription else utility.verify_payment_signature
    mine = gateway.verify_subscription if subscription else gateway.verify_callback
    callback = {"razorpay_payment_id": told["payment_id"], f"razorpay_{name}": told[name]}

    def ours_callback(given: Any) -> None:
        mine(callback | {"razorpay_signature": given}, told[name])

    return ours_callback, lambda given: theirs(callback | {"razorpay_signature": given})


def of_cashfree(vector: dict[str, Any]) -> Any:
    from cashfree_pg.api_client import Cashfree as Vendor

    told = vector["inputs"]
    body, stamp, secret = told["raw_body"], told["timestamp"], told["client_secret"]
    gateway = Cashfree("client", secret)
    vendor = Vendor(XEnvironment=Vendor.SANDBOX, XClientId="client", XClientSecret=secret)
    sent = datetime.fromtimestamp(int(stamp) / 1000, UTC)

    def ours(given: Any) -> None:
        headers = {"x-webhook-timestamp": stamp} | ({} if given is None else {"x-webhook-signature": given})
        gateway.verify_webhook(body.encode(), headers, sent)

    return (
        vector["expected"]["signature"],
        ours,
        lambda given: vendor.PGVerifyWebhookSignature(given, body, stamp) is not None,
    )


def of_paytm(vector: dict[str, Any]) -> Any:
    from paytmchecksum import PaytmChecksum

    told, key = vector["inputs"]["params"], vector["inputs"]["merchant_key"]

    def ours(given: Any) -> None:
        if isinstance(told, str):
            paytm_checksum.verify(key, [told.encode()], given)
        else:
            paytm_checksum.verify_form(key, told | ({} if given is None else {"CHECKSUMHASH": given}))

    def theirs(given: Any) -> bool:
        return bool(PaytmChecksum.verifySignature(told if isinstance(told, str) else dict(told), key, given))

    return vector["expected"]["checksum"], ours, theirs


def of_stripe(vector: dict[str, Any]) -> Any:
    import stripe

    told = vector["inputs"]
    body, secret, now = told["raw_body"], told["secret"], told["now"]
    gateway = Stripe("pk", "sk", (secret,))

    def ours(given: Any) -> None:
        headers = {} if given is None else {"Stripe-Signature": given}
        gateway.verify_webhook(body.encode(), headers, datetime.fromtimestamp(now, UTC))

    def theirs(given: Any) -> bool:
        with mock.patch("time.time", return_value=now):
            return bool(stripe.WebhookSignature.verify_header(body, given, secret, told["tolerance_s"]))

    return told["header"] or "", ours, theirs


CASES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "razorpay": of_razorpay,
    "cashfree": of_cashfree,
    "paytm": of_paytm,
    "stripe": of_stripe,
}


def fresh() -> Iterator[tuple[str, list[Any]]]:
    """Texts in many scripts, signed by us, and at Paytm by the vendor too; read by both."""
    from paytmchecksum import PaytmChecksum

    chance = random.Random(1)
    for number in range(FRESH):
        words = "".join(chance.choices("ab \u20b9\u0915\u00e9\U0001f600|", k=20))
        body = json.dumps({"type": "t", "n": number, "text": words}, ensure_ascii=bool(number % 2))
        at = chance.randrange(1_700_000_000, 1_900_000_000)
        secret = f"secret{number}"
        made: dict[str, dict[str, Any]] = {"razorpay": {"raw_body": body, "webhook_secret": secret},
                "cashfree": {"raw_body": body, "timestamp": f"{at}000", "client_secret": secret},
                "stripe": {"raw_body": body, "secret": secret, "now": at, "tolerance_s": 300}}  # fmt: skip
        signed = {
            "razorpay": hex_digest(secret, body.encode()),
            "cashfree": base64_digest(secret, f"{at}000{body}".encode()),
            "stripe": f"t={at},v1=" + hex_digest(secret, f"{at}.{body}".encode()),
        }
        for vendor, inputs in made.items():
            expected = {"signature": signed[vendor]}
            vector = {"kind": "webhook_signature", "inputs": inputs | {"header": signed[vendor]}, "expected": expected}
            yield vendor, [CASES[vendor](vector)]
        key = "".join(chance.choices("abcDEF0123#@!_", k=paytm_checksum.KEY_BYTES))
        for checksum in (paytm_checksum.sign(key, body), PaytmChecksum.generateSignature(body, key)):
            inputs = {"params": body, "merchant_key": key}
            yield "paytm", [of_paytm({"inputs": inputs, "expected": {"checksum": checksum}})]


if __name__ == "__main__":
    sys.exit(main())
