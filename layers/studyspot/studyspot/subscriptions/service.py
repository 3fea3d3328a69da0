"""What people and the settler do with subscriptions: subscribe, pay for a period, begin a trial."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from studyspot.entitlements import service as entitlements
from studyspot.invoices import arithmetic
from studyspot.invoices import making as invoices
from studyspot.kit import clock, ids, outbox, settings, timers
from studyspot.kit.auth import Actor
from studyspot.kit.clock import INDIA
from studyspot.kit.db import Db
from studyspot.kit.errors import NotFound, StateConflict
from studyspot.subscriptions import calendar, charges, queries
from studyspot.subscriptions.models import (
    AlreadySubscribed,
    Current,
    Mandate,
    MandateView,
    Period,
    Plan,
    PlanInactive,
    Subscribed,
    Subscribing,
    Subscription,
)

MACHINE = "subscription_renewal"
AHEAD = timedelta(days=3)
"""A period is opened three days before it begins: room for the notice of at least 24 hours."""
MANDATE_YEARS = 10
SERIES = "SS"
SAC_SAAS = "998314"

SMALL = {"staff": 10, "requestsPerMinute": 100, "tenantRequestsPerMinute": 6000}
PLANS: tuple[dict[str, Any], ...] = (
    {"code": "trial", "name": "Trial", "price_paise": 0, "trial_days": 14, "isolation": "pool",
     "limits": {"students": None, "libraries": 5, "seats": 2000, "storageMb": 1024, **SMALL}},
    {"code": "starter", "name": "Starter", "price_paise": 99900, "trial_days": 14, "isolation": "silo",
     "limits": {"students": 1000, "libraries": 3, "seats": 1000, "storageMb": 2048, **SMALL}},
    {"code": "growth", "name": "Growth", "price_paise": 249900, "trial_days": 14, "isolation": "silo",
     "limits": {"students": 5000, "libraries": 10, "seats": 5000, "storageMb": 10240, "staff": 50,
                "requestsPerMinute": 200, "tenantRequestsPerMinute": 12000}},
    {"code": "pro", "name": "Pro", "price_paise": 599900, "trial_days": 14, "isolation": "silo",
     "limits": {"students": None, "libraries": None, "seats": None, "storageMb": 102400, "staff": None,
                "requestsPerMinute": 300, "tenantRequestsPerMinute": 30000}},
)  # fmt: skip
"""A trial is bounded by its days, not by how many students try it."""


def seed_plans(core: Db) -> None:
    """The plans on sale from the first day (safe to run again)."""
    with core.transaction():
        for plan in PLANS:
            row = {name: plan[name] for name in ("code", "name", "price_paise", "trial_days")}
            features = {"isolation": plan["isolation"], "modules": ["library"]}
            queries.add_plan(core, {**row, "description": "", "limits": plan["limits"], "features": features})


def plans(core: Db) -> list[Plan]:
    """The public price list."""
    return queries.plans_on_sale(core)


def start_trial(core: Db, tenant_id: UUID) -> None:
    """The trial every new organisation begins with; a second call changes nothing."""
    plan = queries.plan(core, "trial")
    assert plan is not None, "the plans are seeded before any tenant is provisioned"
    with core.transaction():
        if queries.start_trial(core, tenant_id, plan.id, clock.now() + timedelta(days=plan.trial_days)):
            outbox.emit(core, "subscription.started", tenant_id, {"planCode": plan.code, "status": "trialing"})


def withdraw_trial(core: Db, tenant_id: UUID) -> None:
    """The organisation could not be set up: its trial has not begun."""
    queries.drop_trial(core, tenant_id)


def current(core: Db, customer_id: UUID) -> Current:
    """The subscription that counts, with its invoices."""
    found = queries.current(core, customer_id)
    if found is None:
        raise NotFound
    return found


def subscribe(core: Db, owner: Actor, request: Subscribing) -> Subscribed:
    """Open a subscription and the mandate that pays for it; the payer's approval makes it active."""
    plan = queries.plan(core, request.plan_code)
    if plan is None or plan.price_paise == 0:
        raise PlanInactive
    pending = queries.incomplete(core, owner.tenant_id)
    if pending and (pending.plan_id != plan.id or not charges.awaits_payer(core, first_period(core, pending))):
        queries.drop_incomplete(core, pending.id)
        pending = None
    subscription = pending or _open(core, owner.tenant_id, plan)
    core.commit()
    checkout = charges.register_mandate(core, subscription, first_period(core, subscription))
    mandate = queries.mandate(core, _mandate_id(subscription))
    view = MandateView(
        id=mandate.id, status=mandate.status, gateway_order_id=mandate.gateway_order_id, checkout=checkout
    )
    return Subscribed(id=subscription.id, status=subscription.status, mandate=view)


def _open(core: Db, customer_id: UUID, plan: Plan) -> Subscription:
    now = clock.now()
    tax = arithmetic.gst(plan.price_paise, gst_rate(core))
    mandate = Mandate(
        id=ids.uuid7(),
        customer_id=customer_id,
        gateway="razorpay",
        gateway_order_id=None,
        gateway_customer_id=None,
        token_id=None,
        max_amount_paise=plan.price_paise + tax,
        status="created",
        valid_until=now + timedelta(days=365 * MANDATE_YEARS),
    )
    with core.transaction():
        opened = queries.open_subscription(core, customer_id, plan.id, mandate)
        if opened is None:
            raise AlreadySubscribed
        subscription = queries.subscription(core, opened)
        period = _period(subscription, 0, *calendar.period(now, plan.months, 0), tax)
        queries.open_period(core, period)
    return subscription


