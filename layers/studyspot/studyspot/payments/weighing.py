"""A payment is judged before any gateway is asked: passed, held until a person has looked at it, or refused.

Only what payers ask for themselves is judged: whoever may see all payments stands before the payer, or is the owner.
Nothing is opened for what is held or refused, so nothing has to be taken back; releasing a held one lets its payer pay
for the same purpose, up to that amount, for a day, whatever the score is by then.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from studyspot.gateways.payment import GatewayPayment
from studyspot.kit import audit, clock, crypto, ids, outbox
from studyspot.kit.auth import Actor
from studyspot.kit.db import Db
from studyspot.kit.errors import Invalid, VersionConflict
from studyspot.kit.response import etag_of
from studyspot.kit.signature import parsed
from studyspot.payments import queries, risk, ruling
from studyspot.payments.models import (
    Outcome,
    Payable,
    PaymentRow,
    Reason,
    RiskChange,
    RiskDecided,
    RiskDecision,
    RiskEvent,
    RiskHeld,
    RiskInForce,
    RiskRefused,
    RiskRules,
    RiskVersion,
)
from studyspot.payments.queries import Known, Payer, PlatformVersion

DEVICE = 128
"""Letters of a device's own name that count."""


@dataclass(frozen=True)
class Judgement:
    """How a payment that is asked for was judged."""

    payable: Payable
    payer: Payer
    event_id: UUID
    score: int
    outcome: Outcome
    version: int
    reasons: list[Reason]
    again: bool = False
    """It waits, or was rejected, already: the event is that earlier one."""

    @property
    def stops(self) -> RiskHeld | RiskRefused | None:
        """What the payer is told instead of an order."""
        if self.outcome == "passed":
            return None
        refusal = RiskHeld if self.outcome == "held" else RiskRefused
        return refusal(riskEventId=str(self.event_id))


def weigh(db: Db, payable: Payable, actor: Actor) -> Judgement | None:
    """Takes the lock on what is paid for; None for whom nobody judges (who takes the lock themselves)."""
    if actor.may("payments:read") or payable.amount_paise == 0:
        return None
    payer = _payer(db, payable, actor)
    found, known = _judged(db, payable, payer)
    if found.outcome == "passed" and known.said != "rejected":
        return found
    found, known = _judged(db, payable, payer)  # with the lock held: what others were told while this one waited for it
    return _with_what_was_said(found, known)


def _judged(db: Db, payable: Payable, payer: Payer) -> tuple[Judgement, Known]:
    known = queries.known_of(db, payable, payer)
    rules = RiskRules(**known.rules["value"]) if known.rules else RiskRules()
    score, reasons, outcome = risk.judged(_seen(payable, payer, known), rules)
    version = known.rules["version"] if known.rules else 0
    return Judgement(payable, payer, ids.uuid7(), score, outcome, version, reasons), known


def _with_what_was_said(found: Judgement, known: Known) -> Judgement:
    """What a person decided of this payer lately stands over the score, either way."""
    if known.standing is None:
        return found
    earlier = UUID(known.standing["id"])
    match known.said, found.outcome:
        case "rejected", _:
            return replace(found, outcome="refused", event_id=earlier, again=True)
        case "released", "held" | "refused":
            said = Reason(sign="released", points=0, seen=str(earlier), limit="a day")
            return replace(found, outcome="passed", reasons=[*found.reasons, said])
        case None, "held":
            return replace(found, event_id=earlier, again=True)
    return found


def record(db: Db, found: Judgement | None, payment_id: UUID | None = None) -> None:
    """Into the list of judgements, in the caller's transaction; what is held or refused is told."""
    if found is None or found.again:
        return
    facts = {"score": found.score, "outcome": found.outcome, "version": found.version}
    queries.judged(db, found.payable, found.payer, found.event_id, facts, found.reasons, payment_id)
    if found.outcome != "passed":
        told = {
            "outcome": found.outcome, "score": found.score, "purpose": found.payable.purpose,
            "amountPaise": found.payable.amount_paise,
        }  # fmt: skip
        outbox.emit(db, "payment.risk", found.event_id, told)
        audit.note(db, f"payments.{found.outcome}", "risk_events", found.event_id, after=told)


