"""Whose account at which gateway: an organisation's own where it has connected one, the platform's elsewhere.

This is the one place where a client of a payment gateway is made for an order. An order stays with the account it was
asked of, also after that account was disconnected.
"""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from studyspot import gateways
from studyspot.gateways.payment import PaymentGateway
from studyspot.kit import clock, crypto, settings
from studyspot.kit.db import Db
from studyspot.payments import queries, routing
from studyspot.payments.models import (
    AccountRow,
    Attempt,
    GatewayHealth,
    GatewayName,
    Inputs,
    MethodHealth,
    Quote,
    QuotedRouting,
    Routing,
    Terms,
)
from studyspot.payments.models.terms import half_up, way_to_pay

PURPOSE = "gateway_account"
PLATFORM_SELLS = ("credits", "subscription", "service_activation")
"""What is paid to the platform, whatever accounts the organisation has."""


def platform(gateway: str) -> PaymentGateway:
    """The platform's account there."""
    return gateways.payment_gateway(gateway, settings.get())


def own(db: Db, account: AccountRow) -> PaymentGateway:
    """An organisation's account; `db` is that organisation's."""
    return gateways.payment_gateway(account.gateway, settings.get(), credentials(db.tenant, account))


def of_attempt(db: Db, attempt: Attempt) -> PaymentGateway:
    """The account that this order was, or will be, asked of."""
    return of_account(db, attempt.gateway, attempt.account_id)


def of_account(db: Db, gateway: str, account_id: UUID | None) -> PaymentGateway:
    """An organisation's own account, or the platform's; no transaction is left open."""
    if account_id is None:
        return platform(gateway)
    client = own(db, queries.account(db, account_id))
    db.commit()
    return client


def of_order(db: Db, gateway: str, gateway_order_id: str) -> PaymentGateway:
    """The account that an order is known at; no transaction is left open."""
    account = queries.account_of_order(db, gateway, gateway_order_id)
    db.commit()
    return own(db, account) if account else platform(gateway)


def credentials(tenant: UUID, account: AccountRow) -> dict[str, Any]:
    """Opened; nothing but a gateway's client may see them."""
    opened: dict[str, Any] = json.loads(crypto.decrypted(PURPOSE, account.credentials, tenant.bytes + account.id.bytes))
    return opened


def sealed(tenant: UUID, account_id: UUID, secrets: dict[str, Any]) -> str:
    """Bound to the tenant and the account: in another's row they open nothing."""
    return crypto.encrypted(PURPOSE, json.dumps(secrets), tenant.bytes + account_id.bytes)


def configured(terms: list[Terms]) -> frozenset[str]:
    """Own accounts alone where there are any, else the platform's."""
    if theirs := frozenset(t.gateway for t in terms if t.account_id):
        return theirs
    return of_platform()


def of_platform() -> frozenset[str]:
    """Where the platform has an account."""
    s = settings.get()
    accounts_of = {
        "razorpay": s.razorpay_key_id,
        "cashfree": s.cashfree_client_id,
        "paytm": s.paytm_mid,
        "stripe": s.stripe_secret_key.get_secret_value(),
    }
    return frozenset(name for name, account in accounts_of.items() if account)


def terms_of(db: Db, told: str, purpose: str) -> list[Terms]:
    """What is charged for a payment of that kind, made in the way that the gateway told."""
    return queries.terms(db, way_to_pay(told), own=purpose not in PLATFORM_SELLS)


def route(
    db: Db,
    amount_paise: int,
    method: str | None,
    pinned: str,
    purpose: str = "booking",
    payment_id: UUID | None = None,
) -> tuple[Routing, list[GatewayName], dict[GatewayName, UUID | None]]:
    """Today's decision for this amount, and through which account each gateway is asked; see `routing.decide`."""
    offers = queries.offers(db, method, own=purpose not in PLATFORM_SELLS)
    inputs = Inputs(
        at=clock.now(),
        amount_paise=amount_paise,
        method=method,
        purpose=purpose,
        pinned=pinned,
        configured=sorted(configured(offers.terms)),
        bucket=routing.bucket_of(payment_id) if payment_id else routing.MIDDLE,
        source=offers.source,
        version=offers.version,
        rules=offers.rules,
        terms=offers.terms,
    )
    decision, chosen = routing.decide(inputs)
    return decision, chosen, {t.gateway: t.account_id for t in offers.terms}


def again(decision: Routing, payment_id: UUID) -> tuple[Routing, list[GatewayName]]:
    """The same decision for a payment that was there already: its own place counts."""
    assert isinstance(decision.inputs, Inputs), "a decision that was just made knows its inputs"
    return routing.decide(decision.inputs.model_copy(update={"bucket": routing.bucket_of(payment_id)}))


def quote(db: Db, request: Quote) -> QuotedRouting:
    """The decision a payment would get, if it stood in the middle of all: it explores nothing."""
    decision, chosen, _ = route(db, request.amount_paise, request.method, "auto")
    return QuotedRouting(gateway=chosen[0], **decision.model_dump())


def health(db: Db) -> list[GatewayHealth]:
    """Calls of the last minutes, success of the last week, by way to pay too."""
    terms = queries.terms(db)
    usable = configured(terms)
    learnt = queries.by_method(db)
    return [
        GatewayHealth(
            gateway=t.gateway,
            configured=t.gateway in usable,
            circuit=t.circuit(clock.now()),
            calls=t.minute_calls,
            failures=t.minute_failures,
            success_rate=t.success_rate,
            methods=[
                MethodHealth(
                    method=of.method,
                    outcomes=of.outcomes,
                    failures=of.failures,
                    success_rate=half_up((of.calls - of.lost) * 10_000, of.calls) / 10_000,
                )
                for of in learnt
                if of.gateway == t.gateway and of.own == (t.account_id is not None)
            ],
        )
        for t in terms
    ]
