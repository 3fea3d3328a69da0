"""What is known of a payer at the moment of asking, how payments were judged, and which cards were seen."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from studyspot.kit import clock
from studyspot.kit.db import Db
from studyspot.kit.models import Model
from studyspot.payments.models import Payable, Reason, RiskEvent

EVENT = ", ".join(RiskEvent.model_fields)
KNOWN = """
    SELECT pg_advisory_xact_lock(hashtextextended(app_tenant()::text || %(purpose)s || %(purpose_id)s::text, 6))::text
               AS locked,
           (SELECT count(*) FROM risk_events e
            WHERE e.payer_hash = %(payer)s AND e.created_at > %(hour)s) + 1 AS payments,
           (SELECT count(DISTINCT e.payer_hash) FROM risk_events e WHERE e.device_hash = %(device)s
            AND e.created_at > %(day)s AND e.payer_hash <> %(payer)s) + 1 AS payers,
           greatest((SELECT count(DISTINCT c.card_hash) FROM payment_cards c
                     WHERE c.payer_hash = %(payer)s AND c.seen_at > %(day)s),
                    (SELECT coalesce(max(n), 0) FROM (
                        SELECT count(DISTINCT o.payer_hash) AS n
                        FROM payment_cards c JOIN payment_cards o ON o.card_hash = c.card_hash AND o.seen_at > %(day)s
                        WHERE c.payer_hash = %(payer)s AND c.seen_at > %(day)s GROUP BY c.card_hash) s)) AS cards,
           h.failures, h.paid, h.most_paid,
           (SELECT count(DISTINCT lower(p.payer_name)) FROM payments p
            WHERE p.payer_phone = %(phone)s AND p.captured_at IS NOT NULL AND p.payer_name <> ''
              AND %(name)s <> '' AND lower(p.payer_name) <> lower(%(name)s)
              AND p.student_id IS DISTINCT FROM %(student)s::uuid) AS other_names,
           (SELECT to_jsonb(r) FROM (
                SELECT version, value FROM platform_rules WHERE kind = 'risk' AND valid_from <= %(now)s
                ORDER BY valid_from DESC, version DESC LIMIT 1) r) AS rules,
           (SELECT to_jsonb(w) FROM (
                SELECT e.id, e.decision FROM risk_events e
                WHERE e.payer_hash = %(payer)s AND e.purpose = %(purpose)s AND e.outcome = 'held'
                  AND e.amount_paise >= %(amount)s AND coalesce(e.decided_at, e.created_at) > %(day)s
                  AND (e.decision IS NOT NULL OR e.purpose_id = %(purpose_id)s)
                ORDER BY e.decided_at DESC NULLS LAST, e.id DESC LIMIT 1) w) AS standing
    FROM (SELECT count(*) FILTER (WHERE p.status = 'failed' AND p.updated_at > %(day)s) AS failures,
                 count(*) FILTER (WHERE p.activated_at IS NOT NULL) AS paid,
                 coalesce(max(p.amount_paise) FILTER (WHERE p.activated_at IS NOT NULL), 0) AS most_paid
          FROM payments p
          WHERE CASE WHEN %(student)s::uuid IS NULL THEN p.payer_phone = %(phone)s
                     ELSE p.student_id = %(student)s END) h"""
JUDGED = """
    INSERT INTO risk_events (id, student_id, purpose, purpose_id, amount_paise, payment_id, score, outcome, reasons,
                             rules_version, payer_hash, device_hash, country, created_at)
    VALUES (%(id)s, %(student)s, %(purpose)s, %(purpose_id)s, %(amount)s, %(payment)s, %(score)s, %(outcome)s,
            %(reasons)s::jsonb, %(version)s, %(payer)s, %(device)s, %(country)s, %(now)s)
    ON CONFLICT (tenant_id, payer_hash, purpose, purpose_id) WHERE outcome = 'held' AND decision IS NULL DO NOTHING"""
CARD = """
    INSERT INTO payment_cards AS c (payment_id, card_hash, payer_hash, seen_at)
    VALUES (%(payment)s, %(card)s, %(payer)s, %(now)s)
    ON CONFLICT (tenant_id, payment_id, card_hash) DO NOTHING"""


class Payer(Model):
    """Who asks, from where: hashes, but for what the payments themselves hold."""

    payer: str
    device: str | None
    country: str | None
    phone: str | None
    name: str
    student: UUID | None


class Known(Model):
    """What the cell knows of this payer; the lock on what is paid for is held from here on."""

    locked: str
    payments: int
    payers: int
    cards: int
    failures: int
    paid: int
    most_paid: int
    other_names: int
    rules: dict[str, Any] | None
    standing: dict[str, Any] | None
    """What was held before of the same kind, and what a person said to it."""

    @property
    def said(self) -> str | None:
        """`released` or `rejected`, within a day."""
        return self.standing["decision"] if self.standing else None


def known_of(db: Db, payable: Payable, payer: Payer) -> Known:
    """One statement: it takes the lock that `lock_payable` takes, and looks."""
    now = clock.now()
    return db.one(
        Known,
        KNOWN,
        purpose=payable.purpose,
        purpose_id=payable.purpose_id,
        amount=payable.amount_paise,
        now=now,
        hour=now - timedelta(hours=1),
        day=now - timedelta(days=1),
        **payer.model_dump(exclude={"country"}),
    )


def judged(
    db: Db,
    payable: Payable,
    payer: Payer,
    event_id: UUID,
    facts: dict[str, Any],
    reasons: list[Reason],
    payment_id: UUID | None,
) -> None:
    """How it was judged, going out with COMMIT. `facts`: score, outcome, version."""
    db.later(
        JUDGED,
        id=event_id,
        purpose=payable.purpose,
        purpose_id=payable.purpose_id,
        amount=payable.amount_paise,
        payment=payment_id,
        reasons=json.dumps([reason.model_dump() for reason in reasons]),
        now=clock.now(),
        **facts,
        **payer.model_dump(exclude={"phone", "name"}),
    )


def card_seen(db: Db, payment_id: UUID, card: str, payer: str) -> None:
    """Once for a payment, going out with COMMIT."""
    db.later(CARD, payment=payment_id, card=card, payer=payer, now=clock.now())


def risk_events(
    db: Db, outcome: str | None, waiting: bool | None, least: int, student_id: UUID | None, after: Any, limit: int
) -> list[RiskEvent]:
    """Newest first."""
    return db.all(
        RiskEvent,
        f"""
        SELECT {EVENT} FROM risk_events
        WHERE (%(outcome)s::text IS NULL OR outcome = %(outcome)s) AND score >= %(least)s
          AND (%(waiting)s::boolean IS NULL OR (outcome = 'held' AND decision IS NULL) = %(waiting)s)
          AND (%(student)s::uuid IS NULL OR student_id = %(student)s)
          AND (%(after)s::uuid IS NULL OR id < %(after)s)
        ORDER BY id DESC LIMIT %(limit)s""",
        outcome=outcome,
        waiting=waiting,
        least=least,
        student=student_id,
        after=after,
        limit=limit,
    )


def risk_event(db: Db, event_id: UUID) -> RiskEvent:
    """One judgement, or NotFound."""
    return db.one(RiskEvent, f"SELECT {EVENT} FROM risk_events WHERE id = %(id)s", id=event_id)


def risk_decided(db: Db, event_id: UUID, decision: str, note: str) -> RiskEvent | None:
    """None when it does not wait for a decision."""
    return db.maybe(
        RiskEvent,
        f"""
        UPDATE risk_events SET decision = %(decision)s, decided_by = %(by)s, decided_at = %(now)s, note = %(note)s
        WHERE id = %(id)s AND outcome = 'held' AND decision IS NULL RETURNING {EVENT}""",
        id=event_id,
        decision=decision,
        by=db.actor.id if db.actor else None,
        now=clock.now(),
        note=note,
    )


class PlatformVersion(Model):
    """One version of the platform's rules about risk."""

    version: int
    valid_from: datetime
    value: dict[str, Any]
    changed_by: UUID | None
    changed_at: datetime


def risk_versions(db: Db) -> list[PlatformVersion]:
    """The one that takes effect last first."""
    return db.all(
        PlatformVersion,
        "SELECT version, valid_from, value, changed_by, changed_at FROM platform_rules WHERE kind = 'risk'"
        " ORDER BY valid_from DESC, version DESC",
    )
