"""A payer's bank takes money back: the books set it apart, who came to the library is the evidence, somebody wins."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from studyspot.gateways.payment import DisputeState, GatewayDispute
from studyspot.kit import cells, clock
from studyspot.payments import disputes as payments
from studyspot.payments import merchants
from studyspot.settlements import verifying

from tests.bookings.scene import next_day
from tests.settlements.market import Market, Sale

TOLD = ("razorpay", "cashfree", "stripe")


def tell(market: Market, sale: Sale, status: str, paise: int | None = None, mode: str = "normal") -> str:
    named = (sale.gateway, sale.name, sale.order, paise or sale.paise, status, mode)
    name = market.shop.simulators.chargebacks.tell(*named)
    market.shop.webhooks()
    market.shop.background()
    return name


def disputes(market: Market, **wanted: str) -> list[dict[str, Any]]:
    query = "&".join(f"{name}={value}" for name, value in wanted.items())
    answer = market.shop.world.call("settlements", "GET", f"/disputes?{query}", market.shop.owner)
    return list(answer.data)


def answered(market: Market, dispute: str, token: str | None = None, **body: str) -> Any:
    path = f"/disputes/{dispute}/evidence"
    return market.shop.world.call("settlements", "POST", path, token or market.shop.owner, body)


def test_who_may_not(market: Market) -> None:
    tell(market, market.sell("razorpay", 50_000), "open")
    (dispute,) = disputes(market)
    call, foreign = market.shop.world.call, market.shop.world.tenant().owner
    for token in (market.shop.scene.staff(), market.shop.token):
        assert call("settlements", "GET", "/disputes", token).status == 403
        assert answered(market, dispute["id"], token).status == 403
    assert answered(market, dispute["id"], foreign).status == 404
    assert call("settlements", "GET", f"/disputes/{dispute['id']}", foreign).status == 404
    assert call("settlements", "GET", "/disputes", foreign).data == []
    assert call("settlements", "GET", f"/disputes/{dispute['id']}/evidence", market.shop.owner).code == "no_evidence"
    assert call("settlements", "GET", f"/disputes/{dispute['id']}/evidence", foreign).status == 404


@pytest.mark.parametrize("gateway", TOLD)
def test_what_is_lost_is_gone_and_what_it_cost_too(market: Market, gateway: str) -> None:
    sale = market.sell(gateway, 60_000)  # type: ignore[arg-type]
    before = market.balances()
    receivable, apart = f"asset.gateway_receivable.{gateway}", f"asset.disputed.{gateway}"
    tell(market, sale, "open", mode="duplicate")
    (dispute,) = disputes(market)
    assert (dispute["status"], dispute["amountPaise"], dispute["paymentId"]) == ("open", 60_000, str(sale.payment))
    assert dispute["respondBy"] and market.shop.payment(str(sale.payment))["dispute"] == "open"
    held = market.balances()
    assert (held[apart], held[receivable]) == (60_000, before[receivable] - 60_000)
    tell(market, sale, "under_review")
    assert disputes(market, status="under_review")[0]["closedAt"] is None
    name = tell(market, sale, "lost")
    tell(market, sale, "under_review")
    (dispute,) = disputes(market, gateway=gateway)
    assert (dispute["status"], dispute["gatewayDisputeId"]) == ("lost", name)
    assert market.shop.payment(str(sale.payment))["dispute"] == "lost"
    lost = market.balances()
    fee = 1_500 if gateway == "stripe" else 0
    assert (lost[apart], lost["expense.chargebacks"], lost.get("expense.chargeback_fees", 0)) == (0, 60_000, fee)
    days = market.shop.simulators.payouts.days(gateway)
    told = [market.bring(gateway, market.file(gateway, day)).data["standing"] for day in days]
    assert sum((Counter(standing) for standing in told), Counter()) == {"counted": 2}
    assert market.balances()[receivable] == 0
    assert answered(market, dispute["id"]).code == "dispute_ended"


@pytest.mark.parametrize("gateway", TOLD)
def test_what_is_won_comes_back(market: Market, gateway: str) -> None:
    sale = market.sell(gateway, 45_000)  # type: ignore[arg-type]
    before = market.balances()
    tell(market, sale, "open", 20_000)
    tell(market, sale, "won", 20_000)
    after = market.balances()
    assert after == before | {f"asset.disputed.{gateway}": 0}
    assert disputes(market)[0]["status"] == "won"


def test_nobody_is_paid_back_twice(market: Market) -> None:
    sale = market.sell("razorpay", 50_000)
    tell(market, sale, "open", 30_000)
    path = f"/payments/{sale.payment}/refund"
    refund = lambda paise, key: market.shop.world.call(  # noqa: E731
        "payments", "POST", path, market.shop.owner, {"amountPaise": paise, "reason": "asked"}, idempotency_key=key
    )
    assert refund(20_001, "a").code == "refund_exceeds"
    assert refund(20_000, "b").status == 201
    tell(market, sale, "won", 30_000)
    assert refund(30_000, "c").status == 201


def test_what_the_gateway_gave_back_all_the_same_is_booked(market: Market) -> None:
    """Somebody pressed a button in the dashboard: that it should not have been is no reason not to know it."""
    sale = market.sell("razorpay", 50_000)
    tell(market, sale, "open")
    client = merchants.platform("razorpay")
    client.refund(order_id=sale.order, payment_id=sale.name, refund_ref="by_hand_1", amount_paise=50_000)
    market.shop.webhooks()
    market.shop.background()
    assert market.shop.payment(str(sale.payment))["refundedPaise"] == 50_000
    with cells.tenant_db(sale.tenant) as db:
        assert verifying.of_tenant(db).faults == []


def test_a_chargeback_of_no_money_of_ours_opens_nothing(market: Market) -> None:
    sale = market.sell("razorpay", 50_000)
    tell(market, sale, "open", 50_001)
    assert disputes(market) == []
    assert "asset.disputed.razorpay" not in market.balances()


def test_the_attendance_log_is_the_evidence(market: Market) -> None:
    shop = market.shop
    start = next_day(10)
    booking = shop.scene.book(shop.token, start=start, hours=2).data["id"]
    payment = shop.create(booking, gateway="razorpay").data
    shop.verify(payment["id"], shop.pay(payment))
    shop.webhooks()
    shop.background()
    shop.world.advance_to(start + timedelta(minutes=5))
    desk = {"studentId": str(shop.student), "libraryId": str(shop.scene.library)}
    arrived = shop.world.call("attendance", "POST", "/attendance/check-in", shop.owner, desk)
    assert arrived.status < 300, arrived.json
    shop.world.advance(timedelta(minutes=90))
    left = shop.world.call("attendance", "POST", "/attendance/check-out", shop.owner, {"studentId": str(shop.student)})
    assert left.status < 300, left.json
    shop.world.advance_to(clock.now() + timedelta(days=3))
    taken = shop.payment(payment["id"])
    name = shop.simulators.dispute(payment["gatewayOrderId"], "open", None)["disputeId"]
    shop.webhooks()
    shop.background()
    (dispute,) = disputes(market, paymentId=payment["id"])
    pack = answered(market, dispute["id"], statement="She was here \u0915.")
    assert pack.status == 201, pack.json
    told = pack.data
    assert (told["gatewayDisputeId"], told["visits"], told["days"], told["minutes"]) == (name, 1, 1, 90)
    assert told["service"]["kind"] == "booking" and told["service"]["start"] < told["attendance"][0]["came"]
    assert [receipt["amountPaise"] for receipt in told["receipts"]] == [taken["capturedPaise"]]
    assert told["customerCode"] == "S0001"
    path = f"/disputes/{dispute['id']}/evidence"
    assert shop.world.call("settlements", "GET", path, shop.owner).data == told
    page = shop.world.call("settlements", "GET", path, shop.owner, accept="application/pdf")
    again = shop.world.call("settlements", "GET", path, shop.owner, accept="application/pdf")
    assert page.headers["Content-Type"] == "application/pdf" and page.raw.startswith(b"%PDF-")
    assert page.raw == again.raw and page.raw.count(b"/Type /Page\n") == 1
    assert disputes(market)[0]["evidenceAt"]


def test_a_chargeback_that_only_the_report_tells_of(market: Market) -> None:
    """Paytm sends no event: the line of its payout opens it."""
    sale = market.sell("paytm", 40_000)
    tell(market, sale, "lost")
    assert disputes(market) == []
    for day in market.shop.simulators.payouts.days("paytm"):
        assert set(market.bring("paytm", market.file("paytm", day)).data["standing"]) == {"counted"}
    (dispute,) = disputes(market, gateway="paytm")
    assert (dispute["status"], dispute["amountPaise"], dispute["paymentId"]) == ("open", 40_000, str(sale.payment))
    balances = market.balances()
    assert (balances["asset.disputed.paytm"], balances["asset.gateway_receivable.paytm"]) == (40_000, 0)
    assert market.shop.payment(str(sale.payment))["dispute"] == "open"


def test_a_bank_that_only_asks_takes_nothing_until_it_does(market: Market) -> None:
    sale = market.sell("stripe", 30_000)
    before = market.balances()

    def news(status: DisputeState, phase: str) -> None:
        with cells.tenant_db(sale.tenant) as db:
            payments.told(db, sale.payment, GatewayDispute("stripe", "dp_1", sale.name, status, 30_000, phase))

    news("open", "retrieval")
    assert market.balances() == before and disputes(market)[0]["phase"] == "retrieval"
    news("under_review", "chargeback")
    assert market.balances()["asset.disputed.stripe"] == 30_000
    news("won", "chargeback")
    assert market.balances() == before | {"asset.disputed.stripe": 0}
    for status, lost in (("lost", 30_000), ("won", 0), ("lost", 30_000)):
        news(status, "arbitration")  # type: ignore[arg-type] # of the list above
        assert market.balances()["expense.chargebacks"] == lost
        with cells.tenant_db(sale.tenant) as db:
            assert verifying.of_tenant(db).faults == []


def test_a_member_s_days_are_the_evidence_for_a_membership(market: Market) -> None:
    shop = market.shop
    asked = {"studentId": str(shop.student), "feePlanId": str(shop.scene.monthly), "libraryId": str(shop.scene.library)}
    joined = shop.world.call("memberships", "POST", "/memberships", shop.owner, asked)
    assert joined.status == 201, joined.json
    payment = shop.create(joined.data["id"], purpose="membership", gateway="cashfree").data
    shop.verify(payment["id"], shop.pay(payment))
    shop.webhooks()
    shop.background()
    assert shop.payment(payment["id"])["status"] == "captured"
    for _ in range(3):
        desk = {"studentId": str(shop.student), "libraryId": str(shop.scene.library)}
        assert shop.world.call("attendance", "POST", "/attendance/check-in", shop.owner, desk).status < 300
        shop.world.advance(timedelta(minutes=30))
        out = {"studentId": str(shop.student)}
        assert shop.world.call("attendance", "POST", "/attendance/check-out", shop.owner, out).status < 300
        shop.world.advance(timedelta(days=1, minutes=-30))
    shop.simulators.dispute(payment["gatewayOrderId"], "open", None)
    shop.webhooks()
    shop.background()
    (dispute,) = disputes(market)
    told = answered(market, dispute["id"]).data
    assert told["service"]["kind"] == "membership"
    assert (told["visits"], told["days"], told["minutes"]) == (3, 3, 90)


def test_evidence_of_what_is_not_on_record_says_so(market: Market) -> None:
    tell(market, market.sell("razorpay", 50_000), "open")
    (dispute,) = disputes(market)
    told = answered(market, dispute["id"])
    assert told.status == 201
    assert (told.data["customer"], told.data["service"], told.data["visits"]) == (None, None, 0)
    path = f"/disputes/{dispute['id']}/evidence"
    page = market.shop.world.call("settlements", "GET", path, market.shop.owner, accept="application/pdf")
    assert page.raw.startswith(b"%PDF-")
