"""A student pays for a seat: the first day's story, and what people do instead of following it."""

from __future__ import annotations

import threading
from datetime import timedelta

from studyspot.kit import ids

from tests.fulfilment.shop import Shop


def test_who_may_not_pay(shop: Shop) -> None:
    booking = shop.book()
    stranger = shop.world.token("student", shop.tenant)
    foreign = shop.world.token("student", shop.world.tenant().id)
    assert shop.world.call("payments", "POST", "/payments/create", None, {"x": 1}).status == 401
    assert shop.create(booking, token=stranger).status == 404
    assert shop.create(booking, token=foreign).status == 404
    assert shop.count("payments") == 0


def test_the_first_day(shop: Shop) -> None:
    booking = shop.book()
    answer = shop.create(booking, amountPaise=12000, gateway="auto", key="k1")
    assert answer.status == 201, answer.json
    payment = answer.data
    assert (payment["status"], payment["amountPaise"], payment["currency"]) == ("created", 12000, "INR")
    assert payment["gateway"] == "razorpay"
    assert payment["checkout"]["orderId"] == payment["gatewayOrderId"]
    assert payment["routing"]["reason"] == "lowest_cost"
    assert {c["gateway"] for c in payment["routing"]["candidates"]} == {
        "razorpay", "cashfree", "paytm", "stripe",
    }  # fmt: skip
    assert shop.scene.status(booking) == "pending_payment"

    callback = shop.pay(payment)
    verified = shop.verify(payment["id"], callback)
    assert (verified.status, verified.data["status"]) == (200, "captured")
    seen = shop.world.call("bookings", "GET", f"/bookings/{booking}", shop.token).data
    assert (seen["status"], seen["paymentId"]) == ("confirmed", payment["id"])
    assert shop.receipts() == 1

    shop.webhooks()
    shop.background()
    assert shop.receipts() == 1
    kinds = shop.kinds(payment["id"])
    assert kinds[:6] == ["created", "routing", "attempt", "handed_over", "callback", "captured"], kinds
    assert {"ledger", "webhook"} <= set(kinds)
    assert shop.books() == {
        "asset.gateway_receivable.razorpay": 12000 - 283,
        "asset.gst_input": 43,
        "expense.gateway_fees": 240,
        "revenue.booking": -12000,
    }


def test_a_booking_dearer_than_six_hundred_rupees_goes_to_cashfree(shop: Shop) -> None:
    booking = shop.book(hours=12)
    payment = shop.create(booking).data
    assert (payment["gateway"], payment["amountPaise"]) == ("cashfree", 72000)
    assert set(payment["checkout"]) == {"paymentSessionId", "mode"}
    callback = shop.pay(payment)
    assert callback == {"orderId": payment["gatewayOrderId"]}
    assert shop.verify(payment["id"], callback).data["status"] == "captured"
    assert shop.scene.status(booking) == "confirmed"
    assert shop.books()["revenue.booking"] == -72000


def test_pay_clicked_twice_gives_one_payment(shop: Shop) -> None:
    booking = shop.book()
    first = shop.create(booking).data
    second = shop.create(booking)
    assert (second.status, second.code, second.json["paymentId"]) == (409, "payment_in_progress", first["id"])
    assert shop.count("payments") == 1
    assert len(shop.simulators.orders()) == 1


def test_the_same_key_gives_the_same_answer(shop: Shop) -> None:
    booking = shop.book()
    first, again = shop.create(booking, key="k"), shop.create(booking, key="k")
    assert (again.status, again.raw) == (201, first.raw)
    assert len(shop.simulators.orders()) == 1


def test_a_wrong_amount_creates_nothing(shop: Shop) -> None:
    booking = shop.book()
    answer = shop.create(booking, amountPaise=11999)
    assert (answer.status, answer.code) == (400, "amount_mismatch")
    assert shop.count("payments") == 0
    assert shop.simulators.orders() == []
    assert shop.scene.status(booking) == "held"


def test_two_devices_at_once_get_one_order(shop: Shop) -> None:
    """Two processes: the handler itself takes one request at a time, so the second runs on a connection of its own."""
    from studyspot.fulfilment import service
    from studyspot.kit import cells
    from studyspot.kit.auth import Actor
    from studyspot.kit.connections import Connection
    from studyspot.kit.db import Db
    from studyspot.kit.errors import Problem
    from studyspot.kit.tokens import verify
    from studyspot.payments.models import PayRequest

    booking = shop.book()
    actor = Actor.of(verify(shop.token))
    outcomes: list[str] = []
    start = threading.Barrier(2)

    def device() -> None:
        db = Db(Connection(cells.place_of(shop.tenant)), shop.tenant, actor)
        core = Db(Connection(cells.core_place()), ids.PLATFORM, actor)
        start.wait()
        try:
            shown = service.pay(db, core, actor, PayRequest(purpose="booking", purpose_id=booking))
            db.commit()
            outcomes.append(str(shown.status))
        except Problem as refused:
            outcomes.append(refused.code)
        finally:
            db.connection.pg.close()
            core.connection.pg.close()

    devices = [threading.Thread(target=device) for _ in range(2)]
    for each in devices:
        each.start()
    for each in devices:
        each.join()
    assert sorted(outcomes) == ["created", "payment_in_progress"]
    assert (shop.count("payments"), len(shop.simulators.orders())) == (1, 1)


