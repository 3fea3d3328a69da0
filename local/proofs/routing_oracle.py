"""Brute force beside the router: payments at random, each decided a second time by prose turned into loops.

    python -m local.proofs.routing_oracle [payments] [seed]

The oracle shares no code with the product: fractions instead of whole paise, filters instead of sort keys, the
percentages and the hash written out again. Every gateway's price, who can take the payment, who is asked first and
second, and the reason have to be the same.
"""

from __future__ import annotations

import hashlib
import random
import sys
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any
from uuid import UUID

from studyspot.payments import routing
from studyspot.payments.models import AmountTooSmall, Inputs, NoGateway, Routing

NAMES = ["razorpay", "cashfree", "paytm", "stripe"]
METHODS = ["upi", "card", "netbanking", "wallet"]
PURPOSES = ["booking", "membership", "dues"]
PRICE = ("basis_points", "fixed_paise", "gst_percent")
PAST = ("week_calls", "week_failures", "method_calls", "method_failures")
NOW = datetime(2026, 12, 1, 4, 30, tzinfo=UTC)
Facts = dict[str, Any]


@dataclass(frozen=True)
class Verdict:
    """What somebody says about one payment."""

    turns: list[str]
    reason: str
    prices: dict[str, tuple[int, int, bool]]
    """By gateway: fee and GST in paise, and whether it can take the payment."""


def a_payment(chance: random.Random) -> Facts:
    """A payment, four gateways with prices and pasts, and rules: everything may happen, ties often."""
    gateways = [_a_gateway(chance, name, place) for place, name in enumerate(chance.sample(NAMES, 4), 1)]
    if chance.random() < 0.2:
        alike = {name: gateways[0][name] for name in (*PRICE, "priority", *chance.choice([(), PAST]))}
        gateways = [g | alike for g in gateways]
    return {
        "id": UUID(int=chance.getrandbits(128)),
        "amount": chance.choice(
            [chance.randint(1, 120), 60_000, chance.randrange(100, 200_000), chance.randrange(1, 10**9)]
        ),
        "method": chance.choice([None, *METHODS]),
        "purpose": chance.choice(PURPOSES),
        "pinned": chance.choice(["auto"] * 12 + NAMES),
        "configured": [name for name in NAMES if chance.random() < 0.9],
        "gateways": gateways,
        "rules": _some_rules(chance),
    }


def _a_gateway(chance: random.Random, name: str, preference: int) -> Facts:
    calls, week, by_method = (
        chance.choice([0, 0, 0, 9, 10, 40]),
        chance.choice([0, 1000, 4000]),
        chance.choice([0, 0, 500]),
    )
    return {
        "gateway": name,
        "preference": preference,
        "priority": chance.choice([100, 100, 100, 1, 50]),
        "methods": chance.choice([[], [], chance.sample(METHODS, 2)]),
        "basis_points": chance.choice([150, 200, 200, chance.randrange(0, 400)]),
        "fixed_paise": chance.choice([0, 300, chance.randrange(0, 1000)]),
        "gst_percent": chance.choice([18, 18, 18, 0, 5, 12, 28]),
        "minute_calls": calls,
        "minute_failures": chance.randint(0, calls),
        "failed_at": chance.choice([None, NOW - timedelta(seconds=chance.choice([0, 29, 30, 31, 90]))]),
        "week_calls": week,
        "week_failures": chance.choice([0, chance.randint(0, week)]),
        "method_calls": by_method,
        "method_failures": chance.randint(0, by_method),
        "taken_out": chance.random() < 0.08,
    }


def _some_rules(chance: random.Random) -> Facts:
    """Each mode as often as another, with everything the other modes would need beside it."""
    cuts = sorted(chance.randint(0, 100) for _ in range(3))
    parts = [b - a for a, b in zip([0, *cuts], [*cuts, 100], strict=True)]
    return {
        "mode": chance.choice(["cost", "priority", "volume_split", "rules", "success_rate"]),
        "order": chance.sample(NAMES, chance.randint(1, 4)),
        "split": dict(zip(NAMES, parts, strict=True)),
        "rules": [_a_rule(chance) for _ in range(chance.randint(1, 3))],
        "exploration_percent": chance.randint(1, 20),
    }


