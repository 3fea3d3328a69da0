"""One send per message, whatever is delivered twice, lost or broken off (promise 17); credits settle exactly."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import pytest
from studyspot.credits import service as wallets
from studyspot.gateways import ses
from studyspot.gateways.failures import GatewayBusy, GatewayDown, GatewayRejected, GatewayTimeout
from studyspot.messaging import reports, service

from tests.messaging.conftest import PHONE, Vendor, deliver, messages, receipt, wallet
from tests.world import Answer, Tenant, World, function


def report(world: World, request_id: str, status: str, token: str = "msg91-token", number: str = PHONE[1:]) -> Answer:
    body = {"requestId": request_id, "number": number, "status": status, "desc": "told", "date": "2026-11-21 10:00:00"}
    return world.call("msg91", "POST", f"/messaging/webhook/msg91/{token}", None, body, kind="webhooks")


def accepted_id(world: World, tenant: Tenant) -> str:
    with world.db(tenant.id) as db:
        found: str = db.value("SELECT provider_message_id FROM communications ORDER BY id DESC LIMIT 1")
    return found


def minute(world: World) -> None:
    with world.worker():
        function("schedules", "minute").handler({}, None)


def test_a_message_delivered_twice_by_the_queue_is_sent_once(world: World, library: Tenant, vendor: Vendor) -> None:
    receipt(world, library)
    (command,) = world.outbox(library.id, "sms-service")
    assert wallet(world, library) == (19, 1, 0)
    assert world.deliver("sms_sender", command, command)["batchItemFailures"] == []
    world.deliver("sms_sender", command)
    assert [values for _, _, values in vendor.sent] == [["Student 017", "499.00", "seat A-01", "R/26-27/00017"]]
    assert wallet(world, library) == (19, 0, 1)
    assert (messages(world, library)[0]["status"], messages(world, library)[0]["creditsUsed"]) == ("sent", 1)
    assert world.outbox(library.id, "sms-service") == []


def test_the_same_receipt_asked_for_twice_goes_once(world: World, library: Tenant, vendor: Vendor) -> None:
    payment = uuid4()
    receipt(world, library, about=payment)
    receipt(world, library, about=payment)
    receipt(world, library, about=uuid4())
    deliver(world, library)
    assert len(vendor.sent) == 2


def test_a_second_sender_meeting_the_first_at_work_stands_back(world: World, library: Tenant, vendor: Vendor) -> None:
    receipt(world, library)
    (command,) = world.outbox(library.id, "sms-service")
    vendor.before = lambda: function("queues", "sms_sender").handler(
        {"Records": [{"messageId": "2", "body": json.dumps(command), "eventSource": "aws:sqs", "receiptHandle": "r"}]},
        None,
    )
    world.deliver("sms_sender", command)
    assert (len(vendor.sent), messages(world, library)[0]["status"]) == (1, "sent")


def test_a_crash_after_sending_is_parked_and_never_sent_again(world: World, library: Tenant, vendor: Vendor) -> None:
    receipt(world, library)
    (command,) = world.outbox(library.id, "sms-service")
    vendor.crash = True
    with pytest.raises(SystemExit):
        world.deliver("sms_sender", command)
    vendor.crash = False
    world.deliver("sms_sender", command)
    assert messages(world, library)[0]["status"] == "sending"
    world.advance(timedelta(minutes=5))
    world.deliver("sms_sender", command)
    world.deliver("sms_sender", command)
    (message,) = messages(world, library)
    assert (len(vendor.sent), message["status"], message["errorCode"]) == (1, "unknown", "no_answer")
    assert wallet(world, library) == (19, 1, 0)
    assert world.outbox(library.id, "sms-service") == []


def test_a_crash_after_the_acceptance_was_noted_is_recovered(
    world: World, library: Tenant, vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    receipt(world, library)
    (command,) = world.outbox(library.id, "sms-service")
    with monkeypatch.context() as broken:
        broken.setattr(wallets, "commit", lambda *_: (_ for _ in ()).throw(SystemExit))
        with pytest.raises(SystemExit):
            world.deliver("sms_sender", command)
    world.advance(timedelta(minutes=5))
    world.deliver("sms_sender", command)
    assert (len(vendor.sent), messages(world, library)[0]["status"]) == (1, "sent")
    assert wallet(world, library) == (19, 0, 1)


def test_a_lost_answer_is_parked_and_its_report_tells(world: World, library: Tenant, vendor: Vendor) -> None:
    number = f"+9198{uuid4().int % 10**8:08}"
    with world.db(library.id) as db:
        service.send(db, "membership_expiry", number, {"name": "Student 017", "library": "North", "date": "30 Nov"})
    vendor.mood = GatewayTimeout("msg91", "no answer")
    assert deliver(world, library)["batchItemFailures"] == []
    assert (messages(world, library)[0]["status"], wallet(world, library)) == ("unknown", (19, 1, 0))
    assert report(world, f"late-{number}", "1", number=number[1:]).data["status"] == "ignored"
    minute(world)
    assert messages(world, library)[0]["status"] == "unknown"
    world.advance(timedelta(minutes=6))
    minute(world)
    assert (messages(world, library)[0]["status"], wallet(world, library)) == ("delivered", (19, 0, 1))


def test_what_nobody_ever_hears_of_is_not_paid_for(world: World, library: Tenant, vendor: Vendor) -> None:
    receipt(world, library)
    vendor.mood = GatewayDown("msg91", "bad gateway", http_status=504)
    deliver(world, library)
    world.advance(timedelta(hours=73))
    minute(world)
    owner = world.token("library_owner", library.id, library.owner_id)
    (message,) = world.call("messaging", "GET", "/messaging/history", owner).data
    assert (message["status"], wallet(world, library)) == ("unknown", (20, 0, 0))


@pytest.mark.parametrize(
    "mood",
    [
        GatewayDown("msg91", "down", http_status=503),
        GatewayBusy("msg91", "slow"),
        GatewayDown("msg91", "", vendor_code="301"),
    ],
)
def test_a_vendor_that_is_down_only_delays(world: World, library: Tenant, vendor: Vendor, mood: GatewayDown) -> None:
    receipt(world, library)
    vendor.mood = mood
    assert len(deliver(world, library)["batchItemFailures"]) == 1
    assert (messages(world, library)[0]["status"], wallet(world, library)) == ("queued", (19, 1, 0))
    vendor.mood = None
    deliver(world, library)
    assert (len(vendor.sent), wallet(world, library)) == (1, (19, 0, 1))


def test_what_the_vendor_refuses_is_failed_and_costs_nothing(world: World, library: Tenant, vendor: Vendor) -> None:
    receipt(world, library)
    vendor.mood = GatewayRejected("msg91", "bad mobile", vendor_code="202")
    assert deliver(world, library)["batchItemFailures"] == []
    (message,) = messages(world, library)
    assert (message["status"], message["errorCode"], wallet(world, library)) == ("failed", "vendor_202", (20, 0, 0))


def test_one_message_that_fails_does_not_hold_up_the_others(world: World, library: Tenant, vendor: Vendor) -> None:
    receipt(world, library)
    receipt(world, library)
    good, bad = world.outbox(library.id, "sms-service")
    failures = world.deliver("sms_sender", {**bad, "communicationId": str(uuid4())}, good)["batchItemFailures"]
    assert ([f["itemIdentifier"] for f in failures], len(vendor.sent)) == (["0"], 1)


def test_without_credits_a_payment_still_goes_through_and_says_why_no_receipt_left(world: World) -> None:
    tenant = world.tenant()
    receipt(world, tenant)
    (message,) = messages(world, tenant)
    assert (message["status"], message["errorCode"], world.outbox(tenant.id)) == ("failed", "insufficient_credits", [])


def test_a_login_code_is_the_platforms_is_hidden_and_expires(world: World, vendor: Vendor) -> None:
    tenant = world.tenant()
    with world.db(tenant.id) as db:
        service.send(db, "otp_login", PHONE, {"code": "482913"})
        stored = db.value("SELECT communications::text FROM communications")
    assert "482913" not in stored
    assert "482913" not in json.dumps(world.outbox(tenant.id))
    assert world.outbox(tenant.id, "sms-service") == []
    deliver(world, tenant, "sms-otp")
    assert vendor.sent == [("otp_login", PHONE, ["482913", "5"])]
    assert (messages(world, tenant)[0]["creditsUsed"], wallet(world, tenant)) == (0, (0, 0, 0))
    with world.db(tenant.id) as db:
        assert db.value("SELECT sealed FROM communications") is None
        service.send(db, "otp_login", PHONE, {"code": "482914"})
    world.advance(timedelta(minutes=6))
    deliver(world, tenant, "sms-otp")
    assert (len(vendor.sent), messages(world, tenant)[0]["errorCode"]) == (1, "expired")


# Delivery reports


def test_without_the_token_no_report_is_heard(world: World) -> None:
    assert report(world, "r", "1", token="wrong").code == "bad_signature"
    with world.setting(msg91_webhook_token=""):
        assert report(world, "r", "1", token="x").code == "bad_signature"


def test_a_report_moves_its_message_on_once(world: World, library: Tenant, vendor: Vendor) -> None:
    receipt(world, library)
    deliver(world, library)
    known = accepted_id(world, library)
    assert report(world, known, "1").data["status"] == "accepted"
    assert report(world, known, "1").data["status"] == "duplicate"
    assert report(world, known, "2").data["status"] == "accepted"
    (message,) = messages(world, library)
    assert (message["status"], wallet(world, library)) == ("delivered", (19, 0, 1))
    told = world.call("messaging", "GET", f"/messaging/{message['id']}", library.owner).data["deliveryEvents"]
    assert [event["code"] for event in told] == ["1", "2"]


@pytest.mark.parametrize("status", ["2", "9", "16", "25", "17"])
def test_what_did_not_arrive_is_credited_back_once(world: World, library: Tenant, vendor: Vendor, status: str) -> None:
    receipt(world, library)
    deliver(world, library)
    known = accepted_id(world, library)
    for code in (status, status, "2", "16"):
        report(world, known, code)
    (message,) = messages(world, library)
    assert (message["status"], message["creditsUsed"], wallet(world, library)) == ("failed", 0, (20, 0, 0))


def test_a_report_for_another_number_or_message_changes_nothing(world: World, library: Tenant, vendor: Vendor) -> None:
    receipt(world, library)
    deliver(world, library)
    assert report(world, accepted_id(world, library), "2", number="919876543299").data["status"] == "ignored"
    assert report(world, str(uuid4()), "2").data["status"] == "ignored"
    assert (messages(world, library)[0]["status"], wallet(world, library)) == ("sent", (19, 0, 1))


def test_all_three_layouts_are_read_and_nonsense_is_kept_aside(world: World, library: Tenant, vendor: Vendor) -> None:
    receipt(world, library)
    deliver(world, library)
    path, known = "/messaging/webhook/msg91/msg91-token", accepted_id(world, library)
    form = urlencode({"data": json.dumps([{"requestId": known, "report": [{"number": PHONE[1:], "status": "26"}]}])})
    called = {"content_type": "application/x-www-form-urlencoded"}
    assert world.call("msg91", "POST", path, None, form, kind="webhooks", **called).data["status"] == "accepted"
    newer = [{"requestId": known, "number": PHONE[1:], "status": 1}]
    assert world.call("msg91", "POST", path, None, newer, kind="webhooks").data["status"] == "accepted"
    nonsense = world.call("msg91", "POST", path, None, "{", kind="webhooks", content_type="application/json")
    assert nonsense.data["status"] == "ignored"
    assert messages(world, library)[0]["status"] == "delivered"


def test_a_report_that_outruns_the_senders_note_is_placed_later(
    world: World, library: Tenant, vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    receipt(world, library)
    vendor.before = lambda: report(world, vendor.request_id(1), "2")
    deliver(world, library)
    assert (messages(world, library)[0]["status"], wallet(world, library)) == ("sent", (19, 0, 1))
    minute(world)
    assert (messages(world, library)[0]["status"], wallet(world, library)) == ("failed", (20, 0, 0))


def test_a_report_whose_cell_is_down_is_applied_by_the_schedule(
    world: World, library: Tenant, vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    receipt(world, library)
    deliver(world, library)
    with monkeypatch.context() as broken:
        broken.setattr(reports, "_apply", lambda *_: 1 / 0)
        assert report(world, accepted_id(world, library), "1").data["status"] == "accepted"
    assert messages(world, library)[0]["status"] == "sent"
    minute(world)
    assert messages(world, library)[0]["status"] == "delivered"


# Mail


def test_a_mail_whose_answer_is_lost_is_parked_and_not_sent_again(
    world: World, library: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []

    def lose(*said: object) -> str:
        asked.append(said)
        raise GatewayTimeout("ses", "no answer")

    monkeypatch.setattr(ses, "send_email", lose)
    with world.db(library.id) as db:
        service.mail(db, "password_changed", "staff@example.org", {})
    (command,) = world.outbox(library.id, "email")
    for _ in range(2):
        assert world.deliver("email_sender", command)["batchItemFailures"] == []
    assert (len(asked), messages(world, library)[0]["status"]) == (1, "unknown")


def test_a_mail_leaves_once_with_its_link_and_keeps_no_token(
    world: World, library: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    left: list[tuple[Any, ...]] = []
    monkeypatch.setattr(ses, "send_email", lambda settings, *said: left.append(said) or "ses-1")
    with world.db(library.id) as db:
        service.mail(
            db, "invitation", "staff@example.org", {"token": "t0k-en", "tenant": "North"}, uuid4(), "library_staff"
        )
        assert "t0k-en" not in db.value("SELECT communications::text FROM communications")
    (command,) = world.outbox(library.id, "email")
    world.deliver("email_sender", command, command)
    ((to, subject, text, tags),) = left
    assert (to, subject, tags["template"]) == ("staff@example.org", "You are invited to StudySpot", "invitation")
    assert "http://127.0.0.1:3000/accept-invitation?token=t0k-en" in text
    (message,) = messages(world, library)
    assert (message["status"], message["channel"], wallet(world, library)) == ("sent", "email", (20, 0, 0))
    assert "t0k-en" not in json.dumps(message)
