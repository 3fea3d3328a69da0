"""A vendor that is down, slow, lying or busy, and what the caller may do next."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from studyspot.gateways.failures import (
    GatewayBusy,
    GatewayDown,
    GatewayFailure,
    GatewayRejected,
    GatewayTimeout,
    Next,
)
from studyspot.gateways.razorpay import Razorpay, read_error
from studyspot.gateways.wire import VendorSession

from local.simulators import Simulators


@pytest.fixture(params=["razorpay", "cashfree"])
def gateway(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize(
    ("fault", "failure", "kind"),
    [
        ("down", GatewayDown, Next.RETRY_OTHER),
        ("error_500", GatewayDown, Next.RETRY_OTHER),
        ("rate_limit", GatewayBusy, Next.RETRY_OTHER),
        ("reject", GatewayRejected, Next.TERMINAL),
    ],
)
def test_a_refused_create_says_what_next(
    gateway: Any, order_at: Any, world: Simulators, fault: str, failure: type[GatewayFailure], kind: Next
) -> None:
    world.add_fault({"target": gateway.name, "fault": fault, "operation": "create_order", "times": 1})
    with pytest.raises(failure) as refused:
        order_at(gateway)
    assert (refused.value.kind, refused.value.vendor) == (kind, gateway.name)
    assert refused.value.retry_after == (1.0 if fault == "rate_limit" else None)
    assert (refused.value.status, refused.value.code) == (502, "gateway_error")
    assert world.orders() == [] and world.faults() == []
    order_at(gateway)


def test_the_vendors_words_are_kept(razorpay: Razorpay, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(GatewayRejected) as refused:
        razorpay.call("order.create", {"amount": "1", "currency": "INR"}, timeout=5)
    error = refused.value
    assert (error.http_status, error.vendor_code, error.field) == (400, "BAD_REQUEST_ERROR", "amount")
    assert error.reason == "input_validation_failed" and "integer" in str(error)
    assert error.detail == "The vendor refused this very request."  # never the vendor's words
    assert capsys.readouterr().out == ""


def test_a_timeout_after_the_effect_is_unknown_and_can_be_looked_up(
    gateway: Any, payer: Any, clock: Any, world: Simulators
) -> None:
    world.add_fault({"target": gateway.name, "fault": "timeout_after_effect", "operation": "create_order"})
    with pytest.raises(GatewayTimeout) as lost:
        gateway.create_order("ref-0001", 49_900, "INR", payer, _later(clock), {}, "https://a.example", timeout=0.5)
    assert lost.value.kind is Next.UNKNOWN
    assert gateway.find_order("ref-0001").amount_paise == 49_900


def test_a_timeout_without_effect_looks_the_same_but_left_nothing(
    gateway: Any, payer: Any, clock: Any, world: Simulators
) -> None:
    world.add_fault({"target": gateway.name, "fault": "timeout", "operation": "create_order", "times": 1})
    with pytest.raises(GatewayTimeout):
        gateway.create_order("ref-0001", 49_900, "INR", payer, _later(clock), {}, "https://a.example", timeout=0.3)
    assert gateway.find_order("ref-0001") is None


def test_a_slow_answer_is_still_an_answer(gateway: Any, order_at: Any, world: Simulators) -> None:
    world.add_fault({"target": gateway.name, "fault": "slow", "ms": 20})
    assert order_at(gateway).status == "created"


def _later(clock: Any) -> Any:
    from datetime import timedelta

    return clock.now() + timedelta(minutes=15)


def test_reads_are_tried_again_with_a_growing_pause(world: Simulators, base_url: str) -> None:
    pauses: list[float] = []
    session = VendorSession("razorpay", read_error, pauses.append)
    auth = (world.keys.razorpay_key_id, world.keys.razorpay_key_secret)
    with session:
        world.add_fault({"target": "razorpay", "fault": "down", "times": 2})
        answer = session.get(f"{base_url}/razorpay/v1/orders", auth=auth, timeout=60)
        assert answer.json()["items"] == []
        assert len(pauses) == 2 and all(0 <= pause <= 2 for pause in pauses)
        world.add_fault({"target": "razorpay", "fault": "rate_limit", "times": 3})
        with pytest.raises(GatewayBusy):
            session.get(f"{base_url}/razorpay/v1/orders", auth=auth, timeout=60)
        assert pauses[2:] == [1.0, 1.0]
        world.add_fault({"target": "razorpay", "fault": "down"})
        with pytest.raises(GatewayDown):
            session.post(f"{base_url}/razorpay/v1/orders", auth=auth, json={}, timeout=60)
        assert len(pauses) == 4


def test_a_read_stops_trying_when_its_time_is_up(world: Simulators, base_url: str) -> None:
    world.add_fault({"target": "razorpay", "fault": "rate_limit"})
    auth = (world.keys.razorpay_key_id, world.keys.razorpay_key_secret)
    with VendorSession("razorpay", read_error, pytest.fail) as session, pytest.raises(GatewayBusy):
        session.get(f"{base_url}/razorpay/v1/orders", auth=auth, timeout=0.9)
    with VendorSession("razorpay", read_error) as session, pytest.raises(GatewayDown, match="no time"):
        session.post(f"{base_url}/razorpay/v1/orders", auth=auth, timeout=0.0)


def test_a_refused_connection_may_be_tried_again(order_at: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(GatewayDown) as refused:
        order_at(Razorpay("key", "secret", ("hook",), f"http://127.0.0.1:{port}"))
    assert refused.value.kind is Next.RETRY_SAME


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{", b"garbage\r\n\r\n"])
def test_a_connection_that_breaks_off_leaves_the_outcome_unknown(order_at: Any, answer: bytes) -> None:
    with pytest.raises(GatewayTimeout):
        order_at(Razorpay("key", "secret", ("hook",), _one_answer(answer)))


@pytest.mark.parametrize("body", [b"<html>ok</html>", b"[]", b"\xff"])
def test_an_accepted_call_with_an_unreadable_answer_is_unknown(order_at: Any, body: bytes) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
    with pytest.raises(GatewayTimeout):
        order_at(Razorpay("key", "secret", ("hook",), _one_answer(head + body)))


def _one_answer(answer: bytes) -> str:
    """The address of a listener that says this to its first caller and hangs up."""
    import threading

    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with listening, listening.accept()[0] as caller:
            caller.recv(65536)
            caller.sendall(answer)

    threading.Thread(target=serve, daemon=True).start()
    return f"http://127.0.0.1:{listening.getsockname()[1]}"