def _a_rule(chance: random.Random) -> Facts:
    low = chance.choice([0, 50_000])
    return {
        "method": chance.choice([None, *METHODS]),
        "purpose": chance.choice([None, None, *PURPOSES]),
        "min_paise": low,
        "below_paise": chance.choice([None, low + chance.randint(1, 100_000)]),
        "gateways": chance.sample(NAMES, chance.randint(1, 3)),
    }


def ours(facts: Facts) -> Verdict | None:
    """What the product decides; None when nobody can take the payment."""
    inputs = Inputs(
        at=NOW,
        amount_paise=facts["amount"],
        method=facts["method"],
        purpose=facts["purpose"],
        pinned=facts["pinned"],
        configured=facts["configured"],
        bucket=routing.bucket_of(facts["id"]),
        rules=facts["rules"],
        terms=facts["gateways"],
    )
    try:
        decision, turns = routing.decide(inputs)
    except (AmountTooSmall, NoGateway):
        return None
    _consistent(decision, turns[0])
    prices = {c.gateway: (c.fee_paise, c.gst_paise, c.eligible) for c in decision.candidates}
    return Verdict(list(turns), decision.reason, {str(name): price for name, price in prices.items()})


def _consistent(decision: Routing, chosen: str) -> None:
    named = next(c for c in decision.candidates if c.gateway == chosen)
    same = (decision.fee_paise, decision.gst_paise) == (named.fee_paise, named.gst_paise)
    if not (same and decision.total_paise == named.total_paise and named.why.startswith("chosen")):
        raise AssertionError(f"the decision does not say what it chose: {decision}")


def theirs(facts: Facts) -> Verdict | None:
    """The same from the rules as people say them."""
    prices = {g["gateway"]: (*_price(g, facts["amount"]), _can(g, facts)) for g in facts["gateways"]}
    able = [g for g in facts["gateways"] if prices[g["gateway"]][2]]
    if not able:
        return None
    first, reason = _first(able, facts)
    rest = [g for g in able if g is not first]
    turns = [first["gateway"]] + ([_first(rest, facts, first)[0]["gateway"]] if rest else [])
    return Verdict(turns, reason, prices)


def _rounded(value: Fraction) -> int:
    exact = Decimal(value.numerator) / Decimal(value.denominator)
    return int(exact.quantize(Decimal(1), ROUND_HALF_UP))


def _price(g: Facts, amount: int) -> tuple[int, int]:
    fee = _rounded(Fraction(amount) * g["basis_points"] / 10_000) + g["fixed_paise"]
    return fee, _rounded(Fraction(fee) * g["gst_percent"] / 100)


def _can(g: Facts, facts: Facts) -> bool:
    if facts["pinned"] != "auto" and facts["pinned"] != g["gateway"]:
        return False
    if g["gateway"] not in facts["configured"] or g["taken_out"]:
        return False
    if facts["amount"] * 2 < {"razorpay": 200, "cashfree": 200, "stripe": 100, "paytm": 2}[g["gateway"]]:
        return False
    if facts["method"] is not None and g["methods"] != [] and facts["method"] not in g["methods"]:
        return False
    broken = g["minute_calls"] >= 10 and Fraction(g["minute_failures"], g["minute_calls"]) >= Fraction(1, 2)
    rested = g["failed_at"] is not None and (NOW - g["failed_at"]).total_seconds() >= 30
    return rested or not broken


def _learnt(g: Facts) -> tuple[int, int]:
    kind = "method" if g["method_calls"] > 0 else "week"
    return g[f"{kind}_calls"] - g[f"{kind}_failures"], g[f"{kind}_calls"]


def _rate(g: Facts) -> int:
    good, of = _learnt(g)
    return _rounded(Fraction(good, of) * 10_000) if of else 0


def _expected(g: Facts) -> int:
    """Ten payments that succeed nine times are taken for granted; a payment counts a hundred."""
    good, of = _learnt(g)
    return _rounded(Fraction(good + 900, of + 1000) * 10_000)


