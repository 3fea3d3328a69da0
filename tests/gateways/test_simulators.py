"""The simulators keep their word: webhooks, faults, refusals and a memory that outlives the process."""

from __future__ import annotations

import http.server
import sqlite3
import threading
from typing import Any

import pytest
from studyspot.kit.errors import BadSignature

from local.simulators import Keys, Refused, Simulators


def test_a_duplicate_is_the_same_event_twice(
    razorpay: Any, cashfree: Any, order_at: Any, world: Simulators, product: Any
) -> None:
    world.pay(order_at(razorpay).id, "success", webhook="duplicate")
    world.pay(order_at(cashfree).id, "success", webhook="duplicate")
    world.deliver()
    told = [razorpay.parse_webhook(raw, headers).event_id for _, raw, headers in product.received[:6]]
    assert len(told) == 6 and len(set(told)) == 3
    assert len({cashfree.parse_webhook(raw, headers).event_id for _, raw, headers in product.received[6:]}) == 1


def test_reordered_means_the_last_first(razorpay: Any, order_at: Any, world: Simulators, product: Any) -> None:
    world.pay(order_at(razorpay).id, "success", webhook="reordered")
    world.deliver()
    types = [razorpay.parse_webhook(raw, headers).type for _, raw, headers in product.received]
    assert types == ["order.paid", "payment.captured", "payment.authorized"]


def test_a_lost_one_never_comes(razorpay: Any, order_at: Any, world: Simulators, product: Any) -> None:
    world.pay(order_at(razorpay).id, "success", webhook="lost")
    assert world.deliver() == 0 and world.pending_deliveries() == []


def test_a_late_one_waits(razorpay: Any, order_at: Any, world: Simulators) -> None:
    world.pay(order_at(razorpay).id, "success", webhook="late", delay_ms=60_000)
    assert world.deliver() == 0 and len(world.pending_deliveries()) == 3


@pytest.mark.parametrize("vendor", ["razorpay", "cashfree"])
def test_a_forged_one_is_refused_and_not_repeated(
    vendor: str, request: pytest.FixtureRequest, order_at: Any, world: Simulators, product: Any, clock: Any
) -> None:
    gateway = request.getfixturevalue(vendor)
    world.pay(order_at(gateway).id, "failure", webhook="bad_signature")
    product.answers = [401]
    world.deliver()
    ((_, raw, headers),) = product.received
    with pytest.raises(BadSignature):
        gateway.verify_webhook(raw, headers, clock.now())
    assert world.pending_deliveries() == []


def test_a_refused_webhook_stays_for_another_attempt(
    cashfree: Any, order_at: Any, world: Simulators, product: Any
) -> None:
    world.pay(order_at(cashfree).id, "success")
    product.answers = [500]
    assert world.deliver() == 1
    (waiting,) = world.pending_deliveries()
    assert (waiting["attempts"], waiting["status"]) == (1, 500)


