"""Every statement on plans, mandates, subscriptions, periods and invoices."""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import Any
from uuid import UUID

from studyspot.kit import clock, ids
from studyspot.kit.db import Db
from studyspot.subscriptions.models import Current, Mandate, Payer, Period, Plan, Subscription

PLAN = """id, code, name, description, price_paise, currency, billing_interval, interval_count, trial_days, limits,
          features, version"""
SUBSCRIPTION = """
    SELECT s.id, s.customer_id, s.plan_id, p.code AS plan_code, p.name AS plan_name, p.price_paise,
           p.interval_count * CASE p.billing_interval WHEN 'year' THEN 12 ELSE 1 END AS months, s.status,
           s.current_period_start, s.current_period_end, s.billing_anchor, s.period_index, s.cancel_at_period_end,
           s.mandate_id
    FROM subscriptions s JOIN subscription_plans p ON p.id = s.plan_id"""
PERIOD = """id, subscription_id, period_index, starts_at, ends_at, taxable_paise, tax_paise, status, attempts,
            noticed_at, debit_at, debit_order_id, debit_payment_id, payment_id"""
MANDATE = """id, customer_id, gateway, gateway_order_id, gateway_customer_id, token_id, max_amount_paise, status,
             valid_until"""


def plans_on_sale(db: Db) -> list[Plan]:
    return db.all(Plan, f"SELECT {PLAN} FROM subscription_plans WHERE is_active ORDER BY price_paise")


def plan(db: Db, code: str) -> Plan | None:
    return db.maybe(Plan, f"SELECT {PLAN} FROM subscription_plans WHERE is_active AND code = %(code)s", code=code)


def add_plan(db: Db, row: dict[str, Any]) -> None:
    """Once: a plan that is on sale already stays as it is."""
    texts = {"limits": json.dumps(row["limits"]), "features": json.dumps(row["features"])}
    db.run(
        """INSERT INTO subscription_plans (id, code, name, description, price_paise, billing_interval, trial_days,
                                           limits, features, created_at, updated_at)
           VALUES (%(id)s, %(code)s, %(name)s, %(description)s, %(price_paise)s, 'month', %(trial_days)s,
                   %(limits)s::jsonb, %(features)s::jsonb, %(now)s, %(now)s)
           ON CONFLICT (tenant_id, code, version) DO NOTHING""",
        **{**row, **texts, "id": ids.uuid7(), "now": clock.now()},
    )


def start_trial(db: Db, customer_id: UUID, plan_id: UUID, until: datetime) -> bool:
    """False when this customer has a subscription already."""
    return bool(
        db.run(
            """INSERT INTO subscriptions (id, customer_id, plan_id, status, current_period_start, current_period_end,
                                          created_at, updated_at)
               SELECT %(id)s, %(customer)s, %(plan)s, 'trialing', %(now)s, %(until)s, %(now)s, %(now)s
               WHERE NOT EXISTS (SELECT 1 FROM subscriptions WHERE customer_id = %(customer)s)
               ON CONFLICT DO NOTHING""",
            id=ids.uuid7(),
            customer=customer_id,
            plan=plan_id,
            until=until,
            now=clock.now(),
        )
    )


def drop_trial(db: Db, customer_id: UUID) -> None:
    db.run(
        "DELETE FROM subscriptions WHERE customer_id = %(id)s AND status = 'trialing' AND mandate_id IS NULL",
        id=customer_id,
    )


def end_trial(db: Db, customer_id: UUID) -> None:
    db.later(
        "UPDATE subscriptions SET status = 'expired', updated_at = %(now)s"
        " WHERE customer_id = %(id)s AND status = 'trialing'",
        id=customer_id,
        now=clock.now(),
    )


def open_subscription(db: Db, customer_id: UUID, plan_id: UUID, mandate: Mandate) -> UUID | None:
    """An incomplete subscription with its mandate; None when the customer has one that counts."""
    return db.value(  # type: ignore[no-any-return]
        """WITH m AS (
               INSERT INTO mandates (id, customer_id, gateway, max_amount_paise, status, valid_until, created_at,
                                     updated_at)
               SELECT %(mandate)s, %(customer)s, %(gateway)s, %(max)s, 'created', %(valid)s, %(now)s, %(now)s
               WHERE NOT EXISTS (SELECT 1 FROM subscriptions WHERE customer_id = %(customer)s AND status IN
                   ('incomplete','active','past_due','grace','unpaid','suspended','paused'))
               RETURNING id)
           INSERT INTO subscriptions (id, customer_id, plan_id, status, mandate_id, created_at, updated_at)
           SELECT %(id)s, %(customer)s, %(plan)s, 'incomplete', m.id, %(now)s, %(now)s FROM m
           ON CONFLICT DO NOTHING RETURNING id""",
        id=ids.uuid7(),
        mandate=mandate.id,
        customer=customer_id,
        gateway=mandate.gateway,
        max=mandate.max_amount_paise,
        valid=mandate.valid_until,
        plan=plan_id,
        now=clock.now(),
    )


def incomplete(db: Db, customer_id: UUID) -> Subscription | None:
    return db.maybe(
        Subscription, f"{SUBSCRIPTION} WHERE s.customer_id = %(c)s AND s.status = 'incomplete'", c=customer_id
    )


def drop_incomplete(db: Db, subscription_id: UUID) -> None:
    """Nobody approved it: the customer chooses again."""
    db.run(
        "UPDATE subscriptions SET status = 'cancelled', cancelled_at = %(now)s, updated_at = %(now)s"
        " WHERE id = %(id)s AND status = 'incomplete'",
        id=subscription_id,
        now=clock.now(),
    )


