"""Which gateway takes a payment: the cheapest that can unless rules say otherwise, and why."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from uuid import UUID

from studyspot.payments.models import (
    AmountTooSmall,
    Candidate,
    GatewayHealth,
    GatewayName,
    Inputs,
    NoGateway,
    Routing,
    Rules,
    Terms,
)
from studyspot.payments.models.terms import LEAST_PAISE, half_up

__all__ = ["MIDDLE", "GatewayHealth", "Terms", "bucket_of", "choose", "decide", "half_up"]

MOST_GATEWAYS = 2
"""How many gateways one request may ask."""
BUCKETS = 10_000
MIDDLE = BUCKETS // 2 - 1
"""The place of a payment that does not exist: never one that explores."""
CHEAPEST = Rules()


def bucket_of(payment_id: UUID) -> int:
    """A payment's place among ten thousand: by its id alone, so that whoever asks again finds the same."""
    return int.from_bytes(sha256(payment_id.bytes).digest()[:8]) % BUCKETS


@dataclass(frozen=True)
class Word:
    """What the rules say about these gateways before any cost is looked at: lower first, and why."""

    reason: str = ""
    rank: dict[GatewayName, int] = field(default_factory=dict)
    why: dict[GatewayName, str] = field(default_factory=dict)

    def of(self, t: Terms) -> int:
        """Whoever is not named comes after those that are."""
        return self.rank.get(t.gateway, BUCKETS)


def decide(inputs: Inputs) -> tuple[Routing, list[GatewayName]]:
    """The decision, and the gateways to ask in turn; the same inputs always give the same.

    NoGateway, or AmountTooSmall, when none can.

    First the word of the rules, then the owner's priority among own accounts, then the lowest total; a tie goes to the
    better success rate, then to the configured order.
    """
    amount = inputs.amount_paise
    why_not = {t.gateway: _why_not(t, inputs) for t in inputs.terms}
    able = [t for t in inputs.terms if why_not[t.gateway] is None]
    if not able:
        raise _nobody(inputs)
    word = Word() if inputs.pinned != "auto" else _word(inputs, able)
    ranked = sorted(
        inputs.terms,
        key=lambda t: (word.of(t), *_by_cost(t, amount)),
    )
    turns = [t for t in ranked if why_not[t.gateway] is None]
    best = turns[0]
    routing = Routing(
        reason=_reason(turns, inputs, word),
        fee_paise=best.fee(amount),
        gst_paise=best.gst(amount),
        total_paise=best.total(amount),
        candidates=[_candidate(t, best, amount, why_not[t.gateway], word) for t in ranked],
    )
    return routing.made_from(inputs), [t.gateway for t in turns[:MOST_GATEWAYS]]


def choose(
    terms: list[Terms],
    amount_paise: int,
    configured: frozenset[str],
    now: datetime,
    pinned: str = "auto",
    method: str | None = None,
    rules: Rules = CHEAPEST,
    bucket: int = MIDDLE,
) -> tuple[Routing, list[GatewayName]]:
    """The same, told piece by piece."""
    return decide(
        Inputs(
            at=now,
            amount_paise=amount_paise,
            method=method,
            pinned=pinned,
            configured=sorted(configured),
            bucket=bucket,
            rules=rules,
            terms=terms,
        )
    )


def _nobody(inputs: Inputs) -> AmountTooSmall | NoGateway:
    """Waiting does not help whoever pays less than those take that could."""
    enough = inputs.model_copy(update={"amount_paise": max(LEAST_PAISE.values())})
    small = inputs.amount_paise < enough.amount_paise and any(_why_not(t, enough) is None for t in inputs.terms)
    return AmountTooSmall() if small else NoGateway(headers={"Retry-After": "30"})


def _why_not(t: Terms, inputs: Inputs) -> str | None:
    if inputs.pinned not in ("auto", t.gateway):
        return f"{inputs.pinned} was asked for"
    if t.gateway not in inputs.configured:
        return "no account is configured"
    return _cannot(t, inputs) or _should_not(t, inputs)


def _cannot(t: Terms, inputs: Inputs) -> str | None:
    if inputs.method and t.methods and inputs.method not in t.methods:
        return f"it does not take {inputs.method}"
    least = LEAST_PAISE[t.gateway]
    return f"it takes nothing below {least} paise" if inputs.amount_paise < least else None


