"""Which gateway takes a payment: the cheapest that can, and the reasons kept with the decision."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from studyspot.kit.models import Model
from studyspot.payments.models import Candidate, GatewayName, NoGateway, Routing

CIRCUIT_CALLS = 10
CIRCUIT_FAILURE_PERCENT = 50
CIRCUIT_PAUSE = timedelta(seconds=30)
MOST_GATEWAYS = 2
"""How many gateways one request may ask."""

Circuit = Literal["closed", "open", "half_open"]


class Terms(Model):
    """A gateway's price on a day, and how it has been doing."""

    gateway: GatewayName
    account_id: UUID | None = None
    """The organisation's own account."""
    priority: int = 100
    methods: list[str] = []
    basis_points: int
    fixed_paise: int
    gst_percent: int
    preference: int
    minute_calls: int
    minute_failures: int
    failed_at: datetime | None
    week_calls: int
    week_failures: int
    taken_out: bool = False
    """By an operator's hand, until the same hand puts it back."""

    def fee(self, amount_paise: int) -> int:
        """Before GST, half-up."""
        return half_up(amount_paise * self.basis_points, 10_000) + self.fixed_paise

    def gst(self, amount_paise: int) -> int:
        """On the fee, half-up."""
        return half_up(self.fee(amount_paise) * self.gst_percent, 100)

    def total(self, amount_paise: int) -> int:
        """What the payment costs us."""
        return self.fee(amount_paise) + self.gst(amount_paise)

    @property
    def success_rate(self) -> float | None:
        """Over seven days; None without a call."""
        if not self.week_calls:
            return None
        return round((self.week_calls - self.week_failures) / self.week_calls, 4)

    def circuit(self, now: datetime) -> Circuit:
        """Opens at half of ten calls failing within a minute; 30 s later it lets calls through again."""
        if self.taken_out:
            return "open"
        failing = self.minute_failures * 100 >= self.minute_calls * CIRCUIT_FAILURE_PERCENT
        if self.minute_calls < CIRCUIT_CALLS or not failing:
            return "closed"
        return "half_open" if self.failed_at and now - self.failed_at >= CIRCUIT_PAUSE else "open"


class GatewayHealth(Model):
    """How a gateway has been doing."""

    gateway: GatewayName
    configured: bool
    circuit: Literal["closed", "open", "half_open"]
    calls: int
    failures: int
    success_rate: float | None


def half_up(numerator: int, denominator: int) -> int:
    """Whole paise of a fraction that is not negative."""
    return (2 * numerator + denominator) // (2 * denominator)


def choose(
    terms: list[Terms],
    amount_paise: int,
    configured: frozenset[str],
    now: datetime,
    pinned: str = "auto",
    method: str | None = None,
) -> tuple[Routing, list[GatewayName]]:
    """The decision, and the gateways to ask in turn. NoGateway when none can be asked.

    The owner's priority, then the lowest total; a tie goes to the better success rate, then to the configured order.
    """
    ranked = sorted(
        terms,
        key=lambda t: (t.priority, t.fee(amount_paise) + t.gst(amount_paise), -(t.success_rate or 0), t.preference),
    )
    why = {t.gateway: _why_not(t, configured, now, pinned, method) for t in ranked}
    able = [t for t in ranked if why[t.gateway] is None]
    if not able:
        raise NoGateway(headers={"Retry-After": "30"})
    best = able[0]
    candidates = [_candidate(t, best, amount_paise, why[t.gateway]) for t in ranked]
    chosen = candidates[ranked.index(best)]
    routing = Routing(
        reason=_reason(able, amount_paise, pinned),
        fee_paise=chosen.fee_paise,
        gst_paise=chosen.gst_paise,
        total_paise=chosen.total_paise,
        candidates=candidates,
    )
    return routing, [t.gateway for t in able[:MOST_GATEWAYS]]


def _why_not(t: Terms, configured: frozenset[str], now: datetime, pinned: str, method: str | None) -> str | None:
    if pinned not in ("auto", t.gateway):
        return f"{pinned} was asked for"
    if t.gateway not in configured:
        return "no account is configured"
    if method and t.methods and method not in t.methods:
        return f"it does not take {method}"
    if t.taken_out:
        return "it was taken out by hand"
    if t.circuit(now) == "open":
        return "it has been failing"
    return None


def _candidate(t: Terms, best: Terms, amount_paise: int, why_not: str | None) -> Candidate:
    fee, gst = t.fee(amount_paise), t.gst(amount_paise)
    more = fee + gst - best.total(amount_paise)
    standing = f"{more} paise dearer" if more > 0 else "costs the same"
    return Candidate(
        gateway=t.gateway,
        eligible=why_not is None,
        fee_paise=fee,
        gst_paise=gst,
        success_rate=t.success_rate,
        why=why_not or ("chosen" if t is best else standing),
    )


def _reason(able: list[Terms], amount_paise: int, pinned: str) -> str:
    if pinned != "auto":
        return "pinned"
    if len(able) == 1:
        return "only_candidate"
    if able[0].priority != able[1].priority:
        return "priority"
    first, second = (t.total(amount_paise) for t in able[:2])
    if first < second:
        return "lowest_cost"
    return "success_rate" if able[0].success_rate != able[1].success_rate else "configured_order"
