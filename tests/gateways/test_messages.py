"""SMS through MSG91 and mail through SES: accepted, refused, reported, and kept in the outbox."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from studyspot.gateways import ses
from studyspot.gateways.failures import GatewayBusy, GatewayDown, GatewayRejected, GatewayTimeout, UnreadableEvent
from studyspot.gateways.msg91 import Msg91, parse_delivery_report
from studyspot.kit.settings import Settings

from local.simulators import Simulators, Template


def test_an_otp_is_rendered_shown_and_reported(
    msg91: Msg91, world: Simulators, product: Any, console: list[str], clock: Any
) -> None:
    request_id = msg91.send("otp_login", "+919876543210", ["482913", "login"])
    (message,) = world.outbox(channel="sms", to="98765 43210")
    assert message["body"] == "482913 is your code for login."
    assert (message["templateId"], message["to"]) == ("otp_login", "+919876543210")
    assert message["variables"] == {"code": "482913", "purpose": "login"}
    assert console == ["OTP 482913 → +919876543210, login, 5 min"]
    world.deliver()
    ((url, raw, headers),) = product.received
    assert url.startswith("http://product.test/api/v1/messaging/webhook/msg91/")
    (report,) = parse_delivery_report(raw, headers["Content-Type"])
    assert (report.request_id, report.number, report.state) == (request_id, "919876543210", "delivered")
    assert report.credits == 1


def test_the_outbox_is_newest_first_and_told_apart(msg91: Msg91, world: Simulators, clock: Any) -> None:
    msg91.send("payment_receipt", "+919876543210", ["499", "seat 12"])
    clock.advance(seconds=1)
    msg91.send("payment_receipt", "+919876543211", ["500", "seat 13"])
    assert [item["to"] for item in world.outbox()] == ["+919876543211", "+919876543210"]
    assert world.outbox(channel="email") == []
    assert world.outbox(to=" 919876543211")[0]["variables"] == {"amount": "500", "what": "seat 13"}


def test_a_message_can_be_reported_failed(msg91: Msg91, world: Simulators, product: Any) -> None:
    world.add_fault({"target": "msg91", "fault": "reject", "operation": "deliver", "times": 1})
    msg91.send("payment_receipt", "+919876543210", ["499", "seat 12"])
    assert world.outbox()[0]["status"] == "failed"
    world.deliver()
    (report,) = parse_delivery_report(product.received[0][1], "application/json")
    assert (report.state, report.description) == ("failed", "Absent subscriber")


@pytest.mark.parametrize(("flow", "phone"), [("unknown", "+919876543210"), ("otp_login", "+911234567890")])
def test_a_refusal_with_status_200_is_a_refusal(msg91: Msg91, world: Simulators, flow: str, phone: str) -> None:
    with pytest.raises(GatewayRejected):
        msg91.send(flow, phone, ["1"])
    assert world.outbox() == []


def test_a_tenants_own_template_can_be_registered(msg91: Msg91, world: Simulators) -> None:
    world.register_template("flow-7", Template("Hello {#var#}"))
    msg91.send("flow-7", "+919876543210", ["Student 017"])
    assert world.outbox()[0]["body"] == "Hello Student 017"
    assert world.outbox()[0]["variables"] == {"var1": "Student 017"}


@pytest.mark.parametrize(
    ("fault", "failure"), [("down", GatewayDown), ("error_500", GatewayDown), ("rate_limit", GatewayBusy)]
)
def test_msg91_in_trouble(msg91: Msg91, world: Simulators, fault: str, failure: Any) -> None:
    world.add_fault({"target": "msg91", "fault": fault})
    with pytest.raises(failure):
        msg91.send("otp_login", "+919876543210", ["1", "login"])
    assert world.outbox() == []


def test_an_sms_whose_answer_was_lost_did_leave(msg91: Msg91, world: Simulators) -> None:
    world.add_fault({"target": "msg91", "fault": "timeout_after_effect", "operation": "send"})
    with pytest.raises(GatewayTimeout):
        msg91.send("otp_login", "+919876543210", ["1", "login"], timeout=0.5)
    assert len(world.outbox()) == 1


def test_a_wrong_key_stops_the_account(base_url: str) -> None:
    with pytest.raises(GatewayDown) as refused:
        Msg91("wrong", "STDYSP", f"{base_url}/msg91").send("otp_login", "+919876543210", ["1"])
    assert refused.value.vendor_code == "207"


def test_delivery_reports_come_in_three_layouts() -> None:
    flat = {"requestId": "r1", "number": "919876543210", "status": 9, "desc": "NDNC NUMBER"}
    for body in (flat, [flat], [{"requestId": "r1", "report": [{k: v for k, v in flat.items() if k != "requestId"}]}]):
        (report,) = parse_delivery_report(json.dumps(body).encode(), "application/json; charset=utf-8")
        assert (report.request_id, report.state, report.description) == ("r1", "blocked", "NDNC NUMBER")
    (unknown,) = parse_delivery_report(json.dumps(flat | {"status": "26"}).encode(), "application/json")
    assert (unknown.state, unknown.status_code) == ("sent", "26")


@pytest.mark.parametrize("raw", [b"", b"\xff", b"1", b"[1]", b"data", b"data=", b"data=%5B", b'{"number": "\\u0000"}'])
@pytest.mark.parametrize("kind", ["application/json", "application/x-www-form-urlencoded", ""])
def test_a_report_without_meaning_is_unreadable(raw: bytes, kind: str) -> None:
    with pytest.raises(UnreadableEvent):
        parse_delivery_report(raw, kind)


@pytest.fixture
def mail(base_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    for name, value in {
        "AWS_ENDPOINT_URL_SESV2": f"{base_url}/ses",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "ap-south-1",
    }.items():
        monkeypatch.setenv(name, value)
    ses._client.cache_clear()
    yield Settings()
    ses._client().close()
    ses._client.cache_clear()


def test_a_mail_is_kept_with_its_template_and_token(mail: Settings, world: Simulators) -> None:
    text = "Welcome.\nhttps://app.example.com/invitations?token=abc-DEF_1.2\n"
    assert ses.send_email(mail, "Owner@Example.com", "Welcome", text, {"template": "invitation"}, html="<p>Welcome</p>")
    (item,) = world.outbox(channel="email", to="owner@example.com")
    assert (item["templateId"], item["subject"], item["body"]) == ("invitation", "Welcome", text)
    assert item["variables"] == {"token": "abc-DEF_1.2"}


@pytest.mark.parametrize(
    ("fault", "failure"), [("error_500", GatewayDown), ("rate_limit", GatewayBusy), ("reject", GatewayRejected)]
)
def test_mail_in_trouble(mail: Settings, world: Simulators, fault: str, failure: Any) -> None:
    world.add_fault({"target": "mail", "fault": fault, "times": 1})
    with pytest.raises(failure):
        ses.send_email(mail, "owner@example.com", "Welcome", "Hello", {"template": "invitation"})
    assert world.outbox() == [] and world.faults() == []