def _cheapest(some: list[Facts], amount: int) -> tuple[Facts, str]:
    """By priority, then cost, then rate, then the configured order: each filter leaves fewer."""
    if len(some) == 1:
        return some[0], "only_candidate"
    left = [g for g in some if g["priority"] == min(h["priority"] for h in some)]
    if len(left) == 1:
        return left[0], "priority"
    left = [g for g in left if sum(_price(g, amount)) == min(sum(_price(h, amount)) for h in left)]
    if len(left) == 1:
        return left[0], "lowest_cost"
    left = [g for g in left if _rate(g) == max(_rate(h) for h in left)]
    if len(left) == 1:
        return left[0], "success_rate"
    return next(g for g in left if g["preference"] == min(h["preference"] for h in left)), "configured_order"


def _first(some: list[Facts], facts: Facts, gone: Facts | None = None) -> tuple[Facts, str]:
    """Who of these is asked first. `gone` was asked before: parts and exploration have had their turn."""
    if len(some) == 1:
        return some[0], "pinned" if facts["pinned"] != "auto" else "only_candidate"
    rules, amount = facts["rules"], facts["amount"]
    place = int.from_bytes(hashlib.sha256(facts["id"].bytes).digest()[:8]) % 10_000
    match rules["mode"]:
        case "priority":
            return _named(some, rules["order"], amount, "priority")
        case "rules":
            fits = [r for r in rules["rules"] if _fits(r, facts)]
            return _named(some, fits[0]["gateways"] if fits else [], amount, "rule")
        case "volume_split" if gone is None:
            return _drawn(some, rules["split"], place, amount)
        case "success_rate":
            return _likeliest(some, rules["exploration_percent"], place, amount, gone)
    return _cheapest(some, amount)


def _fits(rule: Facts, facts: Facts) -> bool:
    return not (
        (rule["method"] is not None and rule["method"] != facts["method"])
        or (rule["purpose"] is not None and rule["purpose"] != facts["purpose"])
        or facts["amount"] < rule["min_paise"]
        or (rule["below_paise"] is not None and facts["amount"] >= rule["below_paise"])
    )


def _named(some: list[Facts], names: list[str], amount: int, reason: str) -> tuple[Facts, str]:
    for name in names:
        for g in some:
            if g["gateway"] == name:
                return g, reason
    return _cheapest(some, amount)


def _drawn(some: list[Facts], split: dict[str, int], place: int, amount: int) -> tuple[Facts, str]:
    """Tickets in the configured order; the place among ten thousand, shrunk to their number, draws one."""
    tickets = [g for g in sorted(some, key=lambda g: g["preference"]) for _ in range(split[g["gateway"]])]
    if not tickets:
        return _cheapest(some, amount)
    return tickets[int(Fraction(place, 10_000) * len(tickets))], "volume_split"


def _likeliest(some: list[Facts], percent: int, place: int, amount: int, gone: Facts | None) -> tuple[Facts, str]:
    """The likeliest, unless the place is among the first: then the others, likeliest first, take turns by it."""
    winner, reason = _best(some, amount)
    if gone is not None or Fraction(place, 10_000) >= Fraction(percent, 100):
        return winner, reason
    others: list[Facts] = []
    while len(others) < len(some) - 1:
        others.append(_best([g for g in some if g is not winner and g not in others], amount)[0])
    return others[place % len(others)], "exploration"


def _best(some: list[Facts], amount: int) -> tuple[Facts, str]:
    left = [g for g in some if _expected(g) == max(_expected(h) for h in some)]
    return (left[0], "success_rate") if len(left) == 1 else _cheapest(left, amount)


def compare(payments: int, seed: int) -> Counter[str]:
    """How many of each kind were decided alike; the first that was not raises with everything about it."""
    chance = random.Random(seed)
    seen: Counter[str] = Counter()
    for number in range(payments):
        facts = a_payment(chance)
        mine, other = ours(facts), theirs(facts)
        if mine != other:
            raise AssertionError(f"payment {number} of seed {seed}\nfacts  {facts}\nours   {mine}\noracle {other}")
        seen[mine.reason if mine else "no_gateway"] += 1
        seen["all"] += 1
    return seen


def main() -> None:
    payments, seed = (int(told) for told in [*sys.argv[1:], *["100000", "1"][len(sys.argv) - 1 :]][:2])
    started = time.monotonic()
    seen = compare(payments, seed)
    print(f"{seen.pop('all')} payments of seed {seed} decided alike in {time.monotonic() - started:.1f} s, by reason:")
    for reason, count in seen.most_common():
        print(f"  {reason:<18}{count:>8}")


if __name__ == "__main__":
    main()
