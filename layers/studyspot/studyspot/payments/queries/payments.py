"""The payments themselves: one open or paid for each payable."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from uuid import UUID

from studyspot.kit import clock
from studyspot.kit.db import Db
from studyspot.kit.errors import NotFound
from studyspot.kit.models import Model
from studyspot.payments.models import Attempt, Payable, Payment, PaymentRow, Status

SHOWN = ", ".join(Payment.model_fields)
ROW = ", ".join(PaymentRow.model_fields)


def lock_payable(db: Db, purpose: str, purpose_id: UUID) -> None:
    """Whatever is decided about this payable is decided one after the other."""
    db.run(
        "SELECT pg_advisory_xact_lock(hashtextextended(app_tenant()::text || %(purpose)s || %(id)s::text, 6))",
        purpose=purpose,
        id=purpose_id,
    )


def lock_payable_of(db: Db, payment_id: UUID) -> None:
    """The same lock, for what this payment is for; NotFound when there is no such payment."""
    found = db.value(
        "SELECT pg_advisory_xact_lock(hashtextextended(app_tenant()::text || purpose || purpose_id::text, 6))::text"
        " FROM payments WHERE id = %(id)s",
        id=payment_id,
    )
    if found is None:
        raise NotFound


def insert(
    db: Db, payment_id: UUID, payable: Payable, expires_at: datetime, calling_until: datetime | None
) -> PaymentRow | None:
    """Open a payment; None when another is open or has paid."""
    return db.maybe(
        PaymentRow,
        f"""
        INSERT INTO payments (id, student_id, purpose, purpose_id, amount_paise, description, payer_name, payer_phone,
                              payer_email, opened_by, idempotency_key, expires_at, calling_until, created_at,
                              updated_at)
        VALUES (%(id)s, %(student_id)s, %(purpose)s, %(purpose_id)s, %(amount_paise)s, %(description)s,
                %(customer_name)s, %(customer_phone)s, %(customer_email)s, %(opened_by)s, %(key)s, %(until)s,
                %(calling_until)s, %(now)s, %(now)s)
        ON CONFLICT DO NOTHING RETURNING {ROW}""",
        id=payment_id,
        opened_by=db.actor.id if db.actor else None,
        key=db.claim.key if db.claim else None,
        until=expires_at,
        calling_until=calling_until,
        now=clock.now(),
        **payable.model_dump(exclude={"expires_at"}),
    )


def holder(db: Db, purpose: str, purpose_id: UUID) -> PaymentRow | None:
    """The payment that is open for this, or that paid it."""
    return db.maybe(
        PaymentRow,
        f"SELECT {ROW} FROM payments WHERE purpose = %(purpose)s AND purpose_id = %(id)s AND ("
        " status IN ('created','pending','unknown','authorized') OR activated_at IS NOT NULL)",
        purpose=purpose,
        id=purpose_id,
    )


def resume(db: Db, payment_id: UUID, expires_at: datetime, calling_until: datetime) -> bool:
    """Take up a payment whose order nobody has seen; False while somebody else is at it."""
    taken = db.run(
        """
        UPDATE payments SET calling_until = %(until)s, expires_at = %(expires_at)s, updated_at = %(now)s
        WHERE id = %(id)s AND status = 'created' AND gateway_order_id IS NULL
          AND (calling_until IS NULL OR calling_until <= %(now)s)""",
        id=payment_id,
        until=calling_until,
        expires_at=expires_at,
        now=clock.now(),
    )
    return taken == 1


def show(db: Db, payment_id: UUID, attempt: Attempt, checkout: dict[str, Any]) -> PaymentRow | None:
    """From now on the payer can be handed over: this order is the payment's. None when another one is, or it ended."""
    return db.maybe(
        PaymentRow,
        f"""
        UPDATE payments SET gateway = %(gateway)s, gateway_order_id = %(order_id)s, checkout = %(checkout)s::jsonb,
                            calling_until = NULL, updated_at = %(now)s
        WHERE id = %(id)s AND status = 'created' AND gateway_order_id IS NULL RETURNING {ROW}""",
        id=payment_id,
        gateway=attempt.gateway,
        order_id=attempt.gateway_order_id,
        checkout=json.dumps(checkout),
        now=clock.now(),
    )


def keep_for_hand(db: Db, payment_id: UUID, method: str, metadata: str) -> PaymentRow:
    """No gateway will ever be asked for it: it is its own order, at the drawer or at the bank."""
    return db.one(
        PaymentRow,
        f"""
        UPDATE payments SET gateway = %(till)s, gateway_order_id = id::text, method = %(method)s,
                            metadata = %(metadata)s::jsonb
        WHERE id = %(id)s RETURNING {ROW}""",
        id=payment_id,
        till="cash" if method == "cash" else "bank",
        method=method,
        metadata=metadata,
    )


def timezone(db: Db) -> str:
    """Where the organisation's days begin."""
    found: str = db.value("SELECT timezone FROM tenant_gate")
    return found


def dispute(db: Db, payment_id: UUID, status: str) -> None:
    """A dispute lies over the status, whatever that is."""
    db.run(
        "UPDATE payments SET dispute = %(status)s, updated_at = %(now)s WHERE id = %(id)s",
        id=payment_id,
        status=status,
        now=clock.now(),
    )


def find(db: Db, payment_id: UUID, lock: bool = False) -> PaymentRow:
    """The payment, or NotFound."""
    how = "FOR UPDATE" if lock else ""
    return db.one(PaymentRow, f"SELECT {ROW} FROM payments WHERE id = %(id)s {how}", id=payment_id)


def move(db: Db, payment_id: UUID, status: Status, **columns: Any) -> PaymentRow:
    """Give the payment a status and whatever comes with it; the caller holds the lock and knows the rules."""
    also = "".join(f", {name} = %({name})s" for name in columns)
    return db.one(
        PaymentRow,
        f"UPDATE payments SET status = %(status)s, calling_until = NULL, updated_at = %(now)s{also}"
        f" WHERE id = %(id)s RETURNING {ROW}",
        id=payment_id,
        status=status,
        now=clock.now(),
        **columns,
    )


def cancel_rivals(db: Db, payment: PaymentRow) -> list[UUID]:
    """Another open payment for the same thing is no longer wanted."""

    class Rival(Model):
        id: UUID

    rivals = db.all(
        Rival,
        """
        UPDATE payments SET status = 'cancelled', failure = 'paid_otherwise', calling_until = NULL, updated_at = %(now)s
        WHERE purpose = %(purpose)s AND purpose_id = %(purpose_id)s AND id <> %(id)s
          AND status IN ('created','pending','unknown','authorized') RETURNING id""",
        id=payment.id,
        purpose=payment.purpose,
        purpose_id=payment.purpose_id,
        now=clock.now(),
    )
    return [rival.id for rival in rivals]


def listed(
    db: Db, student_id: UUID | None, status: str | None, purpose: str | None, after: Any, limit: int
) -> list[Payment]:
    """Newest first."""
    return db.all(
        Payment,
        f"""
        SELECT {SHOWN} FROM payments
        WHERE (%(student_id)s::uuid IS NULL OR student_id = %(student_id)s)
          AND (%(status)s::text IS NULL OR status = %(status)s)
          AND (%(purpose)s::text IS NULL OR purpose = %(purpose)s)
          AND (%(after)s::uuid IS NULL OR id < %(after)s)
        ORDER BY id DESC LIMIT %(limit)s""",
        student_id=student_id,
        status=status,
        purpose=purpose,
        after=after,
        limit=limit,
    )