def _should_not(t: Terms, inputs: Inputs) -> str | None:
    if t.taken_out:
        return "it was taken out by hand"
    return "it has been failing" if t.circuit(inputs.at) == "open" else None


def _word(inputs: Inputs, able: list[Terms]) -> Word:
    """Only what can take the payment is spoken of."""
    match inputs.rules.mode:
        case "priority":
            return _in_order("priority", inputs.rules.order, "in the order of priorities")
        case "rules":
            return _by_rule(inputs)
        case "volume_split":
            return _its_part(inputs, able)
        case "success_rate":
            return _by_rate(inputs, able)
    return Word()


def _in_order(reason: str, gateways: list[GatewayName], what: str) -> Word:
    return Word(
        reason,
        {name: place for place, name in enumerate(gateways)},
        {name: f"number {place} {what}" for place, name in enumerate(gateways, 1)},
    )


def _by_rule(inputs: Inputs) -> Word:
    for number, rule in enumerate(inputs.rules.rules, 1):
        if rule.takes(inputs.amount_paise, inputs.method, inputs.purpose):
            return _in_order("rule", rule.gateways, f"of rule {number}")
    return Word()


def _its_part(inputs: Inputs, able: list[Terms]) -> Word:
    """The ten thousand places are dealt out in parts among those that can; this payment's place names its gateway."""
    parts = [(t.gateway, inputs.rules.split.get(t.gateway, 0)) for t in sorted(able, key=lambda t: t.preference)]
    place = inputs.bucket * sum(part for _, part in parts) // BUCKETS
    below = 0
    for name, part in parts:
        below += part
        if place < below:
            said = f"has {part} parts of {sum(part for _, part in parts)}, and this payment is at {place}"
            return Word("volume_split", {name: 0}, {name: said})
    return Word()


def _by_rate(inputs: Inputs, able: list[Terms]) -> Word:
    """The likeliest first - except for the few payments by which the others may show that they have recovered."""
    best_first = sorted(able, key=lambda t: (-t.standing, *_by_cost(t, inputs.amount_paise)))
    rank = {t.gateway: BUCKETS - t.standing for t in able}
    why = {t.gateway: f"expected to succeed {_percent(t.standing)}" for t in able}
    share = inputs.rules.exploration_percent * BUCKETS // 100
    if inputs.bucket >= share or len(able) == 1:
        return Word("success_rate", rank, why)
    others = best_first[1:]
    tried = others[inputs.bucket % len(others)].gateway
    said = f"one of the {inputs.rules.exploration_percent} in 100 that try another gateway; {why[tried]}"
    return Word("exploration", rank | {tried: -1}, why | {tried: said})


def _by_cost(t: Terms, amount_paise: int) -> tuple[int, ...]:
    return t.priority, t.total(amount_paise), -t.rate, t.preference


def _percent(ten_thousandths: int) -> str:
    return f"{ten_thousandths // 100}.{ten_thousandths % 100:02} %"


def _candidate(t: Terms, best: Terms, amount_paise: int, why_not: str | None, word: Word) -> Candidate:
    fee, gst = t.fee(amount_paise), t.gst(amount_paise)
    more = fee + gst - best.total(amount_paise)
    standing = "costs the same" if more == 0 else f"{abs(more)} paise {'dearer' if more > 0 else 'cheaper'}"
    told = "chosen" if t is best else standing
    said = word.why.get(t.gateway)
    return Candidate(
        gateway=t.gateway,
        eligible=why_not is None,
        fee_paise=fee,
        gst_paise=gst,
        success_rate=t.success_rate,
        why=why_not or (f"{told}: {said}" if said else told),
    )


def _reason(turns: list[Terms], inputs: Inputs, word: Word) -> str:
    if inputs.pinned != "auto":
        return "pinned"
    if len(turns) == 1:
        return "only_candidate"
    first, second = turns[:2]
    if word.of(first) != word.of(second):
        return word.reason
    if first.priority != second.priority:
        return "priority"
    if first.total(inputs.amount_paise) < second.total(inputs.amount_paise):
        return "lowest_cost"
    return "success_rate" if first.rate != second.rate else "configured_order"
