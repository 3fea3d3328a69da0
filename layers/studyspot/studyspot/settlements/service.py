"""What people and other domains ask of payouts."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from uuid import UUID

from studyspot.kit import clock
from studyspot.kit.clock import INDIA
from studyspot.kit.db import Db
from studyspot.kit.errors import NotFound
from studyspot.kit.models import Page
from studyspot.kit.pages import Paging
from studyspot.kit.together import together
from studyspot.settlements.calendar import due_on
from studyspot.settlements.importing import announced, take_day, take_file
from studyspot.settlements.models import Expected, Settlement, SettlementWithLines
from studyspot.settlements.queries import lines as rows
from studyspot.settlements.reconciling import ask, carry_out, items, listed, resolve, show, yesterday

__all__ = [
    "announced",
    "ask",
    "carry_out",
    "expected",
    "items",
    "listed",
    "payouts",
    "read",
    "resolve",
    "show",
    "take_day",
    "take_file",
    "yesterday",
]
MOST_LINES = 1_000
LOOKED_BACK = timedelta(days=60)


def payouts(db: Db, paging: Paging, gateway: str | None, from_: date | None, to: date | None) -> Page[Settlement]:
    """Newest first."""
    wanted = {"gateway": gateway, "from": from_, "to": to}
    return paging.page(rows.listed(db, paging.after, paging.fetch, **wanted))


def read(db: Db, settlement_id: UUID) -> SettlementWithLines:
    """With its lines."""
    with together(db) as reads:
        found = rows.named(reads, settlement_id)
        items = rows.lines(reads, settlement_id, MOST_LINES)
    if not found:
        raise NotFound
    return SettlementWithLines(**found[0].model_dump(), items=items)


def expected(db: Db) -> list[Expected]:
    """What gateways hold, by the day on which it is to be paid out."""
    today = clock.now().astimezone(INDIA).date()
    start = datetime.combine(today - LOOKED_BACK, time(), INDIA)
    days: dict[tuple[str, date], list[tuple[str, int]]] = {}
    for row in rows.unpaid(db, start):
        days.setdefault((row.gateway, due_on(row.gateway, row.at)), []).append((row.kind, row.net_paise))
    return [
        Expected(
            gateway=gateway,
            expected_on=day,
            payments=sum(kind == "payment" for kind, _ in held),
            refunds=sum(kind == "refund" for kind, _ in held),
            net_paise=sum(paise for _, paise in held),
            overdue=day < today,
        )
        for (gateway, day), held in sorted(days.items(), key=lambda one: (one[0][1], one[0][0]))
    ]
