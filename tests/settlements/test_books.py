"""The books are right after any report in any pieces; a verifier that knows nothing of how says so, or what is not."""

from __future__ import annotations

import sys
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from studyspot.gateways import settlements as reports
from studyspot.kit import cells, ids
from studyspot.ledger import service as ledger
from studyspot.settlements import importing, verifying

from local import books
from tests.alongside import at_once
from tests.settlements.market import GATEWAYS, Market, Sale
from tests.settlements.test_reconciliation import superuser

MISTAKES = ("drop", "amount", "fee", "tax", "net", "currency", "duplicate", None, None, None)


def faults(market: Market, tenant: Any = None) -> list[tuple[str, str]]:
    with cells.tenant_db(tenant or market.shop.tenant) as db:
        return sorted((fault.what, fault.reference) for fault in verifying.of_tenant(db).faults)


SOLD = st.lists(
    st.tuples(
        st.sampled_from(GATEWAYS), st.integers(1_000, 10**7), st.integers(0, 999), st.sampled_from(MISTAKES),
        st.integers(-90, 90).filter(bool),
    ),
    min_size=1, max_size=4,
)  # fmt: skip
PIECES = st.lists(st.lists(st.integers(0, 9), max_size=6), max_size=4)


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sold=SOLD, pieces=PIECES)
def test_after_any_import_the_books_balance(
    market: Market, sold: list[tuple[Any, int, int, str | None, int]], pieces: list[list[int]]
) -> None:
    """Whatever was sold, whatever the report has wrong, in whatever pieces and how often it comes."""
    tenant = market.shop.world.tenant().id
    mine: list[Sale] = []
    for gateway, paise, back, mistake, off in sold:
        sale = market.sell(gateway, paise, max(back, 100) if back % 2 else 0, tenant)
        mine.append(sale)
        if mistake:
            market.shop.simulators.payouts.plant(gateway, mistake, sale.name, off)
    kept = {sale.order for sale in mine}
    expected, taken = 0, 0
    for gateway in sorted({sale.gateway for sale in mine}):
        due = next(sale.due for sale in mine if sale.gateway == gateway)
        told = [line for line in reports.read(gateway, market.file(gateway, due)) if line.order_id in kept]
        expected += sum(line.net_paise for line in told if line.currency == "INR")
        for piece in [*pieces, range(len(told)), range(len(told))]:
            part = [told[n] for n in sorted(piece) if n < len(told)]
            with cells.tenant_db(tenant) as db:
                taken += len(importing.take_share(db, gateway, None, _in_order(told, part), "file"))
        assert faults(market, tenant) == []
    balances = market.balances(tenant)
    assert balances.get("asset.bank", 0) == expected
    with cells.tenant_db(tenant) as db:
        assert db.value("SELECT count(*) FROM settlement_lines") == taken


def _in_order(told: list[Any], part: list[Any]) -> list[Any]:
    """In the file's order; the second of two equal lines never comes without the first."""
    wanted = [id(line) for line in part]
    first = {(line.kind, line.entity_id): line for line in reversed(told)}
    return [line for line in told if id(line) in wanted or any(line is first[p.kind, p.entity_id] for p in part)]


def test_eight_at_once_count_it_once(market: Market) -> None:
    sales = [market.sell("cashfree", 30_000 + n, back=n * 50 if n > 1 else 0) for n in range(8)]
    text = market.file("cashfree", sales[0].due)
    told = reports.read("cashfree", text)
    halves = [told, told[:7], told[5:], told[::-1]] * 2

    def work(db: Any, lines: list[Any]) -> int:
        return len(importing.take_share(db, "cashfree", None, lines, "file"))

    assert sum(at_once(market.shop.tenant, work, halves, clients=8)) == len(told) == 14
    assert market.balances()["asset.gateway_receivable.cashfree"] == 0
    assert faults(market) == []


BROKEN = {
    "DELETE FROM ledger_entries WHERE transaction_id IN (SELECT id FROM ledger_transactions WHERE kind = 'capture'"
    " AND reference_id = %(capture)s)": {"unbalanced", "capture", "receivable"},
    "UPDATE ledger_entries SET amount_paise = amount_paise + sign(amount_paise) WHERE account <> 'asset.gst_input'"
    " AND account <> 'expense.gateway_fees' AND transaction_id IN (SELECT id FROM ledger_transactions"
    " WHERE kind = 'refund' AND tenant_id = %(tenant)s)": {"refund", "receivable"},
    "UPDATE refunds SET status = 'failed' WHERE tenant_id = %(tenant)s": {"refund", "receivable"},
    "UPDATE payment_captures SET amount_paise = amount_paise + 1 WHERE id = %(capture)s": {"capture", "receivable"},
    "UPDATE ledger_transactions SET reference_id = %(nobody)s WHERE kind = 'settlement' AND tenant_id = %(tenant)s"
    " AND reference_id = (SELECT id FROM settlement_lines WHERE capture_id = %(capture)s)": {"orphan", "settlement"},
    "UPDATE settlement_lines SET standing = 'duplicate' WHERE capture_id = %(capture)s": {"receivable"},
    "UPDATE ledger_entries SET account = 'asset.bank2' WHERE account = 'asset.bank' AND tenant_id = %(tenant)s"
    " AND transaction_id IN (SELECT id FROM ledger_transactions WHERE reference_id = (SELECT id FROM settlement_lines"
    " WHERE capture_id = %(capture)s))": {"settlement"},
}  # fmt: skip


@pytest.mark.parametrize("broken", BROKEN)
def test_what_is_broken_is_named(market: Market, broken: str) -> None:
    """By somebody who can do what the product's roles cannot."""
    sale = market.sell("stripe", 90_000, back=1_000)
    assert market.bring("stripe", market.file("stripe", sale.due)).status == 200
    assert faults(market) == []
    values = {"capture": sale.capture, "tenant": sale.tenant, "nobody": ids.uuid7()}
    with superuser(market) as conn:
        assert conn.execute(broken, values).rowcount
    assert {what for what, _ in faults(market)} == BROKEN[broken]


def test_one_command_looks_at_every_organisation(market: Market, capsys: pytest.CaptureFixture[str]) -> None:
    sale, world = market.sell("razorpay", 10_000), market.shop.world
    whole = market.sell("razorpay", 20_000, tenant=world.tenant().id)
    with superuser(market) as conn:
        conn.execute("UPDATE payment_captures SET tax_paise = 0, fee_paise = 0 WHERE id = %s", (sale.capture,))
    with world.worker(), pytest.MonkeyPatch.context() as patched:
        for asked, code in (([], 1), ([str(sale.tenant)], 1), ([str(whole.tenant)], 0)):
            patched.setattr(sys, "argv", ["books", *asked])
            assert books.main() == code
    everybody, one, other = [part for part in capsys.readouterr().out.split("differences") if part.strip()]
    assert f"{sale.tenant} capture {sale.capture}" in everybody and "1 organisations" not in everybody
    assert f"{sale.tenant} capture {sale.capture}" in one and "1 organisations" in one
    assert "1 organisations, 1 transactions, 0 " in other


def test_the_product_s_roles_cannot_break_them(market: Market) -> None:
    sale = market.sell("razorpay", 10_000)
    with cells.tenant_db(sale.tenant) as db:
        assert not ledger.post(db, "capture", sale.capture, [("asset.x", 5), ("asset.y", -5)], "again")
    for statement in ("DELETE FROM settlement_lines", "DELETE FROM settlements", "DELETE FROM disputes"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege), cells.tenant_db(sale.tenant) as db:
            db.run(statement)
