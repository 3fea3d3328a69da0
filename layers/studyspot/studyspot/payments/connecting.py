"""An owner connects, tries and disconnects the organisation's own accounts at payment gateways."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Any
from uuid import UUID

from studyspot.gateways import paytm_checksum
from studyspot.gateways.failures import GatewayFailure
from studyspot.gateways.payment import Customer, PaymentGateway
from studyspot.kit import audit, cells, clock, outbox, settings
from studyspot.kit.db import Db
from studyspot.kit.errors import Invalid, NotFound
from studyspot.kyc import service as kyc
from studyspot.payments import merchants, queries
from studyspot.payments.models import (
    PLATFORM_PHONE,
    AccountChange,
    AccountRow,
    AccountTested,
    AccountTestFailed,
    GatewayAccount,
    GatewayName,
    LiveAccount,
)

TEST_PAISE = 100
TEST_WINDOW = timedelta(minutes=20)
RAZORPAY_KEYS = {"rzp_test_": "test", "rzp_live_": "live"}
STRIPE_KEYS = {"sk_test_": "test", "rk_test_": "test", "sk_live_": "live", "rk_live_": "live"}
LIVE_CASHFREE = "cfsk_ma_prod_"
HOOK_SECRETS = {"razorpay": "Razorpay", "stripe": "Stripe"}
"""Who signs webhooks with a secret of its own."""


def listed(db: Db) -> list[GatewayAccount]:
    """The accounts that take payments now, and how they have been doing."""
    doing = {h.gateway: h for h in merchants.health(db)}
    return [_shown(row, doing) for row in queries.connected(db)]


def connect(db: Db, core: Db, gateway: GatewayName, asked: AccountChange) -> GatewayAccount:
    """Set what was sent; another key connects another account in place of the one before.

    A live account moves real money to the organisation, which has to be known for that (`kyc_required`).
    """
    with db.transaction():
        before = next(iter(queries.connected(db, gateway, "FOR UPDATE")), None)
        account = _account(db, gateway, asked, before)
        if account.mode == "live":
            kyc.approved(db)
        given: dict[str, Any] = {
            name: value for name, value in asked.changes().items() if name in ("priority", "methods")
        }
        if asked.key_secret:
            given["credentials"] = merchants.sealed(db.tenant, account.id, _secrets(db, gateway, asked, account))
        if before and before.id != account.id:
            queries.change_account(db, before.id, status="disconnected")
        after = queries.change_account(db, account.id, status="connected", **given)
        queries.register_account(core, after.id, gateway, db.tenant)
        core.commit()
        _noted(db, "gateways.connect", after)
    return _shown(after)


def disconnect(db: Db, gateway: GatewayName) -> None:
    """No new payment goes through it; what it took can still be refunded."""
    with db.transaction():
        found = next(iter(queries.connected(db, gateway, "FOR UPDATE")), None)
        if found is None:
            raise NotFound
        _noted(db, "gateways.disconnect", queries.change_account(db, found.id, status="disconnected"))


def try_out(db: Db, gateway: GatewayName) -> AccountTested:
    """An order of one rupee in test mode: do the credentials work, and when did its last webhook come?"""
    found = next(iter(queries.connected(db, gateway)), None)
    if found is None:
        raise NotFound
    if found.mode == "live":
        raise LiveAccount
    db.commit()
    order_id = _order(merchants.own(db, found), f"test_{secrets.token_hex(12)}")
    with db.transaction():
        after = queries.change_account(db, found.id, tested_at=clock.now(), test_order=order_id)
        _noted(db, "gateways.test", after)
    return AccountTested(order_id=order_id, amount_paise=TEST_PAISE, account=_shown(after))


def _order(client: PaymentGateway, reference: str) -> str:
    try:
        order = client.create_order(
            reference, TEST_PAISE, "INR", Customer(PLATFORM_PHONE, "Test", ""), clock.now() + TEST_WINDOW, {},
            settings.get().public_base_url,
        )  # fmt: skip
    except GatewayFailure as failure:
        raise AccountTestFailed(f"the gateway answered: {failure.description or failure.kind.value}") from failure
    return order.id


def _account(db: Db, gateway: GatewayName, asked: AccountChange, before: AccountRow | None) -> AccountRow:
    """The one connected now, one connected earlier, or a new one."""
    if asked.key_id is None or (before and before.key_id == asked.key_id):
        if before is None:
            raise Invalid.field("keyId", "required to connect an account")
        return before
    if asked.key_secret is None:
        raise Invalid.field("keySecret", "required with another keyId")
    earlier = queries.known(db, gateway, asked.key_id)
    if earlier:
        return earlier
    made = queries.add_account(db, gateway, asked.key_id, _mode(gateway, asked.key_id, asked.key_secret, asked.mode))
    return queries.account(db, made)


def _mode(gateway: GatewayName, key_id: str, key_secret: str, told: str | None) -> str:
    """The vendors write it into their keys; Paytm does not."""
    match gateway:
        case "cashfree":
            mode = "live" if key_secret.startswith(LIVE_CASHFREE) else "test"
        case "paytm":
            mode = _mode_of_paytm(key_secret, told)
        case "razorpay":
            mode = _begins(RAZORPAY_KEYS, key_id, "keyId")
        case "stripe":
            mode = _begins(STRIPE_KEYS, key_secret, "keySecret")
            if not key_id.startswith(f"pk_{mode}_"):
                raise Invalid.field("keyId", f"the publishable key of the same mode begins with pk_{mode}_")
    if told not in (None, mode):
        raise Invalid.field("mode", f"these are keys of the mode {mode}")
    return mode


def _begins(known: dict[str, str], key: str, field: str) -> str:
    mode = next((mode for prefix, mode in known.items() if key.startswith(prefix)), None)
    if mode is None:
        raise Invalid.field(field, f"such a key begins with {' or '.join(known)}")
    return mode


def _mode_of_paytm(merchant_key: str, told: str | None) -> str:
    if len(merchant_key) != paytm_checksum.KEY_BYTES:
        raise Invalid.field("keySecret", f"Paytm's merchant keys have {paytm_checksum.KEY_BYTES} characters")
    if told is None:
        raise Invalid.field("mode", "required: Paytm's keys do not say whether they are for tests")
    return told


def _secrets(db: Db, gateway: GatewayName, asked: AccountChange, account: AccountRow) -> dict[str, Any]:
    """A webhook secret that was replaced is still accepted: deliveries signed with it are on their way."""
    told = asked.mode or (account.mode if gateway == "paytm" else None)
    if asked.key_secret and _mode(gateway, account.key_id, asked.key_secret, told) != account.mode:
        raise Invalid.field("keySecret", f"belongs to another mode than {account.mode}")
    was = merchants.credentials(db.tenant, account) if account.credentials else {}
    earlier = was.get("webhookSecrets", [])
    hooks = [asked.webhook_secret, *earlier] if asked.webhook_secret else earlier
    if gateway in HOOK_SECRETS and not hooks:
        raise Invalid.field("webhookSecret", f"required: {HOOK_SECRETS[gateway]} signs webhooks with it")
    return {"keyId": account.key_id, "keySecret": asked.key_secret, "webhookSecrets": hooks[:2],
            "mode": account.mode}  # fmt: skip


def _noted(db: Db, action: str, row: AccountRow) -> None:
    told = {"gateway": row.gateway, "mode": row.mode, "priority": row.priority, "methods": row.methods}
    audit.note(db, action, "gateways", row.id, after={**told, "account": _masked(row.key_id), "status": row.status})
    outbox.emit(db, "gateway.changed", row.id, {"gateway": row.gateway, "status": row.status})


def _masked(key_id: str) -> str:
    return "*" * max(4, len(key_id) - 4) + key_id[-4:]


def _shown(row: AccountRow, doing: dict[GatewayName, Any] | None = None) -> GatewayAccount:
    now = (doing or {}).get(row.gateway)
    path = f"/api/v1/payments/webhook/{row.gateway}/{row.id}"
    return GatewayAccount(
        id=row.id,
        gateway=row.gateway,
        key_id=_masked(row.key_id),
        mode=row.mode,
        priority=row.priority,
        methods=row.methods,
        status=row.status,
        webhook_url=settings.get().public_base_url + path,
        tested_at=row.tested_at,
        webhook_at=row.webhook_at,
        circuit=now.circuit if now else None,
        success_rate=now.success_rate if now else None,
    )


class Receiver:
    """An own account as its webhooks meet it: which client checks the signature, and whose orders they may name."""

    def __init__(self, core: Db, gateway: GatewayName, account_ref: str) -> None:
        try:
            self.account_id = UUID(account_ref)
        except ValueError:
            raise NotFound from None
        tenant = queries.owner_of_account(core, gateway, self.account_id)
        core.commit()
        if tenant is None:
            raise NotFound
        self.tenant = tenant
        with cells.tenant_db(tenant) as db:
            self.row = queries.account(db, self.account_id)
            self.client = merchants.own(db, self.row)

    def heard(self) -> None:
        """A webhook came whose signature is right."""
        with cells.tenant_db(self.tenant) as db:
            queries.change_account(db, self.account_id, webhook_at=clock.now())
