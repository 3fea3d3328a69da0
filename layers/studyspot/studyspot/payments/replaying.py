"""What other prices or rules would have come to, and what choosing has saved: both from the decisions as stored."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from studyspot.kit import clock
from studyspot.kit.clock import INDIA
from studyspot.kit.db import Db
from studyspot.kit.errors import Invalid
from studyspot.payments import queries, routing
from studyspot.payments.models import (
    Against,
    Changed,
    Cost,
    GatewayName,
    Inputs,
    Month,
    MonthOf,
    NoGateway,
    OtherFee,
    Routing,
    Savings,
    Simulate,
    Simulated,
)
from studyspot.payments.queries import Decided, Spent

MOST = 10_000
"""Payments that one request decides again."""
SHOWN = 200
LONGEST = timedelta(days=3 * 366)
EARLIEST, LATEST = date(2000, 1, 1), date(2100, 1, 1)


@dataclass
class Tally:
    """What has been added up so far."""

    counted: Counter[str] = field(default_factory=Counter)
    was: Cost = field(default_factory=Cost)
    would_be: Cost = field(default_factory=Cost)
    was_at: Counter[GatewayName] = field(default_factory=Counter)
    would_be_at: Counter[GatewayName] = field(default_factory=Counter)
    changed: list[Changed] = field(default_factory=list)


def simulate(db: Db, asked: Simulate) -> Simulated:
    """Every payment of these days is decided again, first as it was, then as it would have been."""
    first, last = _span(asked.from_date, asked.until_date, ("fromDate", "untilDate"), 30)
    rows = queries.decided(db, _midnight(first), _midnight(last), MOST + 1)
    if len(rows) > MOST:
        raise Invalid.field("untilDate", f"more than {MOST} payments were captured in these days: choose fewer days")
    tally = Tally()
    for row in rows:
        _again(tally, row, asked)
    return Simulated(
        from_date=first,
        until_date=last,
        payments=len(rows),
        replayed=tally.counted["replayed"],
        not_replayable=tally.counted["not_replayable"],
        reproduced=tally.counted["reproduced"],
        no_gateway=tally.counted["no_gateway"],
        was=tally.was,
        would_be=tally.would_be,
        difference_paise=tally.would_be.total_paise - tally.was.total_paise,
        was_at=dict(tally.was_at),
        would_be_at=dict(tally.would_be_at),
        changes=tally.counted["changes"],
        changed=tally.changed,
    )


def _again(tally: Tally, row: Decided, asked: Simulate) -> None:
    if row.inputs is None:
        tally.counted["not_replayable"] += 1
        return
    inputs = Inputs(**row.inputs)
    tally.counted["replayed"] += 1
    repeated, turns = routing.decide(inputs)
    same = repeated.model_dump() == row.decision.model_dump()
    tally.counted["reproduced"] += same and turns[0] == row.gateway
    try:
        other, others = routing.decide(_otherwise(inputs, asked))
    except NoGateway:
        tally.counted["no_gateway"] += 1
        return
    tally.was = tally.was.plus(row.decision.fee_paise, row.decision.gst_paise)
    tally.would_be = tally.would_be.plus(other.fee_paise, other.gst_paise)
    tally.was_at[row.gateway] += 1
    tally.would_be_at[others[0]] += 1
    if others[0] != row.gateway or other.total_paise != row.decision.total_paise:
        tally.counted["changes"] += 1
        if len(tally.changed) < SHOWN:
            tally.changed.append(_change(row, inputs, other, others[0]))


def _change(row: Decided, inputs: Inputs, other: Routing, gateway: GatewayName) -> Changed:
    return Changed(
        payment_id=row.payment_id,
        captured_at=row.captured_at,
        amount_paise=inputs.amount_paise,
        was=row.gateway,
        would_be=gateway,
        was_paise=row.decision.total_paise,
        would_be_paise=other.total_paise,
        difference_paise=other.total_paise - row.decision.total_paise,
        reason=other.reason,
    )


def _otherwise(inputs: Inputs, asked: Simulate) -> Inputs:
    """The same moment with other prices or rules; how the gateways were doing stays as it was."""
    changes: dict[str, object] = {"rules": asked.rules} if asked.rules else {}
    if asked.fees:
        prices = [(t, _price(asked.fees, t.gateway, inputs.method)) for t in inputs.terms]
        changes["terms"] = [
            t.model_copy(update=fee.model_dump(include={"basis_points", "fixed_paise", "gst_percent"})) if fee else t
            for t, fee in prices
        ]
    return inputs.model_copy(update=changes)


def _price(fees: list[OtherFee], gateway: str, method: str | None) -> OtherFee | None:
    """That of the way to pay before that of all."""
    named = [fee for fee in fees if fee.gateway == gateway and fee.method in ("", method)]
    return max(named, key=lambda fee: fee.method != "", default=None)


def savings(db: Db, from_: date | None, to: date | None) -> Savings:
    """What was charged, beside what each gateway alone would have charged for the payments that it could take."""
    first, last = _span(from_, to, ("from", "to"), 365)
    rows = queries.spent(db, _midnight(first), _midnight(last))
    return Savings(
        from_date=first,
        until_date=last,
        months=[_month(name, [row for row in rows if row.month == name]) for name in sorted({r.month for r in rows})],
        total=_summed(rows),
    )


def _month(name: str, rows: list[Spent]) -> MonthOf:
    return MonthOf(month=name, **_summed(rows).model_dump())


def _summed(rows: list[Spent]) -> Month:
    whole = [row for row in rows if row.gateway is None]
    gateways = sorted({row.gateway for row in rows if row.gateway})
    return Month(
        payments=sum(row.payments for row in whole),
        pinned=sum(row.others for row in whole),
        fees_known=sum(row.known for row in whole),
        routed=Cost().plus(sum(row.fee for row in whole), sum(row.gst for row in whole)),
        against=[_against([row for row in rows if row.gateway == name]) for name in gateways],
    )


def _against(rows: list[Spent]) -> Against:
    alone = Cost().plus(sum(row.alone_fee for row in rows), sum(row.alone_gst for row in rows))
    routed = Cost().plus(sum(row.fee for row in rows), sum(row.gst for row in rows))
    saved = alone.total_paise - routed.total_paise
    gateway = rows[0].gateway
    assert gateway is not None, "lines of whole months are summed elsewhere"
    return Against(
        gateway=gateway,
        payments=sum(row.payments for row in rows),
        unable=sum(row.others for row in rows),
        alone=alone,
        routed=routed,
        saved_paise=saved,
        saved_percent=round(saved * 100 / alone.total_paise, 2) if alone.total_paise else None,
    )


def _span(first: date | None, last: date | None, names: tuple[str, str], back: int) -> tuple[date, date]:
    """From the first day to before the last one; without them, so many days back, today included."""
    until = last or clock.now().astimezone(INDIA).date() + timedelta(days=1)
    if not EARLIEST < until < LATEST:
        raise Invalid.field(names[1], "a day of this century")
    since = first or max(until - timedelta(days=back), EARLIEST)
    if since < EARLIEST or not timedelta() < until - since <= LONGEST:
        raise Invalid.field(names[0], f"lies before {names[1]}, by three years at most")
    return since, until


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=INDIA)
