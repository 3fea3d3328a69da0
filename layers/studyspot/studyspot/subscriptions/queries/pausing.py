"""Statements on everything one customer has, when it leaves or comes back."""

from __future__ import annotations

from uuid import UUID

from studyspot.kit import clock
from studyspot.kit.db import Db
from studyspot.subscriptions.models import Mandate
from studyspot.subscriptions.queries import MANDATE


def pause(db: Db, customer_id: UUID) -> None:
    """What runs is paused, what was announced is taken back, what nobody approved yet is given up."""
    now = clock.now()
    db.run(
        """UPDATE subscription_periods SET status = 'open', noticed_at = NULL, debit_at = NULL, updated_at = %(now)s
           WHERE status = 'announced'
             AND subscription_id IN (SELECT id FROM subscriptions WHERE customer_id = %(customer)s)""",
        customer=customer_id,
        now=now,
    )
    db.run(
        """UPDATE subscriptions SET updated_at = %(now)s,
               status = CASE status WHEN 'incomplete' THEN 'cancelled' ELSE 'paused' END,
               cancelled_at = CASE status WHEN 'incomplete' THEN %(now)s ELSE cancelled_at END
           WHERE customer_id = %(customer)s AND status IN ('incomplete','active','past_due','grace','unpaid')""",
        customer=customer_id,
        now=now,
    )


def resume(db: Db, customer_id: UUID) -> list[UUID]:
    """As it was: past due where a debit had failed."""
    return [
        row["id"]
        for row in db.dicts(
            """UPDATE subscriptions s SET updated_at = %(now)s, status = CASE WHEN EXISTS (
                   SELECT FROM subscription_periods d WHERE d.subscription_id = s.id AND d.status = 'failed')
                   THEN 'past_due' ELSE 'active' END
               WHERE s.customer_id = %(customer)s AND s.status = 'paused' RETURNING s.id""",
            customer=customer_id,
            now=clock.now(),
        )
    ]


def end(db: Db, customer_id: UUID) -> None:
    db.run(
        """UPDATE subscriptions SET status = 'cancelled', cancelled_at = %(now)s, updated_at = %(now)s
           WHERE customer_id = %(customer)s AND status NOT IN ('cancelled','expired')""",
        customer=customer_id,
        now=clock.now(),
    )


def mandates_of(db: Db, customer_id: UUID) -> list[Mandate]:
    """Those that still stand."""
    query = f"SELECT {MANDATE} FROM mandates WHERE customer_id = %(customer)s AND status NOT IN ('revoked','rejected')"
    return db.all(Mandate, query, customer=customer_id)
