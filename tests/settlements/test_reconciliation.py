"""Every planted difference is found, by its kind; nothing is found that was not planted; a second run adds nothing."""

from __future__ import annotations

import random
import time
from collections import Counter
from datetime import date, timedelta
from uuid import UUID

import psycopg
import pytest
from studyspot.kit import clock, ids
from studyspot.settlements import reconciling
from studyspot.settlements.queries import runs

from tests.settlements.market import GATEWAYS, Market, Sale

Planted = dict[tuple[str, str, str], str]
"""(gateway, what it is about, as the gateway calls it) -> kind."""
IN_REPORT = ("amount", "fee", "tax", "net", "currency", "duplicate", "again", "late")
KINDS = {
    "drop": "missing_there", "amount": "amount_mismatch", "fee": "fee_mismatch", "tax": "tax_mismatch",
    "net": "net_mismatch", "currency": "currency_mismatch", "duplicate": "duplicate", "again": "duplicate",
    "late": "late",
}  # fmt: skip


def superuser(market: Market) -> psycopg.Connection[tuple[object, ...]]:
    """Who is not bound by row security, and may do what nobody of the product may."""
    return psycopg.connect(market.shop.world.postgres.dsn("pool_1"), autocommit=True)


def plant(market: Market, what: str, sale: Sale, chance: random.Random) -> tuple[tuple[str, str, str], str]:
    """One difference about this sale."""
    if what == "refund":
        assert sale.refund
        market.shop.simulators.payouts.plant(sale.gateway, "drop", sale.refund)
        return (sale.gateway, "refund", sale.refund), "missing_there"
    if what == "unposted":
        with superuser(market) as conn:
            where = "transaction_id IN (SELECT id FROM ledger_transactions WHERE reference_id = %s)"
            conn.execute(f"DELETE FROM ledger_entries WHERE {where}", (sale.capture,))
            conn.execute("DELETE FROM ledger_transactions WHERE reference_id = %s", (sale.capture,))
        return (sale.gateway, "payment", sale.name), "ledger_mismatch"
    if what == "elsewhere":
        account = ids.uuid7()
        with superuser(market) as conn:
            conn.execute(
                "INSERT INTO gateway_accounts (tenant_id, id, gateway, key_id, credentials, mode, status, created_at,"
                " updated_at) VALUES (%s, %s, %s, %s, '', 'live', 'disconnected', %s, %s)",
                (sale.tenant, account, sale.gateway, f"key_{account.hex}", clock.now(), clock.now()),
            )
            conn.execute(
                "UPDATE payment_attempts SET account_id = %s WHERE gateway_order_id = %s", (account, sale.order)
            )
        return (sale.gateway, "payment", sale.name), "wrong_settlement"
    paise = chance.choice((-1, 1)) * chance.randint(1, 400)
    market.shop.simulators.payouts.plant(sale.gateway, what, sale.name, paise)
    return (sale.gateway, "payment", sale.name), KINDS[what]


def extra(market: Market, gateway: str, day: date) -> tuple[tuple[str, str, str], str]:
    """A payment in the report that nobody here knows."""
    before = {line["entity"] for line in market.shop.simulators.payouts.lines(gateway, day)}
    market.shop.simulators.payouts.plant(gateway, "extra", day=day)
    (name,) = {line["entity"] for line in market.shop.simulators.payouts.lines(gateway, day)} - before
    return (gateway, "payment", name), "missing_here"


def run_all(market: Market, days: list[date]) -> int:
    """Every gateway's every day on which it pays out, or should; how many lines agreed."""
    wanted = {(sale.due, sale.gateway) for sale in market.sales}
    wanted |= {(day, gateway) for gateway in GATEWAYS for day in market.shop.simulators.payouts.days(gateway)}
    assert {day for day, _ in wanted} <= set(days)
    return sum(market.reconcile(gateway, day)["matched"] for day, gateway in sorted(wanted))


def found(market: Market) -> tuple[Planted, Counter[str]]:
    items: list[dict[str, object]] = []
    for kind in sorted({*KINDS.values(), "missing_here", "wrong_settlement", "ledger_mismatch"}):
        items += market.items(kind=kind)
    closed = Counter(f"{item['kind']} {item['resolution']}" for item in items if item["status"] == "resolved")
    there = {
        (str(item["gateway"]), str(item["subject"]), str(item["reference"])): str(item["kind"])
        for item in items
        if item["status"] == "open"
    }
    assert len(there) == sum(item["status"] == "open" for item in items), "one thing is told once"
    return there, closed