def _payer(db: Db, payable: Payable, actor: Actor) -> Payer:
    """Without a name of its own a device is known by where somebody is signed in; links and API keys have neither."""
    signed_in = db.actor is not None and actor.key is None
    told = db.origin.device or (str(actor.session_id) if signed_in else None)
    return Payer(
        payer=_payer_hash(db, payable.customer_phone, payable.student_id or actor.id),
        device=crypto.keyed_hash("risk.device", f"{db.tenant}\x00{told[:DEVICE]}") if told else None,
        country=db.origin.country,
        phone=payable.customer_phone,
        name=payable.customer_name,
        student=payable.student_id,
    )


def _payer_hash(db: Db, phone: str | None, somebody: UUID | None) -> str:
    """By phone, which outlives an account; without one by whom it is."""
    return crypto.keyed_hash("risk.payer", f"{db.tenant}\x00{phone or somebody}")


def _seen(payable: Payable, payer: Payer, known: Known) -> risk.Seen:
    return risk.Seen(
        now=clock.now(),
        amount_paise=payable.amount_paise,
        student_id=payable.student_id,
        country=payer.country,
        **known.model_dump(exclude={"locked", "rules", "standing"}),
    )


def remember_card(db: Db, payment: PaymentRow, fact: GatewayPayment) -> None:
    """Which card it was, as a keyed hash, paid or declined; where the gateway does not tell it, nothing.

    What is only printed of a card is no proof that two people share it: it counts among the cards of one payer.
    """
    payer = _payer_hash(db, payment.payer_phone, payment.student_id or payment.opened_by)
    told = fact.fingerprint or (f"{payer}\x00{fact.card}" if fact.card else None)
    if told:
        queries.card_seen(db, payment.id, crypto.keyed_hash("risk.card", f"{db.tenant}\x00{told}"), payer)


def decide(db: Db, event_id: UUID, asked: RiskDecision) -> RiskEvent:
    """A person has looked at what was held. Once."""
    with db.transaction():
        said = "released" if asked.decision == "release" else "rejected"
        after = queries.risk_decided(db, event_id, said, asked.note)
        if after is None:
            raise RiskDecided(f"it was {queries.risk_event(db, event_id).decision or 'not held'}")
        audit.note(db, f"risk.{asked.decision}", "risk_events", event_id, after={"note": asked.note})
    return after


def in_force(db: Db) -> RiskInForce:
    """What weighs now, and what is planned."""
    return _shown(queries.risk_versions(db))


def lay_down(core: Db, asked: RiskChange, if_match: str | None) -> RiskInForce:
    """The next version, for every organisation; what it does not name stays."""
    with core.transaction():
        versions = queries.risk_versions(core)
        if if_match and if_match != etag_of(_shown(versions)):
            raise VersionConflict
        now = clock.now()
        effective = asked.effective_at or now
        if effective < now:
            raise Invalid.field("effectiveAt", "not in the past: what was decided stands")
        was = _at(versions, effective)
        value = _merged(was.value if was else {}, asked)
        number = max((v.version for v in versions), default=0) + 1
        if not queries.add_rules(core, number, effective, value, "risk"):
            raise VersionConflict
        audit.note(core, "risk.rules", "platform_rules", core.tenant, before=was.value if was else None, after=value)
    core.commit()
    after = in_force(core)
    ruling.spread()  # nothing is asked of this request's own connection any more: it may go to make room for others
    return after


def _merged(was: dict[str, Any], asked: RiskChange) -> dict[str, Any]:
    sent = json.loads(asked.model_dump_json(by_alias=False, exclude_unset=True, exclude={"effective_at"}))
    together = dict(was)
    for name, told in sent.items():
        together[name] = {**was.get(name, {}), **told} if isinstance(told, dict) else told
    kept = {name: _without_none(told) for name, told in together.items() if told is not None}
    parsed(RiskRules, json.dumps(kept).encode())
    return kept


def _without_none(told: Any) -> Any:
    return {name: value for name, value in told.items() if value is not None} if isinstance(told, dict) else told


def _at(versions: list[PlatformVersion], moment: datetime) -> PlatformVersion | None:
    return next((v for v in versions if v.valid_from <= moment), None)


def _shown(versions: list[PlatformVersion]) -> RiskInForce:
    now = clock.now()
    found = _at(versions, now)
    planned = [_version(v) for v in reversed(versions) if v.valid_from > now]
    return RiskInForce(**(_version(found).model_dump() if found else {}), planned=planned)


def _version(v: PlatformVersion) -> RiskVersion:
    return RiskVersion(
        **v.value, version=v.version, effective_at=v.valid_from, changed_by=v.changed_by, changed_at=v.changed_at
    )
