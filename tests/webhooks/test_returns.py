"""The payer's browser is back: the address is ours, what is posted is signed, and only the gateway is believed."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode, urlsplit
from uuid import UUID

import pytest
from studyspot.payments import returning

from tests.fulfilment.shop import Shop
from tests.world import Answer

FORM = {"content_type": "application/x-www-form-urlencoded"}


def come_back(shop: Shop, payment: dict[str, Any], method: str = "GET", form: Any = None, **how: Any) -> Answer:
    gateway = how.get("gateway", payment["gateway"])
    address = how.get("address") or returning.address(how.get("tenant", shop.tenant), payment["id"], gateway)
    parts = urlsplit(address)
    path, query = parts.path.removeprefix("/api/v1"), parts.query
    body = None
    if method == "GET" and form:
        query += "&" + urlencode(form)
    elif form is not None:
        body = form if isinstance(form, bytes) else urlencode(form).encode()
    headers = FORM if method == "POST" else {}
    return shop.world.call("returns", method, f"{path}?{query}", None, body, kind="webhooks", **headers)


def opened(shop: Shop, gateway: str, days: int = 1) -> dict[str, Any]:
    found: dict[str, Any] = shop.create(shop.book(days=days), gateway=gateway).data
    return found | {"id": UUID(found["id"])}


@pytest.mark.parametrize("gateway", ["razorpay", "cashfree", "paytm", "stripe"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_browser_is_sent_on_with_what_the_gateway_says(shop: Shop, gateway: str, method: str) -> None:
    payment = opened(shop, gateway)
    shown = f"http://127.0.0.1:3000/payments/{payment['id']}?status="
    waiting = come_back(shop, payment)
    assert (waiting.status, waiting.headers["Location"]) == (303, f"{shown}pending")
    form = shop.pay(payment, webhook="lost")
    back = come_back(shop, payment, method, form)
    assert (back.status, back.headers["Location"]) == (303, f"{shown}captured")
    again = come_back(shop, payment, method, form)
    assert (again.status, again.headers["Location"]) == (303, f"{shown}captured")
    assert (shop.count("payment_captures"), shop.receipts()) == (1, 1)


def test_the_gateways_are_told_that_address(shop: Shop) -> None:
    payment = opened(shop, "paytm")
    told = shop.simulators._store.get("paytm.order", payment["gatewayOrderId"])["callbackUrl"]
    assert told == returning.address(shop.tenant, payment["id"], "paytm")
    assert len(told) <= 250, "Cashfree takes no longer one"
    with shop.world.setting(paytm_callback_url="https://app.example.com/paid"):
        assert returning.address(shop.tenant, payment["id"], "paytm").startswith("https://app.example.com/paid?state=")


def test_a_good_callback_without_money_at_the_gateway_captures_nothing(shop: Shop) -> None:
    """A form that was signed for an order whose transaction then failed says nothing: the status does."""
    payment = opened(shop, "paytm")
    form = shop.pay(payment, "pending")
    back = come_back(shop, payment, "POST", form)
    assert back.headers["Location"].endswith("status=pending")
    shop.pay(payment, "failure", webhook="lost")
    assert come_back(shop, payment, "POST", form).headers["Location"].endswith("status=failed")
    assert (shop.count("payment_captures"), shop.net_captured()) == (0, 0)


def test_what_was_changed_on_the_way_is_refused(shop: Shop) -> None:
    payment, other = opened(shop, "paytm"), opened(shop, "paytm", days=2)
    good = returning.address(shop.tenant, payment["id"], "paytm")
    for address in (good[:-1] + ("0" if good[-1] != "0" else "1"), good.replace("state=", "state=A"),
                    good.partition("?")[0] + "?state=", good.partition("?")[0], good + "&state=x"):  # fmt: skip
        refused = come_back(shop, payment, address=address)
        assert (refused.status, refused.code) == (401, "bad_signature"), address
    form = shop.pay(payment, webhook="lost")
    for changed in (form | {"TXNAMOUNT": "1.00"}, form | {"STATUS": "TXN_FAILURE"}, form | {"CHECKSUMHASH": "AAAA"},
                    {k: v for k, v in form.items() if k != "CHECKSUMHASH"}):  # fmt: skip
        for method in ("POST", "GET"):
            refused = come_back(shop, payment, method, changed)
            assert (refused.status, refused.code) == (401, "bad_signature"), changed
    assert come_back(shop, other, "POST", form).status == 404, "a genuine form of another payment's order"
    assert come_back(shop, payment, gateway="stripe").status == 404
    assert come_back(shop, payment, gateway="payu").status == 404
    assert come_back(shop, payment, "POST", b"ORDERID=a&ORDERID=b").status == 400
    assert shop.payment(str(payment["id"]))["status"] == "created"
    assert shop.count("payment_captures") == 0


def test_an_address_of_another_tenant_names_nothing(shop: Shop) -> None:
    payment, stranger = opened(shop, "paytm"), shop.world.tenant()
    assert come_back(shop, payment, tenant=stranger.id).status == 404


def test_a_gateway_that_is_down_leaves_the_payment_pending(shop: Shop) -> None:
    payment = opened(shop, "stripe")
    form = shop.pay(payment, webhook="lost")
    shop.fault("stripe", "down", "fetch", times=None)
    assert come_back(shop, payment, "GET", form).headers["Location"].endswith("status=pending")
    shop.simulators.clear_faults()
    assert come_back(shop, payment, "GET", form).headers["Location"].endswith("status=captured")