def days_after(market: Market) -> list[date]:
    """Every day on which something is paid out, or should be."""
    first = min(sale.due for sale in market.sales)
    last = max(day for gateway in GATEWAYS for day in market.shop.simulators.payouts.days(gateway))
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def test_eight_planted_differences_are_found_and_none_is_invented(market: Market) -> None:
    chance = random.Random(8)
    other = market.shop.world.tenant().id
    for n in range(24):
        back = 300 + n if n % 6 < 2 else 0
        market.sell(GATEWAYS[n % 4], 20_000 + 977 * n, back=back, tenant=other if n % 5 == 0 else None)
    kinds = ("drop", "amount", "fee", "currency", "again", "elsewhere", "unposted")
    plain = [sale for sale in market.sales if not sale.refund]
    planted = dict(plant(market, what, plain[2 * n], chance) for n, what in enumerate(kinds))
    planted |= dict([extra(market, "stripe", plain[0].due + timedelta(days=3))])
    assert len(planted) == 8
    days = days_after(market)
    market.to_day(days[-1] + timedelta(days=1))
    matched = run_all(market, days)
    there, closed = found(market)
    assert there == planted
    assert closed == {}
    lines = market.shop.simulators.payouts
    told = sum(len(lines.lines(gateway, day)) for gateway in GATEWAYS for day in days)
    assert matched == told - 6, "all but seven lines; the one that is not posted agrees in the report"
    assert run_all(market, days) == matched
    assert found(market)[0] == planted


def test_what_comes_late_closes_what_was_missing(market: Market) -> None:
    sale = market.sell("cashfree", 60_000)
    market.shop.simulators.payouts.plant("cashfree", "late", sale.name)
    market.to_day(sale.due + timedelta(days=3))
    assert market.reconcile("cashfree", sale.due)["found"] == {"missing_there": 1}
    later = market.reconcile("cashfree", sale.due + timedelta(days=1))
    assert (later["found"], later["matched"]) == ({"late": 1}, 0)
    assert found(market) == ({("cashfree", "payment", sale.name): "late"}, {"missing_there settled_later": 1})
    assert market.balances()["asset.gateway_receivable.cashfree"] == 0


def test_a_payment_that_we_missed_is_looked_up_and_then_counted(market: Market) -> None:
    """The webhook never came: the gateway's report is how we learn that somebody paid."""
    shop = market.shop
    booking = shop.book()
    payment = shop.create(booking, gateway="razorpay").data
    shop.simulators.pay(payment["gatewayOrderId"], "success", webhook="lost")
    day = market.shop.simulators.payouts.days("razorpay")[0]
    market.to_day(day + timedelta(days=1))
    assert market.reconcile("razorpay", day)["found"] == {"missing_here": 1}
    assert market.balances()["liability.unexplained_settlement.razorpay"] < 0
    shop.background()
    assert shop.payment(payment["id"])["status"] in ("captured", "refunded")
    again = market.reconcile("razorpay", day)
    assert again["matched"] == 1
    (item,) = market.items(kind="missing_here")
    assert (item["status"], item["resolution"]) == ("resolved", "settled_later")
    balances = market.balances()
    assert balances["liability.unexplained_settlement.razorpay"] == 0
    assert shop.payment(payment["id"])["settledAt"]


