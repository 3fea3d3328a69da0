"""Outbound webhooks: told once each, in order, signed, again when refused, and never to a private network."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import patch
from uuid import UUID

import jsonschema
import pytest
from standardwebhooks import Webhook, WebhookVerificationError
from studyspot.gateways import receivers
from studyspot.kit import clock, ids, outbox, permissions, timers
from studyspot.webhooks import sending
from studyspot.webhooks import service as webhooks

from tests.webhooks_out.receiver import Received, Receiver
from tests.world import Answer, Tenant, World

EVENT = "student.updated"


class ProductTime(datetime):
    """Receivers judge how old a message is; ours lives in the product's time."""

    @classmethod
    def now(cls, tz: Any = None) -> datetime:
        return clock.now()


@pytest.fixture(autouse=True)
def product_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("standardwebhooks.webhooks.datetime", ProductTime)


@pytest.fixture
def receiver(world: World) -> Iterator[Receiver]:
    with Receiver() as receiver, world.setting(webhook_private_targets="true"):
        yield receiver


def ask(world: World, method: str, path: str, who: Tenant | str | None, body: Any = None) -> Answer:
    """An owner signs in for each call: these stories take days."""
    token = world.token("library_owner", who.id, who.owner_id) if isinstance(who, Tenant) else who
    return world.call("developer", method, f"/webhooks{path}", token, body)


def endpoint(world: World, tenant: Tenant, receiver: Receiver, *events: str, **facts: Any) -> dict[str, Any]:
    given = {"url": receiver.url, "events": list(events) or [EVENT], "noticeTo": "owner@example.org"} | facts
    made: dict[str, Any] = ask(world, "POST", "/endpoints", tenant, given).data
    return made


def emit(world: World, tenant: Tenant, subject: UUID | None = None, event: str = EVENT, **data: Any) -> UUID:
    with world.db(tenant.id) as db:
        return outbox.emit(db, event, subject or ids.uuid7(), data or {"status": "active"})


def relay(world: World, tenant: Tenant) -> None:
    """What the minute schedule does with events, without a bus or a queue to hand them to."""
    with world.worker():
        outbox.relay(webhooks.fan_out)


def commands(world: World, tenant: Tenant) -> list[dict[str, Any]]:
    return world.outbox(tenant.id, webhooks.QUEUE)


def work(world: World, tenant: Tenant) -> None:
    """Until nothing is commanded any more."""
    while waiting := commands(world, tenant):
        assert world.deliver("webhook_sender", *waiting) == {"batchItemFailures": []}


def later(world: World, by: timedelta) -> None:
    world.advance(by)
    with world.worker():
        timers.fire_due({sending.RETRY_TIMER: sending.retry})


