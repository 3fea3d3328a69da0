"""Reports are the ledger's, to the paisa; a counted day is closed in the database; the accountant gets every entry."""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any
from uuid import UUID
from xml.etree import ElementTree as ET

import psycopg
import pytest
from studyspot.kit import clock, ids
from studyspot.kit.closed import DayLocked
from studyspot.kit.db import Db
from studyspot.ledger import service as ledger
from studyspot.revenue import recognising

from tests.alongside import at_once
from tests.invoices.billing import Office, settle
from tests.world import Answer, World

PRICE = 118_000
TODAY = date(2026, 12, 1)


class Books(Office):
    """The same organisation, asked about its money."""

    def ask(self, method: str, path: str, body: Any = None, token: str | None = None, **headers: str) -> Answer:
        return self.world.call("revenue", method, path, token or self.owner, body, **headers)

    def see(self, path: str) -> Any:
        answer = self.ask("GET", path)
        assert answer.status == 200, answer.json
        return answer.data

    def spend(self, paise: int, **facts: Any) -> Answer:
        body = {"libraryId": self.desk.scene.library, "category": "power", "description": "Electricity",
                "amountPaise": paise, "paidFrom": "cash", "spentOn": str(TODAY)}  # fmt: skip
        return self.ask("POST", "/expenses", body | facts)

    def cash_in(self, paise: int, when: date | None = None) -> None:
        with self.world.db(self.tenant) as db:
            till(db, self.desk.scene.library, paise, when)

    def count(self, paise: int, day: date = TODAY, token: str | None = None) -> Answer:
        body = {"libraryId": self.desk.scene.library, "day": str(day), "countedPaise": paise}
        return self.ask("POST", "/revenue/day-close", body, token)


def till(db: Db, library: UUID, paise: int, when: date | None = None) -> None:
    """Cash over the counter."""
    lines = [("asset.cash", paise), ("revenue.dues", -paise)]
    ledger.post(db, "capture", ids.uuid7(), lines, "Cash", library, when)


@pytest.fixture
def books(world: World) -> Iterator[Books]:
    yield Books(world, pricePaise=PRICE)


def test_only_who_may_sees_money(books: Books) -> None:
    staff, student = books.desk.scene.staff(), books.world.token("student", books.tenant, ids.uuid7())
    for path in ("/revenue/summary", "/revenue/pnl", "/revenue/deferred", "/revenue/reports/gst", "/revenue/day-close"):
        assert books.ask("GET", path, token=staff).status == 403 == books.ask("GET", path, token=student).status
    assert books.ask("GET", "/admin/revenue/summary").status == 403
    library = books.desk.scene.library
    assert books.ask("GET", f"/revenue/day-book?libraryId={library}", token=staff).status == 200
    assert books.ask("GET", f"/revenue/day-book?libraryId={library}", token=student).status == 403
    elsewhere = books.desk.scene.staff(libraryIds=[str(ids.uuid7())])
    assert books.ask("GET", f"/revenue/day-book?libraryId={library}", token=elsewhere).status == 404
    assert books.count(0, token=elsewhere).status == 404
    assert books.ask("DELETE", f"/expenses/{books.spend(100).data['id']}", token=staff).status == 403


