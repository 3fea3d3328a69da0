"""UPI to the organisation's own address: a link for the payer's app, a claim by number, each transfer once."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest
from studyspot.desk import claims
from studyspot.desk.models import ClaimRequest, Decision
from studyspot.kit import clock, ids, tokens
from studyspot.kit.auth import Actor
from studyspot.kit.db import Db
from studyspot.kit.errors import Problem

from tests.alongside import at_once
from tests.desk.till import PRICE, Till
from tests.fulfilment.shop import Shop
from tests.world import World

RRN, OTHER = "412345678901", "512345678902"


@pytest.fixture
def till(world: World) -> Till:
    found = Till(world)
    found.policies(upiAddress="Silent.Study@okbank", upiPayee="Silent Study & Co")
    return found


def test_who_may_not_claim_or_decide(till: Till) -> None:
    member, due = till.join()
    other, _ = till.join(1)
    stranger = till.world.tenant().owner
    assert till.upi(due["id"], till.student(other)).status == 404 == till.upi(due["id"], stranger).status
    for token in (till.student(other), stranger):
        assert till.claim(due["id"], token=token).status == 404
    made = till.claim(due["id"], token=till.student(member))
    assert made.status == 201, made.json
    claim = made.data["id"]
    assert till.decide(claim, token=till.student(member)).status == 403
    assert till.decide(claim, token=stranger).status == 404
    elsewhere = till.desk.scene.staff(libraryIds=[str(ids.uuid7())])
    assert till.decide(claim, token=elsewhere).status == 404
    listed = till.ask("collections", "GET", "/payments/upi/claims", token=elsewhere).data
    assert (listed, len(till.claims())) == ([], 1)
    assert till.ask("collections", "GET", "/payments/upi/claims", token=till.student(member)).status == 403


def test_the_link_says_whom_how_much_and_for_what(till: Till) -> None:
    member, due = till.join()
    shown = till.upi(due["id"], till.student(member))
    assert (shown.status, shown.data["through"], shown.data["status"]) == (201, "own", "created")
    link = urlsplit(shown.data["intent"])
    said = {name: values[0] for name, values in parse_qs(link.query).items()}
    assert (link.scheme, link.netloc) == ("upi", "pay")
    assert said == {
        "pa": "silent.study@okbank", "pn": "Silent Study & Co", "am": "1180.00", "cu": "INR",
        "tr": UUID(shown.data["id"]).hex, "tn": "Month",
    }  # fmt: skip
    assert moment(shown.data["expiresAt"]) - clock.now() < timedelta(minutes=31), "nobody is kept from paying for a day"
    again = till.upi(due["id"], till.student(member))
    assert again.data["id"] == shown.data["id"], "shown again, it is the same payment"
    opened = {"purpose": "dues", "purposeId": due["id"]}
    refused = till.ask("payments", "POST", "/payments/create", opened, till.student(member))
    assert (refused.code, refused.json["paymentId"]) == ("payment_in_progress", shown.data["id"])
    assert till.upi(due["id"], amountPaise=1).code == "amount_mismatch"


def test_asking_for_the_payers_address_is_retired_but_where_the_law_exempts_it(shop: Shop) -> None:
    booking = shop.book()

    def ask(**more: Any) -> Any:
        body = {"purpose": "booking", "purposeId": booking, "flow": "collect", **more}
        return shop.world.call("collections", "POST", "/payments/upi", shop.token, body)

    refused = ask()
    assert (refused.status, refused.code) == (410, "upi_collect_retired")
    assert ask(platform="android").code == "upi_collect_retired"
    assert shop.count("payments") == 0
    allowed = ask(platform="ios")
    assert (allowed.status, allowed.data["through"]) == (201, "gateway")
    assert allowed.data["checkout"] and allowed.data["intent"] is None


def test_without_an_address_a_gateway_takes_it(shop: Shop) -> None:
    booking = shop.book()
    body = {"purpose": "booking", "purposeId": booking}
    opened = shop.world.call("collections", "POST", "/payments/upi", shop.token, body).data
    shop.verify(opened["id"], shop.pay(opened))
    assert shop.scene.status(booking) == "confirmed"


def test_a_claim_waits_and_pays_when_somebody_has_looked(till: Till) -> None:
    member, due = till.join()
    shown = till.upi(due["id"], till.student(member)).data
    made = till.claim(due["id"], token=till.student(member)).data
    assert (made["paymentId"], made["status"], made["paymentStatus"]) == (shown["id"], "waiting", "pending")
    assert moment(till.payment(shown["id"])["expiresAt"]) - clock.now() > timedelta(hours=23), "somebody has to look"
    (listed,) = till.claims()
    assert (listed["rrn"], listed["amountPaise"]) == (RRN, PRICE)
    assert till.take(due["id"]).code == "payment_in_progress"
    assert till.books() == {}
    decided = till.decide(made["id"], token=till.desk.scene.staff())
    assert (decided.status, decided.data["status"], decided.data["paymentStatus"]) == (200, "approved", "captured")
    assert till.decide(made["id"]).code == "claim_decided"
    assert till.due(member["id"])["status"] == "paid"
    assert till.books() == {"asset.bank": PRICE, "revenue.dues": -100_000, "liability.gst_output": -18_000}
    assert till.receipt(shown["id"]).data["method"] == "upi"
    assert till.collections() == (PRICE, PRICE)
    assert [line["method"] for line in till.day()["lines"]] == ["upi"]
    assert till.void(shown["id"]).code == "not_voidable"


def test_a_refused_claim_leaves_the_fee_owed_and_the_number_free(till: Till) -> None:
    (member, due), (_, other) = till.join(0), till.join(1)
    made = till.claim(due["id"], token=till.student(member)).data
    assert till.decide(made["id"], "refuse").status == 422
    refused = till.decide(made["id"], "refuse", reason="no such credit").data
    assert (refused["status"], refused["paymentStatus"]) == ("refused", "failed")
    told = till.ask("payments", "GET", f"/payments/{made['paymentId']}", token=till.student(member)).data
    assert told["failure"] == "claim_refused: no such credit"
    assert till.claims() == []
    assert till.claims("?status=refused")[0]["reason"] == "no such credit"
    right = till.claim(other["id"])
    assert right.status == 201, "whoever really paid has the number"
    assert till.take(due["id"]).status == 201


def test_a_number_pays_once_whatever_it_is_called(till: Till) -> None:
    dues = [till.join(seat)[1]["id"] for seat in range(3)]
    assert till.claim(dues[0]).status == 201
    again = till.claim(dues[1])
    assert (again.status, again.code) == (409, "utr_used")
    till.decide(till.claims()[0]["id"])
    assert till.claim(dues[1]).code == "utr_used"
    assert till.take(dues[1], "bank", reference=RRN).code == "utr_used"
    assert till.take(dues[2], "bank", reference=OTHER).status == 201
    assert till.claim(dues[1], OTHER).code == "utr_used"
    assert till.books()["asset.bank"] == 2 * PRICE


def test_claims_that_say_too_little(till: Till) -> None:
    _, due = till.join()
    for wrong in ("41234567890", "4123456789012", "41234567890a", "", "\u0664" * 12):
        assert till.claim(due["id"], wrong).status == 422
    for wrong in (PRICE - 1, PRICE + 1):
        assert till.claim(due["id"], amountPaise=wrong).code == "amount_mismatch"
    for wrong in (1.5, "118000", -1, 2**63):
        assert till.claim(due["id"], amountPaise=wrong).status == 422
    assert till.claim(due["id"], paidAt=clock.now() + timedelta(hours=1)).status == 422
    assert till.claim(due["id"], proofFileId=str(ids.uuid7())).status == 422
    assert till.count("payments") == 0 == till.count("payment_claims")


def test_the_banks_list_decides_what_it_shows(till: Till) -> None:
    dues = [till.join(seat)[1]["id"] for seat in range(4)]
    assert till.claim(dues[0], RRN).data["status"] == "waiting"
    assert till.claim(dues[1], OTHER).data["status"] == "waiting"
    taken = till.statement((RRN, PRICE), (OTHER, PRICE - 100), ("612345678903", PRICE))
    assert taken.data == {"imported": 3, "known": 0, "ignored": 0, "approved": 1, "left": 1}
    assert till.statement((RRN, PRICE)).data == {"imported": 0, "known": 1, "ignored": 0, "approved": 0, "left": 0}
    (matched,) = till.claims("?status=approved")
    assert (matched["rrn"], matched["matched"]) == (RRN, True)
    at_once_ = till.claim(dues[2], "612345678903").data
    assert (at_once_["status"], at_once_["matched"], at_once_["paymentStatus"]) == ("approved", True, "captured")
    assert till.statement(("712345678904", PRICE)).data["imported"] == 1
    old = till.claim(dues[3], "712345678904", paidAt=clock.now() - timedelta(days=9))
    assert old.data["status"] == "waiting", "the bank's day is another: somebody has to look"
    assert till.books()["asset.bank"] == 2 * PRICE


def test_two_students_who_claim_one_transfer_at_once_pay_once(till: Till) -> None:
    found = [till.join(seat) for seat in range(4)]
    actors = [Actor.of(tokens.verify(till.student(member))) for member, _ in found]

    def claim(db: Db, who: int) -> str:
        try:
            asked = ClaimRequest(
                purpose="dues", purpose_id=found[who][1]["id"], rrn=RRN, amount_paise=PRICE, paid_at=clock.now()
            )
            return claims.claim(db, actors[who], asked).status
        except Problem as refusal:
            db.rollback()
            return refusal.code

    assert sorted(at_once(till.tenant, claim, range(4), clients=4)) == ["utr_used"] * 3 + ["waiting"]
    assert till.count("payments") == 1, "what was refused left nothing behind"
    (waiting,) = till.claims()

    def decide(db: Db, _: int) -> str:
        try:
            return claims.decide(db, UUID(waiting["id"]), Decision(decision="approve")).status
        except Problem as refusal:
            db.rollback()
            return refusal.code

    told = at_once(till.tenant, decide, range(4), clients=4)
    assert sorted(told) == ["approved"] + ["claim_decided"] * 3
    assert till.books()["asset.bank"] == PRICE
    assert (till.count("receipts"), till.count("payment_captures")) == (1, 1)


def test_the_bank_and_somebody_who_looks_decide_once(till: Till) -> None:
    for seat, rrn in enumerate((RRN, OTHER)):
        _, due = till.join(seat)
        made = till.claim(due["id"], rrn).data
        line = {"rrn": rrn, "amountPaise": PRICE, "creditedAt": clock.now().isoformat()}

        def run(db: Db, way: str, claim: str = made["id"], line: Any = line) -> str:
            try:
                if way == "bank":
                    asked = claims.Statement.model_validate_json(json.dumps({"lines": [line]}))
                    return str(claims.take_statement(db, asked).approved)
                return claims.decide(db, UUID(claim), Decision(decision="approve")).status
            except Problem as refusal:
                db.rollback()
                return refusal.code

        at_once(till.tenant, run, ["bank", "desk"], clients=2)
    assert till.books()["asset.bank"] == 2 * PRICE
    assert till.count("payment_captures") == 2


def test_money_found_too_late_for_its_seat_is_owed_back(shop: Shop) -> None:
    """The hold lapsed and somebody else has the seat: approved, the money is there, but buys nothing."""
    booking = shop.book()
    body = {
        "purpose": "booking", "purposeId": booking, "rrn": RRN, "amountPaise": 12_000,
        "paidAt": clock.now().isoformat(),
    }  # fmt: skip
    made = shop.world.call("collections", "POST", "/payments/upi/verify", shop.token, body)
    assert made.status == 201, made.json
    shop.pass_time(timedelta(minutes=20))
    assert (shop.scene.status(booking), shop.payment(made.data["paymentId"])["status"]) == ("expired", "expired")
    other = shop.scene.token(shop.scene.student())
    assert shop.scene.book(other, start=shop_start(), hours=2).status == 201
    path = f"/payments/upi/claims/{made.data['id']}/decision"
    decided = shop.world.call("collections", "POST", path, shop.owner, {"decision": "approve"}).data
    assert (decided["status"], decided["paymentStatus"]) == ("approved", "captured")
    assert shop.payment(made.data["paymentId"])["late"] is True
    books = shop.books()
    assert (books["asset.bank"], books["liability.refunds_due"]) == (12_000, -12_000)
    shop.background()
    (owed,) = shop.get("/refunds")
    assert (owed["status"], owed["gateway"], owed["amountPaise"]) == ("pending", "bank", 12_000)
    path = f"/refunds/{owed['id']}/retry"
    assert shop.world.call("payments", "POST", path, shop.owner, {}).data["status"] == "succeeded"
    assert not any(shop.books().values())


def test_a_seat_that_is_still_free_is_had_late(shop: Shop) -> None:
    booking = shop.book()
    body = {
        "purpose": "booking", "purposeId": booking, "rrn": RRN, "amountPaise": 12_000,
        "paidAt": clock.now().isoformat(),
    }  # fmt: skip
    made = shop.world.call("collections", "POST", "/payments/upi/verify", shop.token, body).data
    shop.pass_time(timedelta(minutes=20))
    path = f"/payments/upi/claims/{made['id']}/decision"
    assert shop.world.call("collections", "POST", path, shop.owner, {"decision": "approve"}).status == 200
    assert (shop.scene.status(booking), shop.books()["asset.bank"]) == ("confirmed", 12_000)


def test_a_transfer_that_a_gateway_took_is_nobodys_claim(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    from local.simulators import cashfree_books

    monkeypatch.setattr(cashfree_books.secrets, "randbelow", lambda most: int(RRN) if most == 10**12 else 1)
    first = shop.create(shop.book(days=1, hours=12), gateway="cashfree").data
    shop.verify(first["id"], shop.pay(first))
    shop.webhooks()
    shop.background()
    assert shop.count("payment_captures", f"rrn = '{RRN}'") == 1
    second = shop.book(days=2)
    body = {
        "purpose": "booking", "purposeId": second, "rrn": RRN, "amountPaise": 12_000,
        "paidAt": clock.now().isoformat(),
    }  # fmt: skip
    refused = shop.world.call("collections", "POST", "/payments/upi/verify", shop.token, body)
    assert (refused.status, refused.code) == (409, "utr_used")
    over = {"purpose": "booking", "purposeId": second, "method": "bank", "reference": RRN}
    answer = shop.world.call("payments", "POST", "/payments/offline", shop.owner, over, idempotency_key="o")
    assert answer.code == "utr_used"
    assert "asset.bank" not in shop.books()


def test_a_gateways_money_is_recorded_whatever_was_claimed_before(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from local.simulators import cashfree_books

    monkeypatch.setattr(cashfree_books.secrets, "randbelow", lambda most: int(RRN) if most == 10**12 else 1)
    claimed = shop.book(days=2)
    over = {"purpose": "booking", "purposeId": claimed, "method": "bank", "reference": RRN}
    path = "/payments/offline"
    assert shop.world.call("payments", "POST", path, shop.owner, over, idempotency_key="o").status == 201
    online = shop.create(shop.book(days=1, hours=12), gateway="cashfree").data
    assert shop.verify(online["id"], shop.pay(online)).data["status"] == "captured"
    assert "transfer_claimed_and_captured" in capsys.readouterr().out
    assert shop.net_captured() == 72_000


def moment(told: str) -> datetime:
    return datetime.fromisoformat(told)


def shop_start() -> Any:
    from tests.bookings.scene import next_day

    return next_day(10)
