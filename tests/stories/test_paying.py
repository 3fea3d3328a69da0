"""Paying over the running stack when clicks, devices, webhooks and gateways misbehave."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from local.proofs.people import Person, eventually
from local.proofs.running import Running

ONE_CAPTURE = "SELECT surplus, amount_paise FROM payment_captures WHERE payment_id = %s"
GATEWAYS = ["razorpay", "cashfree"]


def captured(stack: Running, payment: str) -> bool:
    return bool(stack.library.payment(payment)["status"] == "captured")


def settled_once(stack: Running, booking: str, payment: str) -> None:
    """Paid, active, booked once, receipted once."""
    price = stack.library.price_paise
    assert stack.rows(ONE_CAPTURE, payment) == [(False, price)]
    shown = stack.library.booking(booking)
    assert (shown["status"], shown["paymentId"]) == ("confirmed", payment)
    sums = "SELECT sum(e.amount_paise) FROM ledger_entries e JOIN ledger_transactions t ON t.id = e.transaction_id"
    about = f"{sums} JOIN payment_captures c ON c.id = t.reference_id WHERE c.payment_id = %s"
    assert stack.rows(about, payment) == [(0,)]
    assert stack.rows(f"{about} AND e.account LIKE 'revenue.%%'", payment) == [(-price,)]
    receipts = "SELECT count(*) FROM communications WHERE template_id = 'payment_receipt' AND about = %s"
    assert stack.rows(receipts, payment) == [(1,)]


def test_two_devices_of_one_student_hold_pay_and_confirm_once(stack: Running) -> None:
    phone, tablet = (Person(stack.url, stack.world["student"]) for _ in range(2))
    wish = {name: value for name, value in stack.library.wish().items() if name != "studentId"}
    with ThreadPoolExecutor(2) as both:
        held = list(both.map(lambda device: device.ask("POST", "/bookings", wish), (phone, tablet)))
        assert sorted(answer.status for answer in held) == [201, 409]
        booking = next(answer.data["id"] for answer in held if answer.status == 201)
        opened = list(both.map(lambda device: stack.library.create(booking, payer=device), (phone, tablet)))
        assert sorted(answer.status for answer in opened) == [201, 409]
        payment = next(answer.data for answer in opened if answer.status == 201)
        callback = stack.sandbox.pay(payment["gatewayOrderId"])
        proof = {"paymentId": payment["id"], "callback": callback}
        told = list(both.map(lambda device: device.ask("POST", "/payments/verify", proof), (phone, tablet)))
    assert {answer.must(200)["status"] for answer in told} <= {"captured", "pending"}
    eventually(lambda: captured(stack, payment["id"]), "it is captured")
    settled_once(stack, booking, payment["id"])


def test_after_it_is_paid_nobody_pays_again(stack: Running) -> None:
    booking, payment = stack.library.opened()
    stack.library.verify(payment["id"], stack.sandbox.pay(payment["gatewayOrderId"])).must(200)
    eventually(lambda: captured(stack, payment["id"]), "it is captured")
    again = stack.library.create(booking)
    assert (again.status, again.code) == (409, "already_paid")


@pytest.mark.parametrize("gateway", GATEWAYS)
@pytest.mark.parametrize("webhook", ["normal", "duplicate", "late", "reordered"])
def test_the_webhook_alone_confirms_once(stack: Running, gateway: str, webhook: str) -> None:
    """The app never came back; the vendor's word suffices, however it arrives."""
    booking, payment = stack.library.opened(gateway=gateway)
    stack.sandbox.pay(payment["gatewayOrderId"], webhook=webhook, delay_ms=300 if webhook == "late" else 0)
    eventually(lambda: captured(stack, payment["id"]), "it is captured")
    eventually(lambda: not stack.stage.simulators.pending_deliveries(), "every webhook was accepted")
    settled_once(stack, booking, payment["id"])


@pytest.mark.parametrize("gateway", GATEWAYS)
def test_callback_and_webhook_race_to_one_capture(stack: Running, gateway: str) -> None:
    booking, payment = stack.library.opened(gateway=gateway)
    callback = stack.sandbox.pay(payment["gatewayOrderId"], webhook="duplicate")
    with ThreadPoolExecutor(3) as app:
        told = list(app.map(lambda _: stack.library.verify(payment["id"], callback), range(3)))
    assert {answer.status for answer in told} == {200}
    eventually(lambda: captured(stack, payment["id"]), "it is captured")
    settled_once(stack, booking, payment["id"])


@pytest.mark.parametrize("gateway", GATEWAYS)
@pytest.mark.parametrize("webhook", ["lost", "bad_signature"])
def test_without_a_believable_webhook_the_gateway_is_asked(stack: Running, gateway: str, webhook: str) -> None:
    booking, payment = stack.library.opened(gateway=gateway)
    stack.sandbox.pay(payment["gatewayOrderId"], webhook=webhook)
    stack.sandbox.advance("PT2M")
    eventually(lambda: captured(stack, payment["id"]), "it is captured")
    settled_once(stack, booking, payment["id"])


def test_a_forged_webhook_pays_nothing(stack: Running) -> None:
    booking, payment = stack.library.opened()
    callback = stack.sandbox.pay(payment["gatewayOrderId"], "failure", webhook="bad_signature")
    eventually(lambda: not stack.stage.simulators.pending_deliveries(), "the forged one was tried")
    forged = {**callback, "razorpay_order_id": payment["gatewayOrderId"], "razorpay_payment_id": "pay_guessed",
              "razorpay_signature": "0" * 64}  # fmt: skip
    refused = stack.library.verify(payment["id"], forged)
    assert (refused.status, refused.code) == (401, "bad_signature")
    assert stack.rows(ONE_CAPTURE, payment["id"]) == []
    assert stack.library.booking(booking)["status"] == "pending_payment"


def test_after_a_time_out_with_effect_the_other_gateway_is_used_and_a_second_capture_goes_back(stack: Running) -> None:
    """The order was made and its answer lost; money that comes in through it all the same is refunded, both visible."""
    stack.sandbox.fault("razorpay", "timeout_after_effect", "create_order", ms=7000)
    booking, payment = stack.library.opened()
    assert payment["gateway"] == "cashfree"
    mine = {row[0] for row in stack.rows("SELECT reference FROM payment_attempts WHERE payment_id = %s", payment["id"])}
    orders = stack.sandbox.ask("GET", "/payments").must(200)
    orphan = next(o for o in orders if o["reference"] in mine and o["gateway"] == "razorpay")
    stack.library.verify(payment["id"], stack.sandbox.pay(payment["gatewayOrderId"])).must(200)
    stack.sandbox.pay(orphan["gatewayOrderId"])

    def returned() -> bool:
        query = "SELECT kind, status FROM refunds WHERE payment_id = %s"
        return stack.rows(query, payment["id"]) == [("automatic", "succeeded")]

    eventually(lambda: captured(stack, payment["id"]), "it is captured")
    stack.sandbox.advance("PT6M")
    eventually(returned, "the second capture went back")
    surplus = stack.rows(f"{ONE_CAPTURE} ORDER BY surplus", payment["id"])
    assert surplus == [(False, stack.library.price_paise), (True, stack.library.price_paise)]
    assert stack.library.booking(booking)["status"] == "confirmed"
    assert "refund" in stack.library.kinds(payment["id"])