def test_a_difference_is_resolved_once_with_a_reason(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    short, fee = market.sell("razorpay", 50_000), market.sell("razorpay", 51_000)
    market.shop.simulators.payouts.plant("razorpay", "amount", short.name, -700)
    market.shop.simulators.payouts.plant("razorpay", "fee", fee.name, 9)
    market.to_day(short.due + timedelta(days=1))
    run = market.reconcile("razorpay", short.due)
    items = {item["kind"]: item for item in run["items"]}
    call, admin = market.shop.world.call, market.shop.world.admin()

    def resolve(kind: str, **body: str) -> str:
        path = f"/admin/reconciliation/items/{items[kind]['id']}/resolve"
        answer = call("settlements", "POST", path, admin, body)
        return answer.code if answer.status >= 400 else str(answer.data["status"])

    assert resolve("fee_mismatch", resolution="written_off", reason="too little") == "nothing_to_write_off"
    assert resolve("fee_mismatch", resolution="explained", reason="x") == "validation_failed"
    assert resolve("fee_mismatch", resolution="explained", reason="new contract since today") == "resolved"
    assert market.balances()["liability.unexplained_settlement.razorpay"] == 700
    with monkeypatch.context() as dying:
        dying.setattr(runs, "close", lambda *_: 1 / 0)  # after the books, before the item
        assert resolve("amount_mismatch", resolution="written_off", reason="not worth a letter") == "internal"
    assert resolve("amount_mismatch", resolution="written_off", reason="not worth a letter") == "resolved"
    assert resolve("amount_mismatch", resolution="written_off", reason="not worth a letter") == "already_resolved"
    balances = market.balances()
    assert balances["liability.unexplained_settlement.razorpay"] == 0
    assert balances["expense.settlement_differences"] == 700
    assert {item["resolution"] for item in market.items()} == {"explained", "written_off"}


def test_the_clock_makes_up_for_the_nights_that_were_missed(market: Market) -> None:
    sale = market.sell("paytm", 1_000)
    for days in (0, 3):
        market.to_day(sale.on + timedelta(days=1 + days), 0)
        with market.shop.world.worker():
            ran = reconciling.yesterday()
        assert ran == (1 if days == 0 else 3)
    call = market.shop.world.call
    runs = call("settlements", "GET", "/admin/reconciliation/runs", market.shop.world.admin()).data
    assert [run["day"] for run in runs] == [str(sale.on + timedelta(days=n)) for n in (3, 2, 1, 0)]
    with market.shop.world.worker():
        assert reconciling.yesterday() == 0


def test_a_silent_gateway_fails_its_run_and_no_other(market: Market) -> None:
    sale = market.sell("cashfree", 1_000)
    market.sell("razorpay", 1_000)
    market.to_day(sale.due + timedelta(days=1), 0)
    market.shop.fault("razorpay", "error_500", "settlements", times=None)
    with market.shop.world.worker(), pytest.raises(reconciling.RunsFailed, match="razorpay"):
        reconciling.yesterday()
    runs = market.shop.world.call("settlements", "GET", "/admin/reconciliation/runs", market.shop.world.admin()).data
    assert {run["gateway"]: run["status"] for run in runs} == {"cashfree": "done", "razorpay": "failed"}
    assert market.balances()["asset.gateway_receivable.cashfree"] == 0


@pytest.mark.slow
def test_fifty_planted_differences_among_two_thousand(market: Market) -> None:
    """Four gateways, five days around a weekend, two organisations; `make reconciliation` prints what came of it."""
    chance, began = random.Random(50), time.monotonic()
    tenants: list[UUID | None] = [None, market.shop.world.tenant().id]
    start = clock.now().astimezone(clock.INDIA).date() + timedelta(days=2)
    for at, day in enumerate(start + timedelta(days=n) for n in (0, 1, 4, 5, 6)):
        market.to_day(day)
        for n in range(340):
            back = chance.randint(100, 900) if n % 5 == 0 else 0
            market.sell(GATEWAYS[n % 4], chance.randint(1_000, 900_000), back, tenants[(n + at) % 2])
    refunded = [sale for sale in market.sales if sale.refund]
    plain = [sale for sale in market.sales if not sale.refund]
    chance.shuffle(refunded)
    chance.shuffle(plain)
    wanted = [*["drop"] * 5, *["refund"] * 5, *["elsewhere"] * 4, *["unposted"] * 3, *(IN_REPORT * 4)[:29]]
    planted: Planted = {}
    for what in wanted:
        key, kind = plant(market, what, (refunded if what == "refund" else plain).pop(), chance)
        planted[key] = kind
    for n in range(4):
        planted |= dict([extra(market, GATEWAYS[n], plain[-1].due)])
    assert len(planted) == 50
    days = days_after(market)
    market.to_day(days[-1] + timedelta(days=1))
    sold = time.monotonic()
    matched = run_all(market, days)
    compared = time.monotonic()
    there, closed = found(market)
    moved = len(market.sales) + len(refunded) + 5
    assert there == planted, {"missed": planted.items() - there.items(), "invented": there.items() - planted.items()}
    assert set(closed) <= {"missing_there settled_later"}
    assert run_all(market, days) == matched
    again, closed_again = found(market)
    assert (again, closed_again) == (planted, closed)
    for tenant in tenants:
        market.balances(tenant)
    print(
        f"\n{moved} payments and refunds at 4 gateways, {matched} lines agree; planted {len(planted)}:"
        f" {dict(Counter(planted.values()))}; found {len(there)}, invented 0, closed when they came late"
        f" {sum(closed.values())}; a second run added 0; sold in {sold - began:.0f} s,"
        f" compared in {compared - sold:.1f} s"
    )
