"""A payout's report is read whatever its format, each line counts once, and the books say where the money is."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import timedelta

import pytest
from studyspot.kit import cells, clock, ids, tally

from tests.fulfilment.shop import KEYS
from tests.settlements.market import GATEWAYS, Market


def test_who_may_not(market: Market) -> None:
    world, owner = market.shop.world, market.shop.owner
    staff, student = market.shop.scene.staff(), market.shop.token
    for token in (owner, staff, student):
        assert market.bring("razorpay", "entity_id\n", token).status == 403
    call = world.call
    for token in (staff, student):
        assert call("settlements", "GET", "/settlements", token).status == 403
        assert call("settlements", "GET", "/settlements/expected", token).status == 403
    for token in (owner, staff, student):
        for path in ("/admin/reconciliation/runs", "/admin/reconciliation/items"):
            assert call("settlements", "GET", path, token).status == 403
        body = {"gateway": "razorpay", "day": "2026-12-01"}
        assert call("settlements", "POST", "/admin/reconciliation/runs", token, body).status == 403
    sale = market.sell("razorpay", 50_000)
    assert market.bring("razorpay", market.file("razorpay", sale.due)).status == 200
    (mine,) = call("settlements", "GET", "/settlements", owner).data
    foreign = world.tenant().owner
    assert call("settlements", "GET", f"/settlements/{mine['id']}", foreign).status == 404
    assert call("settlements", "GET", "/settlements", foreign).data == []


@pytest.mark.parametrize("gateway", GATEWAYS)
def test_a_file_and_the_gateway_itself_say_the_same(market: Market, gateway: str) -> None:
    sale = market.sell(gateway, 123_457, back=20_001)  # type: ignore[arg-type]
    other = market.sell(gateway, 9_900, tenant=market.shop.world.tenant().id)  # type: ignore[arg-type]
    before = market.balances()
    owed = before[f"asset.gateway_receivable.{gateway}"]
    (expected,) = market.shop.world.call("settlements", "GET", "/settlements/expected", market.shop.owner).data
    assert (expected["expectedOn"], expected["netPaise"], expected["overdue"]) == (str(sale.due), owed, False)
    told = market.bring(gateway, market.file(gateway, sale.due)).data
    assert (told["lines"], told["added"], told["standing"]) == (3, 3, {"counted": 3})
    for answer in (market.bring(gateway, market.file(gateway, sale.due)), market.ask(gateway, sale.due)):
        assert (answer.data["lines"], answer.data["added"], answer.data["netPaise"]) == (3, 0, 0)
    after = market.balances()
    assert (after[f"asset.gateway_receivable.{gateway}"], after["asset.bank"]) == (0, owed)
    assert f"liability.unexplained_settlement.{gateway}" not in after
    assert market.balances(other.tenant)[f"asset.gateway_receivable.{gateway}"] == 0
    (listed,) = market.shop.world.call("settlements", "GET", f"/settlements?gateway={gateway}", market.shop.owner).data
    shown = market.shop.world.call("settlements", "GET", f"/settlements/{listed['id']}", market.shop.owner).data
    assert (shown["lines"], shown["netPaise"], shown["settledOn"]) == (2, owed, str(sale.due))
    lines = {line["kind"]: line for line in shown["items"]}
    assert (lines["payment"]["grossPaise"], lines["refund"]["netPaise"]) == (123_457, -20_001)
    paid = lines["payment"]
    assert paid["netPaise"] == paid["grossPaise"] - paid["feePaise"] - paid["gstPaise"]
    payment = market.shop.payment(str(sale.payment))
    assert payment["settledAt"] and payment["feePaise"] == paid["feePaise"] + paid["gstPaise"]
    assert market.shop.world.call("settlements", "GET", "/settlements/expected", market.shop.owner).data == []


def test_in_halves_and_the_halves_again(market: Market) -> None:
    sales = [market.sell("cashfree", 10_000 + n, back=n * 100) for n in range(6)]
    head, *lines = market.file("cashfree", sales[0].due).splitlines()
    half = len(lines) // 2
    for part in (lines[:half], lines[half - 1 :], lines, lines[::-1]):
        assert market.bring("cashfree", "\n".join([head, *part])).status == 200
    balances = market.balances()
    assert balances["asset.gateway_receivable.cashfree"] == 0
    assert market.shop.count("settlement_lines") == len(lines) == 11


def test_a_fee_that_was_only_expected_is_booked_as_it_was_charged(market: Market) -> None:
    sale = market.sell("paytm", 80_000)
    booked = market.balances()
    market.shop.simulators.payouts.plant("paytm", "fee", sale.name, 118)
    assert market.bring("paytm", market.file("paytm", sale.due)).status == 200
    after = market.balances()
    span = f"from={sale.on}&to={sale.due + timedelta(days=1)}"
    told = market.shop.world.call("revenue", "GET", f"/revenue/reports/gateway-fees?{span}", market.shop.owner).data
    assert told["totalPaise"] == told["ledgerPaise"] == after["expense.gateway_fees"]
    assert after["expense.gateway_fees"] == booked["expense.gateway_fees"] + 118
    assert after["asset.gst_input"] == booked["asset.gst_input"]
    assert after["asset.gateway_receivable.paytm"] == 0
    assert after["asset.bank"] == booked["asset.gateway_receivable.paytm"] - 118


def test_what_the_books_do_not_explain_stands_apart(market: Market) -> None:
    short, twice = market.sell("razorpay", 40_000), market.sell("razorpay", 30_000)
    market.shop.simulators.payouts.plant("razorpay", "amount", short.name, -5_000)
    market.shop.simulators.payouts.plant("razorpay", "duplicate", twice.name)
    market.shop.simulators.payouts.plant("razorpay", "extra", day=short.due)
    told = market.bring("razorpay", market.file("razorpay", short.due)).data
    assert told["standing"] == {"counted": 2, "duplicate": 1, "unknown": 1}
    balances = market.balances()
    assert balances["asset.gateway_receivable.razorpay"] == 0
    lines = market.shop.simulators.payouts.lines("razorpay", short.due)
    again = next(line for line in lines if line["entity"] == twice.name)
    assert balances["liability.unexplained_settlement.razorpay"] == 5_000 - again["net"]
    with cells.core_db() as core:
        assert core.value("SELECT standing FROM settlement_lines ORDER BY id DESC LIMIT 1") == "unknown"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "names of the columns"),
        ("entity_id,type,type\n1,2,3\n", "names of the columns"),
        ("entity_id,type,settled,settlement_id\npay_1,payment,true\n", "3 cells under 4 names"),
        ("type,settled,settlement_id,amount\npayment,true,setl_1,1e3\n", "no whole number of paise"),
        ("type,settled,settlement_id,amount\npayment,true,setl_1,5.5\n", "no whole number of paise"),
        ("type,settled,settlement_id,entity_id,currency,settled_at\npayment,true,s,p,INR,0000-00-00\n", "no day"),
        ("type,settled,settlement_id,entity_id,currency,settled_at\npayment,true,s,p,INR,99999999999\n", "no day"),
        ("type,settled,settlement_id,amount\npayment,true,setl_1," + "9" * 40 + "\n", "no whole number of paise"),
        ('type,settled,settlement_id,entity_id\n"pay', "unexpected end"),
        ("type,settled,settlement_id,entity_id\npayment,true,s," + "x" * 300 + "\n", "too long"),
    ],
)
def test_a_file_that_cannot_be_read_leaves_nothing(market: Market, text: str, words: str) -> None:
    answer = market.bring("razorpay", text)
    assert (answer.status, answer.code) == (422, "unreadable_report"), answer.json
    assert words in answer.json["detail"]


def test_a_report_of_an_own_account_is_its_organisation_s_alone(market: Market) -> None:
    """Whoever can bring a file for one organisation's account moves no other's books, whatever the file names."""
    theirs = market.sell("razorpay", 50_000)
    before = market.balances()
    stranger, account = market.shop.world.tenant().id, ids.uuid7()
    with cells.tenant_db(stranger) as db:
        db.run(
            "INSERT INTO gateway_accounts (id, gateway, key_id, credentials, mode, status, created_at, updated_at)"
            " VALUES (%(id)s, 'razorpay', 'rzp_live_theirs', '', 'live', 'connected', %(now)s, %(now)s)",
            id=account, now=clock.now(),
        )  # fmt: skip
    with cells.core_db() as core:
        core.run(
            "INSERT INTO gateway_account_owners (account_id, gateway, tenant_id, created_at)"
            " VALUES (%(id)s, 'razorpay', %(tenant)s, %(now)s)",
            id=account, tenant=stranger, now=clock.now(),
        )  # fmt: skip
    told = market.bring("razorpay", market.file("razorpay", theirs.due), accountId=str(account)).data
    assert told["standing"] == {"unknown": 1}
    assert market.balances() == before and market.shop.payment(str(theirs.payment))["settledAt"] is None
    assert market.balances(stranger)["liability.unexplained_settlement.razorpay"] < 0
    assert market.bring("cashfree", market.file("razorpay", theirs.due), accountId=str(account)).status == 404
    assert market.bring("razorpay", market.file("razorpay", theirs.due)).data["standing"] == {"counted": 1}
    assert market.balances()["asset.gateway_receivable.razorpay"] == 0


def test_reads_are_one_round_trip(market: Market) -> None:
    sale = market.sell("razorpay", 50_000)
    assert market.bring("razorpay", market.file("razorpay", sale.due)).status == 200
    call, owner = market.shop.world.call, market.shop.owner
    (listed,) = call("settlements", "GET", "/settlements", owner).data
    for path in ("/settlements", f"/settlements/{listed['id']}", "/settlements/expected", "/disputes"):
        assert call("settlements", "GET", path, owner).status == 200
        assert tally.current.trips == 1, path


def test_hostile_bodies(market: Market) -> None:
    call, admin = market.shop.world.call, market.shop.world.admin()
    path = "/settlements/import"
    for query, sent in (("", "a,b\n"), ("?gateway=razorpay", b"\xff\xfe"), ("?gateway=phonepe", "a,b\n")):
        assert call("settlements", "POST", path + query, admin, sent, content_type="text/csv").status == 422
    assert call("settlements", "POST", path, admin, {"gateway": "razorpay"}).status == 422
    nobody = "01890000-0000-7000-8000-000000000000"
    assert market.bring("razorpay", "type\n", accountId=nobody).status == 404
    assert market.bring("razorpay", "x" * (4 * 1024 * 1024 + 1)).status == 413
    market.shop.fault("razorpay", "error_500", "settlements", times=None)
    assert market.ask("razorpay", market.sell("razorpay", 5_000).due).status in (502, 503)


def test_the_gateway_announces_a_payout(market: Market) -> None:
    """Razorpay tells by webhook that it has paid out; its report of the day is taken in."""
    sale = market.sell("razorpay", 70_000)
    market.to_day(sale.due, 15)
    entity = {"id": "setl_1", "entity": "settlement", "amount": 1, "status": "processed", "utr": "U1"}
    event = {"event": "settlement.processed", "payload": {"settlement": {"entity": entity}}}
    body = json.dumps(event | {"created_at": int(clock.now().timestamp())}).encode()
    signature = hmac.new(KEYS.razorpay_webhook_secret.encode(), body, hashlib.sha256).hexdigest()
    headers = {"X-Razorpay-Signature": signature, "X-Razorpay-Event-Id": "evt_settled"}
    assert market.shop.post_webhook("http://x/razorpay", body, headers) == 200
    market.shop.background()
    assert market.balances()["asset.gateway_receivable.razorpay"] == 0
    assert market.shop.payment(str(sale.payment))["settledAt"]


def test_days_move_with_weekends(market: Market) -> None:
    friday = market.sell("razorpay", 1_000).on + timedelta(days=3)
    market.to_day(friday)
    sale = market.sell("razorpay", 2_000)
    (first, second) = market.shop.world.call("settlements", "GET", "/settlements/expected", market.shop.owner).data
    assert (first["overdue"], second["overdue"]) == (True, False)
    assert second["expectedOn"] == str(sale.due) == str(friday + timedelta(days=4))