def test_webhooks_travel_over_real_http(tmp_path: Any, clock: Any) -> None:
    arrived: list[tuple[str, str | None]] = []
    done = threading.Event()

    class Receiver(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            arrived.append((self.path, self.headers["x-razorpay-event-id"]))
            self.send_response(200)
            self.end_headers()
            if len(arrived) == 1:
                done.set()

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    with http.server.HTTPServer(("127.0.0.1", 0), Receiver) as server:
        serving = threading.Thread(target=server.serve_forever, daemon=True)
        serving.start()
        url = f"http://127.0.0.1:{server.server_port}"
        world = Simulators(tmp_path, product_url=url, keys=Keys(), templates={}, clock=clock.now)
        world.start()
        world._deliveries.send("razorpay", [("evt_1", b"{}")])
        assert done.wait(timeout=10)
        world.stop()
        server.shutdown()
        serving.join()
    assert arrived == [("/api/v1/payments/webhook/razorpay", "evt_1")]


def test_state_outlives_the_process(
    razorpay: Any, cashfree: Any, order_at: Any, world: Simulators, open_world: Any
) -> None:
    orders = {order_at(razorpay).id, order_at(cashfree).id}
    world.pay(order_at(razorpay, "ref-0002").id, "success", webhook="late")
    world.add_fault({"target": "cashfree", "fault": "down", "times": 3})
    # a second set on the same file, while the first was never closed: what kill -9 leaves behind
    again = open_world()
    assert orders < {each["gatewayOrderId"] for each in again.orders()}
    assert len(again.pending_deliveries()) == 3
    assert again.faults()[0]["times"] == 3
    again.stop()
    with pytest.raises(sqlite3.ProgrammingError):
        again.orders()


def test_a_fault_counts_down_and_can_be_cleared(world: Simulators) -> None:
    world.add_fault({"target": "queue", "fault": "down", "operation": "send", "times": 2})
    assert world.take_fault("queue", "receive") is None
    assert [bool(world.take_fault("queue", "send")) for _ in range(3)] == [True, True, False]
    world.add_fault({"target": "bus", "fault": "down"})
    assert world.take_fault("bus", "anything") and world.take_fault("bus", "anything")
    world.clear_faults()
    assert world.faults() == []


@pytest.mark.parametrize(
    "fault",
    [{}, {"target": "razorpay"}, {"target": "", "fault": "down"}, {"target": "razorpay", "fault": "odd"},
     {"target": "razorpay", "fault": "down", "times": 0}, {"target": "razorpay", "fault": "slow", "ms": "5"},
     {"target": "razorpay", "fault": "down", "extra": 1}],
)  # fmt: skip
def test_an_unknown_fault_is_refused(world: Simulators, fault: Any) -> None:
    with pytest.raises(Refused) as refused:
        world.add_fault(fault)
    assert refused.value.status == 422 and world.faults() == []


def test_words_the_sandbox_does_not_have_are_refused(razorpay: Any, order_at: Any, world: Simulators) -> None:
    order = order_at(razorpay)
    for outcome, webhook in (("won", "normal"), ("success", "soon")):
        with pytest.raises(Refused) as refused:
            world.pay(order.id, outcome, webhook=webhook)
        assert refused.value.status == 422
    with pytest.raises(Refused) as refused:
        world.pay("order_unknown", "success")
    assert refused.value.status == 404
    assert razorpay.fetch_payment_of(order.id) == []


def test_dropping_out_leaves_an_order_that_can_be_paid(
    razorpay: Any, cashfree: Any, order_at: Any, world: Simulators
) -> None:
    order = order_at(razorpay)
    assert world.pay(order.id, "drop") == {}
    assert razorpay.fetch_payment_of(order.id) == []
    order = order_at(cashfree)
    world.pay(order.id, "drop")
    assert [each.status for each in cashfree.fetch_payment_of(order.id)] == ["failed"]
    assert cashfree.find_order(order.id).status == "created"


@pytest.mark.parametrize(
    ("change", "message"),
    [({"order_id": "a b"}, "order_id"), ({"order_currency": "USD"}, "currency"),
     ({"customer_details": None}, "customer"), ({"order_expiry_time": "2020-01-01T00:00:00+05:30"}, "expiry"),
     ({"order_tags": {"a": 1}}, "order_tags")],
)  # fmt: skip
def test_cashfree_refuses_what_the_vendor_refuses(cashfree: Any, change: Any, message: str) -> None:
    customer = {"customer_id": "c12", "customer_phone": "9876543210"}
    body = {"order_id": "ref-0001", "order_currency": "INR", "customer_details": customer}
    with pytest.raises(Exception, match=message):
        cashfree.call("POST", "/orders", 5, body | change, ("order_amount", 100))


@pytest.mark.parametrize("amount", ['"499.00"', "0.99", "1.005", "true", "null", "-5"])
def test_cashfree_takes_numbers_of_rupees_only(base_url: str, amount: str) -> None:
    import requests

    keys = Keys()
    headers = {"x-client-id": keys.cashfree_client_id, "x-client-secret": keys.cashfree_client_secret,
               "x-api-version": "2025-01-01"}  # fmt: skip
    body = f'{{"order_amount": {amount}, "order_currency": "INR"}}'
    answer = requests.post(f"{base_url}/cashfree/pg/orders", data=body, headers=headers, timeout=5)
    assert (answer.status_code, answer.json()["code"]) == (400, "order_amount_invalid")


def test_what_is_not_there_is_not_found(base_url: str) -> None:
    import requests

    assert requests.get(f"{base_url}/nobody/x", timeout=5).status_code == 404
    assert requests.post(f"{base_url}/ses/v2/email/outbound-emails", timeout=5).status_code == 403
    assert requests.post(f"{base_url}/razorpay/v1/orders", json={}, timeout=5).status_code == 401


def test_a_vendor_with_real_keys_is_left_alone() -> None:
    environment = Keys().environment("http://127.0.0.1:3000/sim/", without={"razorpay"})
    assert environment["CASHFREE_BASE_URL"] == "http://127.0.0.1:3000/sim/cashfree/pg"
    assert not any(name.startswith("RAZORPAY") for name in environment)
