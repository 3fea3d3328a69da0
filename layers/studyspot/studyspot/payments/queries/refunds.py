"""Refunds: reserved first, then asked of the gateway, then settled."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from studyspot.kit import clock, ids
from studyspot.kit.db import Db
from studyspot.payments.models import Approval, Capture, Refund, RefundStatus, RefundView

KEPT = timedelta(hours=24)
"""How long an Idempotency-Key stands for its request."""
REFUND = ", ".join(Refund.model_fields)
SHOWN = ", ".join(RefundView.model_fields)


def insert_refund(
    db: Db,
    capture: Capture,
    amount_paise: int,
    kind: str,
    reason: str,
    gateway_refund_id: str | None = None,
    approval: Approval | None = None,
    retry_of: UUID | None = None,
    to: str | None = None,
) -> Refund:
    """Reserve the amount; the gateway hears of it after the commit, under `reference`."""
    refund_id = ids.uuid7()
    return db.one(
        Refund,
        f"""
        INSERT INTO refunds (id, payment_id, capture_id, amount_paise, status, kind, reason, gateway, gateway_refund_id,
                             reference, requested_by, idempotency_key, approval, retry_of, created_at, updated_at)
        VALUES (%(id)s, %(payment_id)s, %(capture_id)s, %(amount)s, 'pending', %(kind)s, %(reason)s, %(gateway)s,
                %(gateway_refund_id)s, %(reference)s, %(by)s, %(key)s, %(approval)s, %(retry_of)s, %(now)s, %(now)s)
        RETURNING {REFUND}""",
        id=refund_id,
        payment_id=capture.payment_id,
        capture_id=capture.id,
        amount=amount_paise,
        kind=kind,
        reason=reason,
        gateway=to or capture.gateway,
        gateway_refund_id=gateway_refund_id,
        approval=approval,
        retry_of=retry_of,
        reference=f"rf_{refund_id.hex}",
        by=db.actor.id if db.actor else None,
        key=db.claim.key if db.claim and kind == "requested" else None,
        now=clock.now(),
    )


def reserved(db: Db, capture_id: UUID, disputed: bool = True) -> int:
    """What went back of a capture, is on its way, or was taken back by the payer's bank: nobody is paid back twice."""
    amount: int = db.value(
        "SELECT (SELECT coalesce(sum(amount_paise), 0) FROM refunds"
        "        WHERE capture_id = %(id)s AND status IN ('pending','succeeded'))::bigint"
        " + (SELECT coalesce(sum(amount_paise), 0) FROM disputes"
        "    WHERE capture_id = %(id)s AND status IN ('open','under_review','lost') AND %(disputed)s)::bigint",
        disputed=disputed,
        id=capture_id,
    )
    return amount


def succeeded(db: Db, capture_id: UUID) -> int:
    """What went back of a capture."""
    amount: int = db.value(
        "SELECT coalesce(sum(amount_paise), 0)::bigint FROM refunds WHERE capture_id = %(id)s AND status = 'succeeded'",
        id=capture_id,
    )
    return amount


def refund(db: Db, refund_id: UUID, lock: bool = False) -> Refund:
    """One refund, or NotFound."""
    how = "FOR UPDATE" if lock else ""
    return db.one(Refund, f"SELECT {REFUND} FROM refunds WHERE id = %(id)s {how}", id=refund_id)


def refund_by(db: Db, payment_id: UUID, reference: str, gateway_refund_id: str) -> Refund | None:
    """A refund as a vendor names it: by our reference or by its own id."""
    return db.maybe(
        Refund,
        f"SELECT {REFUND} FROM refunds WHERE payment_id = %(payment_id)s"
        " AND (reference = %(reference)s OR gateway_refund_id = %(gateway_refund_id)s)",
        payment_id=payment_id,
        reference=reference,
        gateway_refund_id=gateway_refund_id,
    )


def asked_before(db: Db, payment_id: UUID) -> Refund | None:
    """The refund this very request made before its answer was lost; the payment's lock makes that certain."""
    if db.claim is None or db.actor is None:
        return None
    return db.maybe(
        Refund,
        f"SELECT {REFUND} FROM refunds WHERE payment_id = %(payment_id)s AND requested_by = %(by)s"
        " AND idempotency_key = %(key)s AND created_at > %(since)s ORDER BY id LIMIT 1",
        payment_id=payment_id,
        by=db.actor.id,
        key=db.claim.key,
        since=clock.now() - KEPT,
    )


def refunds_of(db: Db, payment_id: UUID) -> list[Refund]:
    """Every refund of a payment, oldest first."""
    return db.all(Refund, f"SELECT {REFUND} FROM refunds WHERE payment_id = %(id)s ORDER BY id", id=payment_id)


def retried(db: Db, refund_id: UUID) -> UUID | None:
    """The refund that was made after this one had failed."""
    found: UUID | None = db.value("SELECT id FROM refunds WHERE retry_of = %(id)s", id=refund_id)
    return found


def listed_refunds(
    db: Db, payment_id: UUID | None, status: RefundStatus | None, approval: Approval | None, after: Any, fetch: int
) -> list[RefundView]:
    """Newest first."""
    return db.all(
        RefundView,
        f"""
        SELECT {SHOWN} FROM refunds
        WHERE (%(payment)s::uuid IS NULL OR payment_id = %(payment)s)
          AND (%(status)s::text IS NULL OR status = %(status)s)
          AND (%(approval)s::text IS NULL OR approval = %(approval)s)
          AND (%(after)s::uuid IS NULL OR id < %(after)s)
        ORDER BY id DESC LIMIT %(fetch)s""",
        payment=payment_id,
        status=status,
        approval=approval,
        after=after,
        fetch=fetch,
    )


def mark_refund(db: Db, refund_id: UUID, status: str, **columns: Any) -> Refund:
    """What became of it; the caller holds the lock and knows the rules."""
    also = "".join(f", {name} = %({name})s" for name in columns)
    return db.one(
        Refund,
        f"UPDATE refunds SET status = %(status)s, updated_at = %(now)s{also} WHERE id = %(id)s RETURNING {REFUND}",
        id=refund_id,
        status=status,
        now=clock.now(),
        **columns,
    )