def gst_rate(core: Db) -> Decimal:
    """Per cent on software services today."""
    return Decimal(queries.statutory(core, "gst_rate_saas", clock.now().astimezone(INDIA).date()))


def _mandate_id(subscription: Subscription) -> UUID:
    assert subscription.mandate_id is not None, "an incomplete subscription is inserted with its mandate"
    return subscription.mandate_id


def _period(subscription: Subscription, index: int, starts_at: object, ends_at: object, tax: int) -> Period:
    return Period.model_validate(
        {
            "id": ids.uuid7(),
            "subscription_id": subscription.id,
            "period_index": index,
            "starts_at": starts_at,
            "ends_at": ends_at,
            "taxable_paise": subscription.price_paise,
            "tax_paise": tax,
            "status": "open",
            "attempts": 0,
            "noticed_at": None,
            "debit_at": None,
            "debit_order_id": None,
            "debit_payment_id": None,
            "payment_id": None,
        }
    )


def first_period(core: Db, subscription: Subscription) -> Period:
    """The period that the mandate's registration pays for."""
    return queries.period_at(core, subscription.id, 0)


def open_next(core: Db, subscription: Subscription) -> Period:
    """The period after the last paid one; the same row however often it is asked for."""
    assert subscription.billing_anchor is not None, "only paid subscriptions are renewed"
    index = subscription.period_index + 1
    begins = calendar.period(subscription.billing_anchor, subscription.months, index)
    tax = arithmetic.gst(subscription.price_paise, gst_rate(core))
    return queries.open_period(core, _period(subscription, index, *begins, tax))


def paid(core: Db, period_id: UUID, payment_id: UUID) -> bool:
    """In the settler's transaction: the period is paid, invoiced, and the subscription runs to its end.

    False when the period was paid before by another payment: this one goes back.
    """
    period = queries.period(core, period_id)
    subscription = queries.lock_subscription(core, period.subscription_id)
    period = queries.period(core, period_id)
    if period.status == "paid":
        return period.payment_id == payment_id
    if subscription.status == "cancelled":
        return False
    if period.period_index not in (0, subscription.period_index + 1):
        raise StateConflict("periods are billed in order")
    if period.period_index == 0:
        period = _begin(core, subscription, period)
    queries.change_period(
        core, period.id, "open", "announced", "debiting", "failed",
        status="paid", payment_id=payment_id, starts_at=period.starts_at, ends_at=period.ends_at,
    )  # fmt: skip
    queries.change_subscription(
        core, subscription.id, status="paused" if subscription.status == "paused" else "active",
        period_index=period.period_index,
        current_period_start=period.starts_at, current_period_end=period.ends_at,
    )  # fmt: skip
    _invoice(core, subscription, period, payment_id)
    timers.cancel(core, MACHINE, subscription.id)
    outbox.emit(core, "subscription.renewed", subscription.id, {"periodIndex": period.period_index})
    if period.ends_at <= clock.now() + AHEAD:
        outbox.start(core, MACHINE, subscription.id, "begin", period=str(period.period_index + 1))
    return True


def _begin(core: Db, subscription: Subscription, period: Period) -> Period:
    """The first payment starts the clock: the anchor every later period is counted from."""
    now = clock.now()
    starts, ends = calendar.period(now, subscription.months, 0)
    queries.change_subscription(core, subscription.id, billing_anchor=now)
    queries.end_trial(core, subscription.customer_id)
    queries.change_plan_of_tenant(core, subscription.customer_id, subscription.plan_code)
    entitlements.apply_soon(core, subscription.customer_id, f"{subscription.id}:{subscription.plan_code}")
    outbox.start(core, MACHINE, subscription.id, "mandate", period="0")
    return period.model_copy(update={"starts_at": starts, "ends_at": ends})


def _invoice(core: Db, subscription: Subscription, period: Period, payment_id: UUID) -> None:
    now = clock.now()
    gstin = queries.payer(core, subscription.customer_id).gstin
    other_state = bool(gstin) and str(gstin)[:2] != settings.get().platform_state_code
    cgst, sgst, igst = arithmetic.parts(period.tax_paise, other_state)
    amounts = {
        "taxable_paise": period.taxable_paise,
        "cgst_paise": cgst,
        "sgst_paise": sgst,
        "igst_paise": igst,
        "total_paise": period.total_paise,
    }
    row = {
        "id": ids.uuid7(),
        "customer_id": subscription.customer_id,
        "subject_type": "subscription_period",
        "subject_id": period.id,
        "purpose": "subscription",
        "period_start": period.starts_at,
        "period_end": period.ends_at,
        "status": "paid",
        "payment_id": payment_id,
        "issued_at": now,
        "paid_at": now,
        "buyer_gstin": gstin,
        "place_of_supply": str(gstin)[:2] if gstin else settings.get().platform_state_code,
    }
    item = {"description": f"StudySpot {subscription.plan_name}", "sac": SAC_SAAS, "gst_rate": gst_rate(core)}
    invoices.issue(core, SERIES, row | amounts, [item | amounts])


def start_due(core: Db) -> int:
    """The daily run: a renewal machine for every subscription whose next period is near; answers how many."""
    started = 0
    for subscription in queries.due(core, clock.now() + AHEAD):
        with core.transaction():
            outbox.start(core, MACHINE, subscription.id, "begin", period=str(subscription.period_index + 1))
        core.commit()
        started += 1
    outbox.hand_on(core)
    return started
