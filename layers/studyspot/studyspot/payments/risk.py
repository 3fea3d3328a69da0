"""A score from 0 to 100 for a payment that is asked for: whole points for signs that anybody can count again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from studyspot.kit.clock import INDIA
from studyspot.payments.models.risk import Outcome, Reason, RiskRules, Sign

UUID7 = 7
ENOUGH = 3
"""Payments before somebody has a history."""


@dataclass(frozen=True)
class Seen:
    """What is known when a payment is asked for, this one included."""

    now: datetime
    amount_paise: int
    student_id: UUID | None
    country: str | None
    payments: int
    """Of this payer within the hour."""
    payers: int
    """From this device within a day."""
    cards: int
    """The most of: cards this payer tried within a day, payers one of these cards served."""
    failures: int
    paid: int
    most_paid: int
    other_names: int
    """Under which this phone has paid."""


def judged(seen: Seen, rules: RiskRules) -> tuple[int, list[Reason], Outcome]:
    """The score, its reasons, and what follows: held from one threshold on, refused from another."""
    reasons = [reason for reason in _signs(seen, rules) if reason.points]
    score = min(100, sum(reason.points for reason in reasons))
    if score >= rules.refuse_at:
        return score, reasons, "refused"
    return score, reasons, "held" if score >= rules.hold_at else "passed"


def _signs(seen: Seen, rules: RiskRules) -> Iterator[Reason]:
    limits = rules.limits
    counted: list[tuple[Sign, int, int]] = [
        ("payer_velocity", seen.payments, limits.payments_an_hour),
        ("device_velocity", seen.payers, limits.payers_a_device),
        ("card_velocity", seen.cards, limits.cards_a_day),
        ("failed_attempts", seen.failures, limits.failures_a_day),
        ("name", seen.other_names, 1),
    ]
    for sign, count, limit in counted:
        if count >= limit:
            yield _reason(rules, sign, count, limit)
    usual = seen.most_paid * limits.amount_factor
    if seen.paid >= ENOUGH and seen.amount_paise > usual:
        yield _reason(rules, "amount", seen.amount_paise, usual)
    yield from _circumstances(seen, rules)


def _circumstances(seen: Seen, rules: RiskRules) -> Iterator[Reason]:
    limits = rules.limits
    hour = seen.now.astimezone(INDIA).hour
    if limits.odd_from <= hour < limits.odd_until:
        yield _reason(rules, "odd_hour", hour, limits.odd_until)
    if seen.country and seen.country not in limits.countries:
        yield _reason(rules, "country", seen.country, ",".join(limits.countries))
    made = made_at(seen.student_id)
    if made and seen.now - made < timedelta(hours=limits.new_account_hours):
        yield _reason(rules, "new_account", (seen.now - made) // timedelta(hours=1), limits.new_account_hours)


def _reason(rules: RiskRules, sign: Sign, seen: int | str, limit: int | str) -> Reason:
    points: int = getattr(rules.weights, sign)
    return Reason(sign=sign, points=points, seen=seen, limit=limit)


def made_at(identifier: UUID | None) -> datetime | None:
    """When an id of the product's own was made: it says so itself."""
    if identifier is None or identifier.version != UUID7:
        return None
    return datetime.fromtimestamp((identifier.int >> 80) / 1000, INDIA)