def test_every_report_agrees_with_the_ledger_whatever_happened(books: Books) -> None:
    """Members join, pay, get money back and are let off, things are bought and corrected, in any order."""
    chance = random.Random(7)
    payments: list[tuple[UUID, int]] = []
    for _ in range(8):
        _, due = books.join(None)  # type: ignore[arg-type]
        if chance.random() < 0.4:
            books.bill(due["id"])
        payments.append((books.pay(due), due["amountPaise"]))
    for payment, paise in chance.sample(payments, 4):
        books.refund(payment, chance.randint(1, paise))
    for paise in (50_000, 25_000, 999):
        made = books.spend(paise, gstPaise=paise // 10, paidFrom=chance.choice(["cash", "bank", "upi"]))
        assert made.status == 201, made.json
    changed = books.ask("PUT", f"/expenses/{made.data['id']}", {"amountPaise": 1500, "paidFrom": "bank"})
    assert changed.status == 200, changed.json
    member, due = books.join(None)  # type: ignore[arg-type]
    asked = {"dueId": due["id"], "kind": "discount", "amountPaise": 5000, "reason": "friend"}
    path = f"/students/{member['studentId']}/adjustments"
    assert books.world.call("records", "POST", path, books.owner, asked).status == 201
    balances = books.books()
    for name in ("collections", "discounts", "deposits", "gst", "gateway-fees"):
        told = books.see(f"/revenue/reports/{name}")
        assert told["totalPaise"] == told["ledgerPaise"] == sum(one["amountPaise"] for one in told["lines"]), name
    result = books.see("/revenue/pnl")
    income = -sum(paise for account, paise in balances.items() if account.startswith("revenue."))
    spent = sum(paise for account, paise in balances.items() if account.startswith("expense."))
    assert (result["incomePaise"], result["expensesPaise"]) == (income, spent)
    assert [one["libraryId"] for one in result["libraries"]] == [str(books.desk.scene.library)]
    summary = books.see("/revenue/summary")
    collected = books.see("/revenue/reports/collections")["totalPaise"]
    assert summary["collectedPaise"] - summary["refundedPaise"] == collected
    for by in ("method", "plan", "library", "month"):
        part = [one for one in summary["slices"] if one["by"] == by]
        assert sum(one["collectedPaise"] for one in part) == summary["collectedPaise"], by
    assert summary["duePaise"] == PRICE - 5000 == books.see("/revenue/reports/dues-ageing")["totalPaise"]


def test_what_is_paid_ahead_is_earned_day_by_day(books: Books) -> None:
    _, due = books.join()
    books.pay(due)
    first = books.see(f"/revenue/deferred?on={TODAY}")
    assert first["soldPaise"] == 100_000 == first["recognisedPaise"] + first["unearnedPaise"]
    assert first["recognisedPaise"] == 100_000 - round(100_000 * 30 / 31)
    middle = books.see(f"/revenue/deferred?on={TODAY + timedelta(days=15)}")
    assert first["recognisedPaise"] < middle["recognisedPaise"] < 100_000
    last = books.see(f"/revenue/deferred?on={TODAY + timedelta(days=31)}")
    assert (last["recognisedPaise"], last["unearnedPaise"]) == (100_000, 0)
    assert books.see(f"/revenue/deferred?on={TODAY - timedelta(days=1)}")["soldPaise"] == 0


def test_every_night_the_books_know_what_is_still_to_be_earned(books: Books) -> None:
    """Income is what passed, the rest a liability; a night that was missed is made up, and none is booked twice."""
    _, due = books.join()
    books.pay(due)
    for days, runs in ((0, 2), (1, 1), (9, 1), (40, 1)):
        if days:
            books.world.advance(timedelta(days=days))
        for _ in range(runs):
            with books.world.db(books.tenant) as db:
                recognising.of_tenant(db, clock.now().astimezone(clock.INDIA).date())
        told = books.see("/revenue/deferred")
        balances = books.books()
        assert told["unearnedPaise"] == told["bookedPaise"] == -balances.get("liability.deferred_revenue", 0)
        income = -sum(paise for account, paise in balances.items() if account.startswith("revenue."))
        assert income == told["recognisedPaise"]
    assert income == 100_000


def test_the_months_to_come_are_reckoned_from_renewals_and_who_stays(books: Books) -> None:
    for _ in range(4):
        _, due = books.join(None)  # type: ignore[arg-type]
        books.pay(due)
    told = books.see("/revenue/forecast")
    assert (told["retentionPercent"], told["seasonal"]) == (100, False)
    assert [(m["month"], m["renewals"], m["expectedPaise"]) for m in told["months"]] == [
        ("2027-01", 4, 4 * PRICE), ("2027-02", 4, 4 * PRICE), ("2027-03", 4, 4 * PRICE),
    ]  # fmt: skip
    with books.world.db(books.tenant) as db:
        first, last = (f"(SELECT id FROM memberships ORDER BY id {order} LIMIT 1)" for order in ("ASC", "DESC"))
        gone = "status = 'expired', start_date = '2026-10-01', end_date = '2026-11-01'"
        db.run(f"UPDATE memberships SET {gone} WHERE id = {first}")
        db.run(
            "INSERT INTO membership_periods (id, membership_id, kind, start_date, end_date, days, fee_plan_id,"
            " fee_plan_version, price_paise, status, created_at) SELECT %(id)s, id, 'paid', '2026-11-20', '2026-11-30',"
            " 10, fee_plan_id, fee_plan_version, 0, 'live', %(now)s FROM memberships ORDER BY id DESC LIMIT 1",
            id=ids.uuid7(), now=clock.now(),
        )  # fmt: skip
        db.run(f"UPDATE memberships SET start_date = '2026-10-05' WHERE id = {last}")
    told = books.see("/revenue/forecast")
    assert told["retentionPercent"] == 50
    assert [m["expectedPaise"] for m in told["months"]] == [3 * PRICE // 2, 3 * PRICE // 4, 3 * PRICE // 8]
    assert books.see(f"/revenue/forecast?libraryId={ids.uuid7()}")["months"][0]["renewals"] == 0


def test_a_day_is_counted_and_then_takes_no_more_cash(books: Books) -> None:
    books.cash_in(50_000)
    spent = books.spend(12_000).data
    book = books.see(f"/revenue/day-book?libraryId={books.desk.scene.library}")
    assert (book["expectedPaise"], book["closed"]) == (38_000, False)
    closed = books.count(37_500)
    assert (closed.status, closed.data["expectedPaise"], closed.data["differencePaise"]) == (201, 38_000, -500)
    again = books.count(38_000)
    assert (again.status, again.code) == (409, "day_locked")
    refused = books.spend(100)
    assert (refused.status, refused.code) == (409, "day_locked")
    with pytest.raises(DayLocked):
        books.cash_in(100)
    assert books.ask("PUT", f"/expenses/{spent['id']}", {"amountPaise": 1}).code == "day_locked"
    assert books.ask("PUT", f"/expenses/{spent['id']}", {"description": "Light"}).status == 200
    _, due = books.join()
    assert books.pay(due), "what a gateway takes is no cash: it goes on"
    assert books.spend(100, paidFrom="bank").code == "day_locked"
    with pytest.raises(psycopg.errors.InsufficientPrivilege), books.world.db(books.tenant) as db:
        db.run("UPDATE day_closes SET counted_paise = 0")
    assert len(books.see("/revenue/day-close")) == 1


def test_a_closed_day_takes_what_reverses_and_nothing_that_only_says_so(books: Books) -> None:
    books.cash_in(50_000)
    spent = books.spend(12_000).data
    books.count(38_000)
    assert books.ask("DELETE", f"/expenses/{spent['id']}").status == 204
    assert books.ask("DELETE", f"/expenses/{spent['id']}").code == "expense_void"
    assert books.books() == {"asset.cash": 50_000, "revenue.dues": -50_000}
    forged = """SELECT ledger_post(%(id)s, 'x', %(id)s, 'x', %(lines)s::uuid[], '{asset.cash,revenue.dues}',
        '{777,-777}', %(now)s, %(library)s, %(day)s, (SELECT id FROM ledger_transactions WHERE kind = 'capture'))"""
    with pytest.raises(psycopg.errors.CheckViolation), books.world.db(books.tenant) as db:
        facts = {"library": books.desk.scene.library, "day": TODAY, "now": clock.now()}
        db.run(forged, id=ids.uuid7(), lines=[ids.uuid7(), ids.uuid7()], **facts)


def test_the_next_day_begins_with_what_was_counted(books: Books) -> None:
    books.cash_in(50_000)
    books.count(49_000)
    books.world.advance(timedelta(days=2))
    books.cash_in(1_000)
    assert books.count(0, TODAY + timedelta(days=9)).code == "day_not_over"
    notes = {"denominations": {"50000": 1}, "day": str(TODAY + timedelta(days=2))}
    closed = books.ask("POST", "/revenue/day-close", {"libraryId": books.desk.scene.library} | notes)
    assert (closed.data["openingPaise"], closed.data["expectedPaise"], closed.data["differencePaise"]) == (
        49_000, 50_000, 0,
    )  # fmt: skip
    with pytest.raises(DayLocked):
        books.cash_in(5, TODAY + timedelta(days=1))


def test_cash_that_is_booked_while_somebody_counts_is_counted_or_refused(books: Books) -> None:
    library = books.desk.scene.library

    def work(db: Db, number: int) -> str:
        from studyspot.kit import tokens
        from studyspot.kit.auth import Actor
        from studyspot.revenue import days
        from studyspot.revenue.models import CloseRequest

        try:
            with db.transaction():
                if number == 6:
                    owner = Actor.of(tokens.verify(books.owner))
                    asked = CloseRequest(library_id=library, day=TODAY, counted_paise=0)
                    return str(days.close(db, owner, asked).expected_paise)
                till(db, library, 100)
        except DayLocked:
            db.rollback()
            return "refused"
        return "booked"

    done = at_once(books.tenant, work, range(12), clients=12)
    expected = int(next(one for one in done if one not in ("booked", "refused")))
    assert done.count("booked") * 100 == expected == books.books().get("asset.cash", 0)


def test_an_expense_has_its_bill_its_tax_and_its_place(books: Books) -> None:
    made = books.spend(11_800, gstPaise=1_800, billNumber="E-1", payee="Grid Ltd")
    assert made.status == 201 and made.headers["Location"] == f"/api/v1/expenses/{made.data['id']}"
    assert books.books() == {"asset.cash": -11_800, "expense.power": 10_000, "asset.gst_input": 1_800}
    assert books.see(f"/expenses/{made.data['id']}")["billNumber"] == "E-1"
    assert [one["id"] for one in books.see("/expenses?category=power")] == [made.data["id"]]
    assert books.see("/expenses?category=rent") == []
    for wrong in ({"gstPaise": 11_801}, {"spentOn": "2026-12-02"}, {"amountPaise": 0}, {"amountPaise": 1.5},
                  {"category": "bribes"}, {"billFileId": str(ids.uuid7())}):  # fmt: skip
        assert books.spend(11_800, **wrong).status == 422, wrong
    assert books.spend(5, libraryId=str(ids.uuid7())).status == 404
    changed = books.ask("PUT", f"/expenses/{made.data['id']}", {"category": "rent", "gstPaise": 0}, if_match='"stale"')
    assert changed.code == "version_conflict"
    assert books.ask("PUT", f"/expenses/{made.data['id']}", {"category": "rent", "gstPaise": 0}).status == 200
    assert books.books() == {"asset.cash": -11_800, "expense.rent": 11_800}


def test_the_journal_holds_every_entry_and_balances(books: Books) -> None:
    _, due = books.join()
    books.pay(due)
    books.spend(500, description="=HYPERLINK(1)")
    asked = {"from": str(TODAY), "to": str(TODAY + timedelta(days=1))}
    sheet = books.ask("POST", "/revenue/export", asked)
    rows = list(csv.DictReader(io.StringIO(sheet.raw.decode())))
    cents = [round(float(row["debit"] or 0) * 100) - round(float(row["credit"] or 0) * 100) for row in rows]
    with books.world.db(books.tenant) as db:
        assert len(rows) == db.value("SELECT count(*) FROM ledger_entries")
    assert sum(cents) == 0 and len({row["transaction"] for row in rows}) == 3
    tally = books.ask("POST", "/revenue/export", asked | {"format": "tally"})
    vouchers = ET.fromstring(tally.raw).findall(".//VOUCHER")
    for voucher in vouchers:
        assert sum(round(float(a.text or 0) * 100) for a in voucher.iter("AMOUNT")) == 0
        assert voucher.findtext("DATE") == "20261201"
    assert len(vouchers) == 3
    assert books.ask("POST", "/revenue/export", asked | {"to": str(TODAY)}).status == 422


def test_the_platform_sees_what_it_earns_net_of_tax(books: Books) -> None:
    admin = books.world.admin()
    told = books.ask("GET", "/admin/revenue/summary", token=admin)
    assert (
        told.status == 200
        and told.data["creditsMarginPaise"] == told.data["creditsPaise"] - told.data["creditsCostPaise"]
    )
    listed = books.ask("GET", "/admin/revenue/tenants?limit=200", token=admin)
    assert str(books.tenant) in {one["id"] for one in listed.data}
    assert settle