def subscription(db: Db, subscription_id: UUID) -> Subscription:
    return db.one(Subscription, f"{SUBSCRIPTION} WHERE s.id = %(id)s", id=subscription_id)


def lock_subscription(db: Db, subscription_id: UUID) -> Subscription:
    return db.one(Subscription, f"{SUBSCRIPTION} WHERE s.id = %(id)s FOR UPDATE OF s", id=subscription_id)


def current(db: Db, customer_id: UUID) -> Current | None:
    """The one that counts: a paid one before one awaiting approval before the trial."""
    return db.maybe(
        Current,
        """SELECT s.id, p.code AS plan_code, s.status, s.current_period_start, s.current_period_end,
                  s.cancel_at_period_end,
                  coalesce((SELECT jsonb_agg(jsonb_build_object('id', i.id, 'number', i.number,
                      'period_start', i.period_start, 'period_end', i.period_end, 'total_paise', i.total_paise,
                      'status', i.status, 'payment_id', i.payment_id) ORDER BY i.issued_at, i.id)
                   FROM invoices i WHERE i.customer_id = s.customer_id), '[]') AS invoices
           FROM subscriptions s JOIN subscription_plans p ON p.id = s.plan_id
           WHERE s.customer_id = %(customer)s AND s.status NOT IN ('cancelled', 'expired')
           ORDER BY array_position(
               ARRAY['active','past_due','grace','unpaid','suspended','paused','incomplete','trialing'], s.status)
           LIMIT 1""",
        customer=customer_id,
    )


def due(db: Db, before: datetime) -> list[Subscription]:
    """Whose next period begins before that moment and is not opened yet."""
    return db.all(
        Subscription,
        f"""{SUBSCRIPTION}
            WHERE s.status IN ('active', 'past_due') AND s.current_period_end <= %(before)s
              AND NOT s.cancel_at_period_end
              AND NOT EXISTS (SELECT 1 FROM subscription_periods d
                              WHERE d.subscription_id = s.id AND d.period_index = s.period_index + 1)
            ORDER BY s.current_period_end, s.id""",
        before=before,
    )


def open_period(db: Db, period: Period) -> Period:
    """The period's row: made once, found ever after."""
    db.run(
        f"""INSERT INTO subscription_periods ({PERIOD}, created_at, updated_at)
            VALUES (%(id)s, %(subscription_id)s, %(period_index)s, %(starts_at)s, %(ends_at)s, %(taxable_paise)s,
                    %(tax_paise)s, %(status)s, 0, NULL, NULL, NULL, NULL, NULL, %(now)s, %(now)s)
            ON CONFLICT (tenant_id, subscription_id, period_index) DO NOTHING""",
        **period.model_dump(
            include=set(Period.model_fields)
            - {"attempts", "noticed_at", "debit_at", "debit_order_id", "debit_payment_id", "payment_id"}
        ),
        now=clock.now(),
    )
    return period_at(db, period.subscription_id, period.period_index)


def period_at(db: Db, subscription_id: UUID, index: int) -> Period:
    return db.one(
        Period,
        f"SELECT {PERIOD} FROM subscription_periods WHERE subscription_id = %(s)s AND period_index = %(i)s",
        s=subscription_id,
        i=index,
    )


def period(db: Db, period_id: UUID) -> Period:
    return db.one(Period, f"SELECT {PERIOD} FROM subscription_periods WHERE id = %(id)s", id=period_id)


def change_period(db: Db, period_id: UUID, *from_states: str, **changes: Any) -> bool:
    """Forward only: False when the period is not in one of the states any more."""
    sets = ", ".join(f"{name} = %({name})s" for name in changes)
    return bool(
        db.run(
            f"UPDATE subscription_periods SET {sets}, updated_at = %(now)s"
            " WHERE id = %(id)s AND status = ANY(%(states)s)",
            **changes,
            id=period_id,
            states=list(from_states),
            now=clock.now(),
        )
    )


def change_subscription(db: Db, subscription_id: UUID, **changes: Any) -> None:
    sets = ", ".join(f"{name} = %({name})s" for name in changes)
    db.run(
        f"UPDATE subscriptions SET {sets}, updated_at = %(now)s WHERE id = %(id)s",
        **changes,
        id=subscription_id,
        now=clock.now(),
    )


def mandate(db: Db, mandate_id: UUID) -> Mandate:
    return db.one(Mandate, f"SELECT {MANDATE} FROM mandates WHERE id = %(id)s", id=mandate_id)


def change_mandate(db: Db, mandate_id: UUID, **changes: Any) -> None:
    sets = ", ".join(f"{name} = %({name})s" for name in changes)
    db.run(
        f"UPDATE mandates SET {sets}, updated_at = %(now)s WHERE id = %(id)s", **changes, id=mandate_id, now=clock.now()
    )


def payer(core: Db, customer_id: UUID) -> Payer:
    return core.one(Payer, "SELECT id, name, email, phone, gstin FROM tenants WHERE id = %(id)s", id=customer_id)


def change_plan_of_tenant(core: Db, customer_id: UUID, plan_code: str) -> None:
    core.later(
        "UPDATE tenants SET plan_code = %(plan)s, updated_at = %(now)s WHERE id = %(id)s",
        plan=plan_code,
        id=customer_id,
        now=clock.now(),
    )


def statutory(db: Db, code: str, on: date) -> Any:
    """The figure of law in force on a day."""
    return db.value(
        "SELECT value FROM statutory_params WHERE code = %(code)s AND valid_from <= %(on)s"
        " ORDER BY valid_from DESC LIMIT 1",
        code=code,
        on=on,
    )
