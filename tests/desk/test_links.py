"""Links that ask for a payment: whoever has one sees what for, pays without signing in, and learns nothing else."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from studyspot.credits.service import grant

from tests.desk.till import PRICE, Till
from tests.fulfilment.shop import Shop
from tests.world import Answer, World


@pytest.fixture
def till(world: World) -> Till:
    found = Till(world)
    with world.db(found.tenant) as db:
        grant(db, "sms", 100, "trial")
    return found


def open_(till: Till, code: str) -> Answer:
    return till.world.call("collections", "GET", f"/payments/links/{code}")


def test_who_may_not_make_or_cancel_one(till: Till) -> None:
    member, due = till.join()
    stranger = till.world.tenant().owner
    assert till.link(due["id"], till.student(member)).status == 403
    assert till.link(due["id"], stranger).status == 404
    assert till.ask("collections", "POST", "/payments/links", {}).code == "bad_request"
    made = till.link(due["id"], till.desk.scene.staff()).data
    path = f"/payments/links/{made['id']}"
    assert till.ask("collections", "DELETE", path, token=stranger).status == 404
    assert till.ask("collections", "DELETE", path, token=till.student(member)).status == 403
    assert open_(till, made["code"]).data["status"] == "open"


def test_a_link_is_sent_and_tells_nothing_of_whose_it_is(till: Till) -> None:
    member, due = till.join()
    made = till.link(due["id"])
    assert (made.status, made.data["status"], made.data["amountPaise"]) == (201, "open", PRICE)
    assert made.data["url"].endswith(f"/pay/{made.data['code']}")
    sent = till.sql("SELECT body FROM communications WHERE template_id = 'payment_link'")
    assert f"/pay/{made.data['code']}" in sent and "Rs 1180" in sent
    seen = open_(till, made.data["code"])
    assert (seen.status, seen.data["amountPaise"], seen.data["description"]) == (200, PRICE, "Month")
    told = json.dumps(seen.json)
    student = till.sql("SELECT first_name || '|' || phone FROM students LIMIT 1").split("|")
    assert not [secret for secret in (*student, member["studentId"], member["id"], due["id"]) if secret in told]
    quiet = till.link(due["id"], send="none").data
    assert quiet["sentTo"] is None


def test_a_code_that_nobody_has_and_one_of_a_stopped_organisation(till: Till) -> None:
    _, due = till.join()
    made = till.link(due["id"]).data
    assert open_(till, "aaaaaaaaaa").status == 404 == open_(till, "../../x").status
    with till.world.db(till.tenant) as db:
        db.run("UPDATE tenant_gate SET status = 'suspended'")
    assert open_(till, made["code"]).status == 404


def test_a_link_ends_when_it_is_paid_cancelled_or_over(till: Till) -> None:
    dues = [till.join(seat)[1]["id"] for seat in range(3)]
    paid, cancelled, over = (till.link(due, validHours=2).data for due in dues)
    till.take(dues[0])
    assert open_(till, paid["code"]).data["status"] == "paid"
    for _ in range(2):
        assert till.ask("collections", "DELETE", f"/payments/links/{cancelled['id']}").status == 204
    assert open_(till, cancelled["code"]).data["status"] == "cancelled"
    till.world.advance(timedelta(hours=3))
    assert open_(till, over["code"]).data["status"] == "expired"
    refusals = [pay(till.world, link["code"]) for link in (paid, cancelled, over)]
    assert [(r.status, r.code) for r in refusals] == [
        (409, "already_paid"), (410, "link_closed"), (410, "link_closed")
    ]  # fmt: skip


def test_whoever_has_the_link_pays_at_a_gateway(shop: Shop) -> None:
    booking = shop.book()
    body = {"purpose": "booking", "purposeId": booking}
    made = shop.world.call("collections", "POST", "/payments/links", shop.owner, body, idempotency_key="l").data
    opened = pay(shop.world, made["code"])
    assert opened.status == 201, opened.json
    assert str(shop.student) not in opened.raw.decode()
    payment = shop.payment(opened.data["paymentId"])
    shop.pay(payment)
    shop.webhooks()
    shop.background()
    assert (shop.scene.status(booking), shop.payment(payment["id"])["status"]) == ("confirmed", "captured")
    assert shop.world.call("collections", "GET", f"/payments/links/{made['code']}").data["status"] == "paid"
    assert pay(shop.world, made["code"]).code == "already_paid"
    assert shop.books()["revenue.booking"] == -12_000


def test_or_to_the_organisations_own_address(till: Till) -> None:
    member, due = till.join()
    code = till.link(due["id"], send="none").data["code"]
    assert pay(till.world, code, through="own").code == "no_upi_address"
    assert till.count("payments") == 0
    till.policies(upiAddress="silent@okbank")
    assert open_(till, code).data["upi"] is True
    first, again = (pay(till.world, code, through="own").data for _ in range(2))
    assert first["intent"].startswith("upi://pay?pa=silent@okbank") and first["paymentId"] == again["paymentId"]
    claimed = till.claim(due["id"], token=till.student(member)).data
    assert claimed["paymentId"] == first["paymentId"]
    till.decide(claimed["id"])
    assert open_(till, code).data["status"] == "paid"


def pay(world: World, code: str, **body: Any) -> Answer:
    return world.call("collections", "POST", f"/payments/links/{code}/pay", None, body)
