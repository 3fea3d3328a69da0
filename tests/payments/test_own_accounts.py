"""An organisation's own accounts: secret, asked instead of the platform's, and believed about their own orders only."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from studyspot.gateways import paytm_checksum
from studyspot.kit import cells, ids

from tests.fulfilment.shop import KEYS, Shop
from tests.world import Answer

OWN = {"keyId": KEYS.razorpay_key_id, "keySecret": KEYS.razorpay_key_secret,
       "webhookSecret": "own-webhook-secret"}  # fmt: skip
LIVE = OWN | {"keyId": "rzp_live_0123456789"}
KYC = {"legalName": "Reading Rooms LLP", "pan": "AAACR5055K", "gstin": "27AAACR5055K1Z7", "ifsc": "HDFC0001234",
       "accountNumber": "50100123456789", "accountName": "Reading Rooms LLP"}  # fmt: skip


def me(shop: Shop, method: str, path: str, body: Any = None, token: str | None = None) -> Answer:
    return shop.world.call("settings", method, f"/tenants/me/{path}", token or shop.owner, body)


def connect(shop: Shop, body: Any = None, gateway: str = "razorpay") -> Answer:
    return me(shop, "PUT", f"gateways/{gateway}", body or OWN, shop.world.proven(shop.owner))


def hook(shop: Shop, path: str, secret: str, payload: dict[str, Any]) -> Answer:
    body = json.dumps(payload).encode()
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    headers = {"x_razorpay_signature": signature, "x_razorpay_event_id": f"evt_{ids.uuid7().hex}"}
    return shop.world.call("razorpay", "POST", path, None, body, kind="webhooks", **headers)


def captured(payment: dict[str, Any]) -> dict[str, Any]:
    entity = {"id": f"pay_{ids.uuid7().hex[:14]}", "order_id": payment["gatewayOrderId"], "status": "captured",
              "amount": payment["amountPaise"], "currency": "INR", "method": "upi", "created_at": 1_800_000_000,
              "captured": True}  # fmt: skip
    return {"event": "payment.captured", "payload": {"payment": {"entity": entity}}, "created_at": 1_800_000_000}


def platform_without_accounts(shop: Shop) -> Any:
    return shop.world.setting(
        razorpay_key_id="rzp_test_somebodyelse", razorpay_key_secret="not the simulator's", cashfree_client_id=""
    )


def test_only_the_owner_and_never_a_secret_back(shop: Shop) -> None:
    staff = shop.world.token("library_staff", shop.tenant)
    for method, path in (("GET", "gateways"), ("PUT", "gateways/razorpay"), ("POST", "gateways/razorpay/test"),
                         ("DELETE", "gateways/razorpay")):  # fmt: skip
        assert me(shop, method, path, {} if method == "PUT" else None, token=staff).code == "forbidden"
    for method in ("PUT", "DELETE"):
        unproven = me(shop, method, "gateways/razorpay", OWN if method == "PUT" else None)
        assert (unproven.status, unproven.code) == (403, "step_up_required")
    answer = connect(shop)
    assert answer.status == 200
    shown = answer.raw + me(shop, "GET", "gateways").raw
    for secret in (OWN["keySecret"], OWN["webhookSecret"], OWN["keyId"]):
        assert secret.encode() not in shown
    with psycopg.connect(shop.world.postgres.dsn("pool_1")) as conn:
        for table in ("gateway_accounts", "audit_logs", "outbox"):
            kept = conn.execute(
                f"SELECT string_agg(t::text, '') FROM {table} t WHERE tenant_id = %s", (shop.tenant,)
            ).fetchone()
            assert kept is not None and kept[0]
            assert OWN["keySecret"] not in kept[0], table
            assert OWN["webhookSecret"] not in kept[0], table


def test_credentials_copied_into_another_row_open_nothing(shop: Shop) -> None:
    connect(shop)
    other = shop.world.tenant()
    with psycopg.connect(shop.world.postgres.dsn("pool_1"), autocommit=True) as conn:
        conn.execute(
            "INSERT INTO gateway_accounts SELECT %s, id, gateway, key_id, credentials, mode, priority, methods, status,"
            " tested_at, test_order, webhook_at, created_at, updated_at FROM gateway_accounts WHERE tenant_id = %s",
            (other.id, shop.tenant),
        )
    answer = shop.world.call("settings", "POST", "/tenants/me/gateways/razorpay/test", other.owner)
    assert answer.status == 500


def test_what_is_missing_or_of_another_kind_is_refused(shop: Shop) -> None:
    for body in (
        {"priority": 1},
        {"keyId": OWN["keyId"], "webhookSecret": "own-webhook-secret"},
        {"keyId": OWN["keyId"], "keySecret": OWN["keySecret"]},
        {**OWN, "keyId": "somebody-s-key"},
        {**OWN, "methods": ["cheque"]},
    ):
        refused = connect(shop, body)
        assert (refused.status, refused.code) == (422, "validation_failed"), body
    assert connect(shop, OWN, "payu").code == "not_found"
    assert me(shop, "POST", "gateways/razorpay/test").code == "not_found"
    assert me(shop, "DELETE", "gateways/razorpay", token=shop.world.proven(shop.owner)).code == "not_found"
    assert me(shop, "GET", "gateways").data == []


def test_a_payment_goes_through_the_own_account_from_order_to_refund(shop: Shop) -> None:
    with platform_without_accounts(shop):
        account = connect(shop).data
        tried = me(shop, "POST", "gateways/razorpay/test").data
        assert tried["amountPaise"] == 100
        assert shop.simulators._store.get("razorpay.order", tried["orderId"])["amount"] == 100
        payment = shop.create(shop.book()).data
        assert payment["checkout"]["keyId"] == KEYS.razorpay_key_id
        assert payment["routing"]["reason"] == "only_candidate"
        callback = shop.pay(payment, webhook="lost")
        assert shop.verify(payment["id"], callback).data["status"] == "captured"
        assert me(shop, "DELETE", "gateways/razorpay", token=shop.world.proven(shop.owner)).status == 204
        shop.refund(payment["id"])
        assert shop.payment(payment["id"])["status"] == "refunded"
        assert account["webhookUrl"].endswith(f"/payments/webhook/razorpay/{account['id']}")
        assert me(shop, "GET", "gateways").data == []


def test_its_webhooks_are_signed_with_its_own_secret(shop: Shop) -> None:
    account = connect(shop).data
    payment = shop.create(shop.book()).data
    path, event = f"/payments/webhook/razorpay/{account['id']}", captured(payment)
    assert hook(shop, path, KEYS.razorpay_webhook_secret, event).code == "bad_signature"
    assert hook(shop, f"/payments/webhook/razorpay/{ids.uuid7()}", OWN["webhookSecret"], event).code == "not_found"
    assert hook(shop, f"/payments/webhook/cashfree/{account['id']}", OWN["webhookSecret"], event).status == 404
    assert me(shop, "GET", "gateways").data[0]["webhookAt"] is None
    assert hook(shop, path, OWN["webhookSecret"], event).data["status"] == "accepted"
    shop.background()
    assert shop.payment(payment["id"])["status"] == "captured"
    assert me(shop, "GET", "gateways").data[0]["webhookAt"] is not None


def test_a_replaced_webhook_secret_is_accepted_beside_the_new_one(shop: Shop) -> None:
    account = connect(shop).data
    connect(shop, {"keySecret": OWN["keySecret"], "webhookSecret": "the-next-webhook-secret"})
    path = f"/payments/webhook/razorpay/{account['id']}"
    for secret in (OWN["webhookSecret"], "the-next-webhook-secret"):
        assert hook(shop, path, secret, {"event": "other.thing", "payload": {}}).data["status"] == "ignored"


def test_an_own_account_cannot_say_that_the_platform_s_or_another_s_order_was_paid(shop: Shop) -> None:
    """Whoever holds a secret may sign anything: it must not make money that another account never saw."""
    platform_payment = shop.create(shop.book(), gateway="razorpay").data
    account = connect(shop).data
    own_payment = shop.create(shop.book(days=2)).data
    stranger = shop.world.tenant()
    proven = shop.world.proven(stranger.owner)
    theirs = shop.world.call("settings", "PUT", "/tenants/me/gateways/razorpay", proven, OWN).data
    for path, secret, payment in (
        (f"/payments/webhook/razorpay/{account['id']}", OWN["webhookSecret"], platform_payment),
        (f"/payments/webhook/razorpay/{theirs['id']}", OWN["webhookSecret"], own_payment),
        ("/payments/webhook/razorpay", KEYS.razorpay_webhook_secret, own_payment),
    ):
        assert hook(shop, path, secret, captured(payment)).data["status"] == "accepted"
        shop.background()
        assert shop.payment(payment["id"])["status"] in ("created", "pending")
    with cells.core_db() as core:
        parked = core.value("SELECT count(*) FROM webhook_events WHERE detail = 'the order is another account''s'")
    assert parked == 3


def test_failures_of_an_own_account_are_nobody_else_s(shop: Shop) -> None:
    connect(shop, OWN | {"keySecret": "wrong-for-this-key"})
    assert shop.create(shop.book()).status in (502, 503)
    with shop.world.db(shop.tenant) as db:
        names = db.value("SELECT array_agg(DISTINCT gateway) FROM gateway_health WHERE span = 'minute'")
    assert names
    assert all(name.startswith("razorpay:") for name in names)


def test_priority_outranks_cost_and_methods_leave_out(shop: Shop) -> None:
    connect(shop, OWN | {"priority": 2})
    cashfree = {"keyId": KEYS.cashfree_client_id, "keySecret": KEYS.cashfree_client_secret, "priority": 1,
                "methods": ["upi"]}  # fmt: skip
    assert connect(shop, cashfree, "cashfree").status == 200
    ask = {"amountPaise": 1000}
    quote = shop.world.call("routing", "POST", "/payments/routing/quote", shop.owner, ask).data
    assert (quote["gateway"], quote["reason"]) == ("cashfree", "priority")
    card = shop.world.call("routing", "POST", "/payments/routing/quote", shop.owner, ask | {"method": "card"}).data
    assert (card["gateway"], card["reason"]) == ("razorpay", "only_candidate")
    assert next(c for c in card["candidates"] if c["gateway"] == "cashfree")["why"] == "it does not take card"


def test_live_money_needs_a_known_organisation(shop: Shop) -> None:
    refused = connect(shop, LIVE)
    assert (refused.status, refused.code) == (403, "kyc_required")
    assert me(shop, "GET", "gateways").data == []
    me(shop, "PUT", "kyc", KYC)
    assert connect(shop, LIVE).code == "kyc_required"
    decided = shop.world.call(
        "tenants", "POST", f"/tenants/{shop.tenant}/kyc/decision", shop.world.admin(), {"approve": True}
    )
    assert decided.data["status"] == "approved"
    assert connect(shop, LIVE).data["mode"] == "live"
    tried = me(shop, "POST", "gateways/razorpay/test")
    assert (tried.status, tried.code) == (422, "gateway_live")


@pytest.mark.parametrize("stage", ["test", "production"])
def test_where_money_is_real_no_payment_goes_to_a_test_account(
    shop: Shop, stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from studyspot.kit import settings
    from studyspot.payments import queries

    connect(shop)
    there = settings.get().model_copy(update={"stage": stage})
    with shop.world.db(shop.tenant) as db, monkeypatch.context() as patched:
        patched.setattr(settings, "get", lambda: there)
        own = [t.account_id for t in queries.terms(db) if t.account_id]
    assert bool(own) is (stage == "test")


PAYTM = {"keyId": KEYS.paytm_mid, "keySecret": KEYS.paytm_merchant_key, "mode": "test"}
STRIPE = {"keyId": KEYS.stripe_publishable_key, "keySecret": KEYS.stripe_secret_key,
          "webhookSecret": KEYS.stripe_webhook_secret}  # fmt: skip


@pytest.mark.parametrize(("gateway", "body"), [("paytm", PAYTM), ("stripe", STRIPE)])
def test_an_own_account_at_paytm_or_stripe_takes_and_gives_back(shop: Shop, gateway: str, body: Any) -> None:
    nobody = {"paytm_mid": "", "stripe_secret_key": "sk_test_somebodyelse", "cashfree_client_id": ""}
    with shop.world.setting(**nobody):
        assert connect(shop, body, gateway).data["mode"] == "test"
        assert me(shop, "POST", f"gateways/{gateway}/test").data["amountPaise"] == 100
        payment = shop.create(shop.book()).data
        assert (payment["gateway"], payment["routing"]["reason"]) == (gateway, "only_candidate")
        assert shop.verify(payment["id"], shop.pay(payment, webhook="lost")).data["status"] == "captured"
        shop.refund(payment["id"])
        shop.webhooks()
        shop.pass_time(timedelta(minutes=2))
        assert shop.payment(payment["id"])["status"] == "refunded"
        shop.books()


def test_own_webhooks_of_paytm_and_stripe_are_signed_with_that_account_s_secret(shop: Shop) -> None:
    """The platform's secret opens no organisation's door, and an organisation's none of the platform's."""
    own_key = "own-merchant-key"
    account = connect(shop, PAYTM | {"keyId": "OwnMerchant01", "keySecret": own_key}, "paytm").data
    path = f"/payments/webhook/paytm/{account['id']}"

    def told(key: str, where: str, mid: str = "OwnMerchant01") -> Answer:
        text = json.dumps(
            {"mid": mid, "orderId": ids.uuid7().hex, "status": "TXN_SUCCESS", "txnType": "SUBSCRIPTION_INIT"}
        )
        raw = f'{{"head":{{"signature":"{paytm_checksum.sign(key, text)}"}},"body":{text}}}'.encode()
        return shop.world.call("paytm", "POST", where, None, raw, kind="webhooks", content_type="application/json")

    assert told(own_key, path).data["status"] == "ignored"
    for answer in (told(KEYS.paytm_merchant_key, path), told(own_key, path, KEYS.paytm_mid),
                   told(own_key, "/payments/webhook/paytm")):  # fmt: skip
        assert (answer.status, answer.code) == (401, "bad_signature")
    assert told(own_key, f"/payments/webhook/stripe/{account['id']}").status == 404


@pytest.mark.parametrize(
    ("gateway", "body", "field"),
    [
        ("paytm", PAYTM | {"mode": None}, "mode"),
        ("paytm", PAYTM | {"keySecret": "seventeen_letters"}, "keySecret"),
        ("stripe", STRIPE | {"webhookSecret": None}, "webhookSecret"),
        ("stripe", STRIPE | {"keyId": "pk_live_somebody"}, "keyId"),
        ("stripe", STRIPE | {"keySecret": "somebodys_secret"}, "keySecret"),
        ("stripe", STRIPE | {"mode": "live"}, "mode"),
        ("razorpay", OWN | {"mode": "live"}, "mode"),
    ],
)
def test_keys_that_do_not_fit_are_refused(shop: Shop, gateway: str, body: dict[str, Any], field: str) -> None:
    refused = connect(shop, {name: value for name, value in body.items() if value}, gateway)
    assert (refused.status, refused.json["errors"][0]["field"]) == (422, field)
    assert me(shop, "GET", "gateways").data == []
