"""The process dies at every statement of an import, and of a run; done again, it ends as if nothing had happened."""

from __future__ import annotations

from datetime import timedelta

import pytest
from studyspot.kit import cells
from studyspot.settlements import importing, reconciling, verifying
from studyspot.settlements.models import RunRequest

from tests.fulfilment.test_kills import Mortal
from tests.settlements.market import Market

MOST_TRIPS = 200
LEAST_TRIPS = 8


@pytest.mark.parametrize("step", [9, pytest.param(1, marks=pytest.mark.slow)])
def test_a_killed_import_counts_every_line_once(market: Market, monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """Each death meets a report of its own: two organisations' lines, and one that nobody knows."""
    mortal, other = Mortal(monkeypatch), market.shop.world.tenant().id
    for trips in range(1, MOST_TRIPS, step):
        sales = [market.sell("cashfree", 20_000 + trips), market.sell("cashfree", 30_000 + trips, tenant=other)]
        market.shop.simulators.payouts.plant("cashfree", "extra", day=sales[0].due)
        text = market.file("cashfree", sales[0].due)

        def story(text: str = text) -> None:
            with cells.core_db() as core:
                importing.take_file(core, "cashfree", None, text)

        ended = mortal.live(trips, story)
        for tenant in (market.shop.tenant, other):
            with cells.tenant_db(tenant) as db:
                assert verifying.of_tenant(db).faults == [], trips
        story()
        for tenant in (market.shop.tenant, other):
            balances = market.balances(tenant)
            assert balances["asset.gateway_receivable.cashfree"] == 0, trips
        if ended:
            break
    assert LEAST_TRIPS < trips < MOST_TRIPS - step
    lines = sum(market.shop.count("settlement_lines") if tenant is None else _count(tenant) for tenant in (None, other))
    assert lines == len(market.sales)


@pytest.mark.parametrize("step", [29, pytest.param(1, marks=pytest.mark.slow)])
def test_a_killed_run_tells_every_difference_once(market: Market, monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """Each death has a payment of its own whose fee is off; the run that is killed is the same one every time."""
    mortal, day = Mortal(monkeypatch), market.sell("paytm", 10_000).due
    market.to_day(day - timedelta(days=1), 9)
    with cells.core_db() as core:
        run = reconciling.ask(core, None, RunRequest(gateway="paytm", day=day))
    for trips in range(1, MOST_TRIPS, step):
        sale = market.sell("paytm", 20_000 + trips)
        market.shop.simulators.payouts.plant("paytm", "fee", sale.name, 7)

        def story() -> None:
            with cells.core_db() as core:
                reconciling.carry_out(core, run.id)

        ended = mortal.live(trips, story)
        story()
        with cells.tenant_db(market.shop.tenant) as db:
            assert verifying.of_tenant(db).faults == [], trips
        if ended:
            break
    assert LEAST_TRIPS < trips < MOST_TRIPS - step
    items = market.items()
    assert [item["kind"] for item in items] == ["fee_mismatch"] * (len(market.sales) - 1)
    assert {item["reference"] for item in items} == {sale.name for sale in market.sales[1:]}
    assert market.balances()["asset.gateway_receivable.paytm"] == 0


def _count(tenant: object) -> int:
    with cells.tenant_db(tenant) as db:  # type: ignore[arg-type] # an identifier
        return int(db.value("SELECT count(*) FROM settlement_lines"))