def test_what_is_paid_is_not_paid_again(shop: Shop) -> None:
    booking = shop.book()
    payment = shop.create(booking).data
    shop.verify(payment["id"], shop.pay(payment))
    assert (shop.create(booking).status, shop.create(booking).code) == (409, "already_paid")


def test_a_purpose_that_is_sold_nowhere_yet(shop: Shop) -> None:
    for purpose in ("service_activation", "service_booking", "subscription"):
        body = {"purpose": purpose, "purposeId": ids.uuid7()}
        answer = shop.world.call("payments", "POST", "/payments/create", shop.token, body)
        assert (answer.status, answer.code) == (422, "purpose_not_payable")


def test_what_a_member_owes_is_paid_once(shop: Shop) -> None:
    wish = {"studentId": shop.student, "feePlanId": shop.scene.monthly, "libraryId": shop.scene.library}
    member = shop.world.call("memberships", "POST", "/memberships", shop.owner, wish).data
    renewed = shop.world.call(
        "memberships", "POST", f"/memberships/{member['id']}/renew", shop.token, {}, idempotency_key="r"
    ).data
    for purpose, payable in (("membership", member["id"]), ("dues", renewed["due"]["id"])):
        payment = shop.create(payable, purpose=purpose).data
        assert payment["amountPaise"] == 6000
        shop.verify(payment["id"], shop.pay(payment))
        assert shop.create(payable, purpose=purpose).code == "already_paid"
    shown = shop.world.call("memberships", "GET", f"/memberships/{member['id']}", shop.token).data
    assert (shown["duesPaise"], shown["endDate"]) == (0, renewed["period"]["endDate"])
    stranger = shop.scene.token(shop.scene.student())
    assert shop.create(member["id"], stranger, purpose="membership").status == 404


def test_a_declined_payment_can_be_tried_again(shop: Shop) -> None:
    booking = shop.book()
    payment = shop.create(booking).data
    callback = shop.pay(payment, "failure")
    assert shop.verify(payment["id"], callback).data["status"] == "failed"
    again = shop.create(booking)
    assert again.status == 201
    shop.verify(again.data["id"], shop.pay(again.data))
    assert shop.scene.status(booking) == "confirmed"


def test_a_cancelled_payment_frees_the_way_and_its_order_is_ended(shop: Shop) -> None:
    booking = shop.book(hours=12)
    payment = shop.create(booking).data
    path = f"/payments/{payment['id']}/cancel"
    assert shop.world.call("payments", "POST", path, shop.world.token("student", shop.tenant)).status == 404
    assert shop.world.call("payments", "POST", path, shop.token).data["status"] == "cancelled"
    assert shop.world.call("payments", "POST", path, shop.token).code == "state_conflict"
    shop.background()
    assert shop.simulators.orders()[0]["status"] == "terminated"
    assert shop.create(booking).status == 201


def test_verify_refuses_what_is_not_ours(shop: Shop) -> None:
    one, two = shop.book(), shop.book(days=2)
    mine, other = shop.create(one).data, shop.create(two).data
    callback = shop.pay(mine)
    forged = callback | {"razorpay_signature": "0" * 64}
    assert shop.verify(mine["id"], forged).code == "bad_signature"
    for signature in (None, "", 7, "é", "z" * 64, callback["razorpay_signature"].upper()):
        assert shop.verify(mine["id"], callback | {"razorpay_signature": signature}).status == 401
    # a genuine signature over somebody else's, paid, order
    assert shop.verify(other["id"], callback).status == 404
    assert shop.verify(mine["id"], callback, token=shop.world.token("student", shop.tenant)).status == 404
    assert shop.payment(other["id"])["status"] == "created"
    assert shop.scene.status(two) == "pending_payment"


def test_a_callback_that_proves_nothing_yet_is_pending(shop: Shop) -> None:
    booking = shop.book()
    payment = shop.create(booking).data
    callback = shop.pay(payment, "pending")
    assert shop.verify(payment["id"], callback).data["status"] == "pending"
    shop.fault("razorpay", "down", "fetch", times=3)
    assert shop.verify(payment["id"], callback).data["status"] == "pending"
    shop.simulators.clear_faults()
    shop.pay(payment, "success", webhook="lost")
    shop.pass_time(timedelta(seconds=61))
    assert shop.payment(payment["id"])["status"] == "captured"


def test_lists_show_students_their_own(shop: Shop) -> None:
    booking = shop.book()
    payment = shop.create(booking).data
    other = shop.world.token("student", shop.tenant, shop.scene.student())
    ids_of = lambda answer: [p["id"] for p in answer.data]  # noqa: E731
    call = shop.world.call
    assert ids_of(call("payments", "GET", "/payments", shop.owner)) == [payment["id"]]
    assert ids_of(call("payments", "GET", "/payments", shop.token)) == [payment["id"]]
    assert ids_of(call("payments", "GET", "/payments", other)) == []
    assert ids_of(call("payments", "GET", "/payments?status=captured", shop.owner)) == []
    assert call("payments", "GET", f"/payments/{payment['id']}", other).status == 404
    assert call("payments", "GET", f"/payments/{payment['id']}/timeline", shop.token).status == 403