def deliveries(world: World, tenant: Tenant, query: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = ask(world, "GET", f"/deliveries{query}", tenant).data
    return found


def test_only_the_owner_looks_after_endpoints(world: World, receiver: Receiver) -> None:
    tenant = world.tenant()
    staff, body = world.token("library_staff", tenant.id), {"url": receiver.url}
    for method, path in (("GET", "/endpoints"), ("POST", "/endpoints"), ("GET", "/deliveries"), ("GET", "/events")):
        assert ask(world, method, path, staff, body if method == "POST" else None).status == 403
        assert ask(world, method, path, None, body if method == "POST" else None).status == 401


def test_who_is_bound_to_a_library_is_told_no_events_of_the_organisation(world: World) -> None:
    """An endpoint hears of every library, so whoever sees one alone has none."""
    tenant = world.tenant()
    held = [*permissions.of(["library_staff"]), "webhooks:manage"]
    body = {"url": "https://93.184.215.14/hook"}
    everywhere = world.token("library_staff", tenant.id, permissions=held)
    bound = world.token("library_staff", tenant.id, permissions=held, libraryIds=[str(ids.uuid7())])
    assert ask(world, "POST", "/endpoints", everywhere, body).status == 201
    for method, path in (("POST", "/endpoints"), ("GET", "/endpoints"), ("GET", "/deliveries")):
        assert ask(world, method, path, bound, body if method == "POST" else None).code == "forbidden"


def test_the_secret_is_shown_once_and_kept_sealed(world: World, receiver: Receiver) -> None:
    tenant = world.tenant()
    made = endpoint(world, tenant, receiver)
    assert made["secret"].startswith("whsec_")
    assert "secret" not in ask(world, "GET", "/endpoints", tenant).data[0]
    with world.db(tenant.id) as db:
        kept = db.dicts("SELECT secret FROM webhook_endpoints")[0]["secret"]
        audited = json.dumps(db.dicts("SELECT before, after FROM audit_logs"), default=str)
    assert made["secret"][6:20] not in kept
    assert made["secret"][6:20] not in audited


def test_an_event_is_delivered_signed_as_the_standard_says(world: World, receiver: Receiver) -> None:
    tenant = world.tenant()
    made = endpoint(world, tenant, receiver)
    subject = ids.uuid7()
    event = emit(world, tenant, subject)
    relay(world, tenant)
    work(world, tenant)
    (came,) = receiver.received
    told = Webhook(made["secret"]).verify(came.body, came.headers)
    assert (told["type"], told["subject"], told["data"]) == (EVENT, str(subject), {"status": "active"})
    assert came.headers["webhook-id"] == f"msg_{event.hex}"
    with pytest.raises(WebhookVerificationError):
        Webhook(made["secret"]).verify(came.body.replace(b"active", b"actor!"), came.headers)
    (shown,) = deliveries(world, tenant)
    assert (shown["status"], shown["body"].encode()) == ("delivered", came.body)
    assert (shown["attempts"][0]["statusCode"], shown["attempts"][0]["answer"]) == (200, "thanks")


def test_only_what_was_subscribed_to_is_sent_and_nothing_of_another_tenant(world: World, receiver: Receiver) -> None:
    tenant, other = world.tenant(), world.tenant()
    endpoint(world, tenant, receiver)
    emit(world, tenant, event="student.created", libraryId=str(ids.uuid7()))
    emit(world, other)
    relay(world, tenant)
    work(world, tenant)
    assert receiver.received == []
    assert deliveries(world, tenant) == []


def test_fanning_out_again_adds_nothing(world: World, receiver: Receiver) -> None:
    tenant = world.tenant()
    endpoint(world, tenant, receiver)
    endpoint(world, tenant, receiver, "*")
    event = emit(world, tenant)
    for _ in range(3):
        with world.db(tenant.id) as db:
            webhooks.fan_out(db, [event])
    assert len(deliveries(world, tenant)) == 2
    assert len(commands(world, tenant)) == 2


def test_an_event_stays_until_its_subscribers_have_it(world: World, receiver: Receiver) -> None:
    tenant = world.tenant()
    endpoint(world, tenant, receiver)
    event = emit(world, tenant)
    with world.worker(), patch.object(webhooks.queries, "add_delivery", side_effect=RuntimeError):
        outbox.relay(webhooks.fan_out)
    with world.db(tenant.id) as db:
        assert db.value("SELECT done_at IS NULL AND attempts = 0 FROM outbox WHERE id = %(id)s", id=event)
    relay(world, tenant)
    assert len(deliveries(world, tenant)) == 1


def test_killed_between_call_and_record_it_is_sent_again_under_the_same_id(world: World, receiver: Receiver) -> None:
    tenant = world.tenant()
    endpoint(world, tenant, receiver)
    emit(world, tenant)
    relay(world, tenant)
    message = commands(world, tenant)
    with patch.object(sending, "_record", side_effect=KeyboardInterrupt), pytest.raises(KeyboardInterrupt):
        world.deliver("webhook_sender", *message)
    assert len(world.deliver("webhook_sender", *message)["batchItemFailures"]) == 1, "it may still be at work"
    world.advance(sending.LEASE)
    work(world, tenant)
    first, second = receiver.received
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert deliveries(world, tenant)[0]["status"] == "delivered"
    world.deliver("webhook_sender", *message)
    assert len(receiver.received) == 2


def test_eight_tries_in_a_day_then_it_is_given_up(world: World, receiver: Receiver) -> None:
    tenant, receiver.status = world.tenant(), 500
    endpoint(world, tenant, receiver)
    emit(world, tenant)
    relay(world, tenant)
    began = clock.now()
    for wait in (timedelta(), *sending.WAITS):
        later(world, wait)
        work(world, tenant)
    assert len(receiver.received) == 8
    assert timedelta(hours=23) < clock.now() - began < timedelta(hours=25)
    (shown,) = deliveries(world, tenant, "?status=failed")
    assert [attempt["statusCode"] for attempt in shown["attempts"]] == [500] * 8
    later(world, timedelta(days=1))
    assert commands(world, tenant) == []


def test_before_its_time_nothing_is_tried_again(world: World, receiver: Receiver) -> None:
    tenant, receiver.status = world.tenant(), 503
    endpoint(world, tenant, receiver)
    emit(world, tenant)
    relay(world, tenant)
    message = commands(world, tenant)
    work(world, tenant)
    world.deliver("webhook_sender", *message)
    assert len(receiver.received) == 1


def test_what_concerns_one_thing_comes_in_order(world: World, receiver: Receiver) -> None:
    tenant, subject = world.tenant(), ids.uuid7()
    endpoint(world, tenant, receiver)
    made = [emit(world, tenant, subject, status=str(n)) for n in range(3)]
    apart = emit(world, tenant)
    relay(world, tenant)
    down = True
    receiver.answer = lambda came: 500 if down and json.loads(came.body)["subject"] == str(subject) else 200
    for message in reversed(commands(world, tenant)):
        world.deliver("webhook_sender", message)
    assert [c.headers["webhook-id"] for c in receiver.received] == [f"msg_{apart.hex}", f"msg_{made[0].hex}"]
    down = False
    later(world, sending.WAITS[0])
    work(world, tenant)
    assert [json.loads(c.body)["id"] for c in receiver.received[2:]] == [str(one) for one in made]


def test_after_three_days_of_failure_it_is_switched_off_and_its_owner_told(world: World, receiver: Receiver) -> None:
    tenant, receiver.status = world.tenant(), 410
    made = endpoint(world, tenant, receiver)
    for day in range(4):
        emit(world, tenant)
        relay(world, tenant)
        work(world, tenant)
        shown = ask(world, "GET", "/endpoints", tenant).data[0]
        assert shown["status"] == ("enabled" if day < 3 else "disabled")
        world.advance(timedelta(days=1))
    with world.db(tenant.id) as db:
        (notice,) = db.dicts("SELECT to_address, body FROM communications WHERE template_id = 'webhook_disabled'")
    assert notice["to_address"] == "owner@example.org"
    assert receiver.url in notice["body"]
    assert not deliveries(world, tenant, "?status=pending")
    failed = deliveries(world, tenant, f"?endpointId={made['id']}")[0]["id"]
    assert ask(world, "POST", f"/deliveries/{failed}/replay", tenant).status == 409
    receiver.status = 200
    again = ask(world, "PUT", f"/endpoints/{made['id']}", tenant, {"enabled": True}).data
    assert (again["status"], again["failingSince"]) == ("enabled", None)
    assert ask(world, "POST", f"/deliveries/{failed}/replay", tenant).status == 202
    work(world, tenant)
    assert deliveries(world, tenant, "?status=delivered")[0]["id"] == failed


def test_a_replay_keeps_the_id_and_its_tries_wait_anew(world: World, receiver: Receiver) -> None:
    tenant = world.tenant()
    endpoint(world, tenant, receiver)
    emit(world, tenant)
    relay(world, tenant)
    work(world, tenant)
    (known,) = deliveries(world, tenant)
    receiver.status = 500
    assert ask(world, "POST", f"/deliveries/{known['id']}/replay", tenant).data["status"] == "pending"
    assert ask(world, "POST", f"/deliveries/{known['id']}/replay", tenant).status == 409
    work(world, tenant)
    receiver.status = 200
    later(world, sending.WAITS[0])
    work(world, tenant)
    assert len({came.headers["webhook-id"] for came in receiver.received}) == 1
    assert [a["statusCode"] for a in deliveries(world, tenant)[0]["attempts"]] == [200, 500, 200]


def test_a_new_secret_leaves_the_old_one_signing_for_a_day(world: World, receiver: Receiver) -> None:
    tenant = world.tenant()
    made = endpoint(world, tenant, receiver)
    fresh = "whsec_" + "QUJD" * 11
    assert ask(world, "PUT", f"/endpoints/{made['id']}", tenant, {"secret": fresh}).status == 200
    for _ in range(2):
        ask(world, "POST", f"/endpoints/{made['id']}/test", tenant)
        work(world, tenant)
        world.advance(timedelta(hours=25))
    first, second = receiver.received
    assert len(first.headers["webhook-signature"].split()) == 2
    assert len(second.headers["webhook-signature"].split()) == 1


def test_a_redirect_is_an_answer_not_an_order(world: World, receiver: Receiver) -> None:
    tenant, receiver.status = world.tenant(), 307
    made = endpoint(world, tenant, receiver)
    ask(world, "POST", f"/endpoints/{made['id']}/test", tenant)
    work(world, tenant)
    assert [came.path for came in receiver.received] == ["/hook"]
    assert deliveries(world, tenant)[0]["attempts"][0]["statusCode"] == 307


FORBIDDEN = [
    "http://example.org/hook",
    "https://127.0.0.1/",
    "https://127.1/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0177.0.0.1/",
    "https://localhost/",
    "https://10.0.0.1/",
    "https://172.16.5.4/",
    "https://192.168.1.1/",
    "https://100.64.0.1/",
    "https://169.254.169.254/latest/meta-data/",
    "https://0.0.0.0/",
    "https://[::1]/",
    "https://[::]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:a9fe:a9fe]/",
    "https://[fe80::1]/",
    "https://[fd00::1]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[2002:7f00:1::]/",
    "https://224.0.0.1/",
    "https://255.255.255.255/",
    "https://user:secret@93.184.215.14/",
    "https://93.184.215.14\\@127.0.0.1/",
    "https://93.184.215.14/#here",
    "https://93.184.215.14:99999/",
    "ftp://93.184.215.14/",
    "https:///nowhere",
    "gopher",
]


@pytest.mark.parametrize("url", FORBIDDEN)
def test_private_networks_and_odd_addresses_are_refused(world: World, url: str) -> None:
    answer = ask(world, "POST", "/endpoints", world.tenant(), {"url": url.ljust(8, "/")})
    assert (answer.status, answer.code) == (422, "endpoint_forbidden")


def test_the_public_internet_is_allowed(world: World) -> None:
    made = ask(world, "POST", "/endpoints", world.tenant(), {"url": "https://93.184.215.14:8443/hook?a=b"})
    assert made.status == 201


def resolving(*addresses: str) -> Any:
    return patch.object(receivers.socket, "getaddrinfo", return_value=[(2, 1, 6, "", (a, 443)) for a in addresses])


def test_one_private_address_among_public_ones_is_enough_to_refuse(world: World) -> None:
    with resolving("93.184.215.14", "10.0.0.8"):
        answer = ask(world, "POST", "/endpoints", world.tenant(), {"url": "https://hooks.example.org/"})
    assert answer.code == "endpoint_forbidden"


def test_a_name_that_turns_private_later_is_not_called(world: World, receiver: Receiver) -> None:
    """DNS rebinding: public when it is registered, this machine when it is called."""
    tenant = world.tenant()
    port = receiver.server.server_port
    with world.setting(webhook_private_targets="false"):
        with resolving("93.184.215.14"):
            made = ask(world, "POST", "/endpoints", tenant, {"url": f"https://hooks.example.org:{port}/"}).data
        ask(world, "POST", f"/endpoints/{made['id']}/test", tenant)
        with resolving("127.0.0.1"), patch.object(receivers.socket, "create_connection") as connect:
            work(world, tenant)
        connect.assert_not_called()
    assert receiver.received == []
    assert "forbidden" in deliveries(world, tenant)[0]["attempts"][0]["failure"]


def test_the_connection_is_made_to_the_address_that_was_checked() -> None:
    with (
        resolving("93.184.215.14") as asked,
        patch.object(receivers.socket, "create_connection", side_effect=OSError("unreachable")) as connect,
    ):
        told = receivers.post("https://hooks.example.org/", b"{}", {})
    assert asked.call_count == 1
    assert connect.call_args.args == (("93.184.215.14", 443),)
    assert (told.status, told.failure) == (None, "OSError: unreachable")


def test_who_drips_is_cut_off(world: World, receiver: Receiver) -> None:
    """Each byte comes in time, the answer never ends."""
    import socket
    import threading

    server = socket.create_server(("127.0.0.1", 0))
    ended = threading.Event()

    def drip() -> None:
        line, _ = server.accept()
        with line:
            try:
                while not ended.wait(0.01):
                    line.sendall(b"H")
            except OSError:
                return

    thread = threading.Thread(target=drip)
    thread.start()
    with server, patch.object(receivers, "TOTAL_SECONDS", 0.3):
        told = receivers.post(f"http://127.0.0.1:{server.getsockname()[1]}/", b"{}", {})
    ended.set()
    thread.join()
    assert told.status is None
    assert told.millis < 3000


def test_a_deployed_stage_never_calls_private_networks() -> None:
    from studyspot.kit.settings import Settings

    with pytest.raises(ValueError, match="WEBHOOK_PRIVATE_TARGETS"):
        Settings(stage="production", core_db_sslmode="verify-full", webhook_private_targets=True)


def test_the_catalogue_describes_what_is_sent(world: World, receiver: Receiver) -> None:
    tenant = world.tenant()
    made = endpoint(world, tenant, receiver)
    ask(world, "POST", f"/endpoints/{made['id']}/test", tenant)
    emit(world, tenant)
    relay(world, tenant)
    work(world, tenant)
    known = {kind["type"]: kind["schema"] for kind in ask(world, "GET", "/events", tenant).data}
    assert not {"tenant.created", "user.locked"} & set(known)
    came: Received
    for came in receiver.received:
        told = json.loads(came.body)
        jsonschema.validate(told, known[told["type"]])
    assert len(receiver.received) == 2
    refused = ask(world, "POST", "/endpoints", tenant, {"url": receiver.url, "events": ["tenant.created"]})
    assert refused.status == 422


def test_a_foreign_endpoint_does_not_exist(world: World, receiver: Receiver) -> None:
    made = endpoint(world, world.tenant(), receiver)
    stranger = world.tenant()
    assert ask(world, "DELETE", f"/endpoints/{made['id']}", stranger).status == 404
    assert ask(world, "PUT", f"/endpoints/{made['id']}", stranger, {"enabled": False}).status == 404
    assert ask(world, "POST", f"/endpoints/{made['id']}/test", stranger).status == 404
