"""What a library may ask to be sent, and what it is told before any credit is spent."""

from __future__ import annotations

from datetime import time
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from tests.messaging.conftest import DUE, PHONE, Vendor, deliver, go_to, messages, receipt, wallet
from tests.world import Answer, Tenant, World


def send(world: World, token: str | None, key: str | None = "", **body: Any) -> Answer:
    headers = {} if key is None else {"idempotency_key": key or str(uuid4())}
    said = {"templateId": "fee_due_reminder", "to": PHONE, "variables": DUE} | body
    return world.call("messaging", "POST", "/messaging/sms", token, said, **headers)


def test_who_may_not_send_or_read(world: World, library: Tenant) -> None:
    student = world.token("student", library.id)
    assert send(world, None).status == 401
    assert send(world, student).code == "forbidden"
    assert send(world, library.owner, key=None).code == "bad_request"
    for path in ("/messaging/history", "/messaging/templates", f"/messaging/{uuid4()}"):
        assert world.call("messaging", "GET", path).status == 401
        assert world.call("messaging", "GET", path, student).code == "forbidden"
    assert world.call("messaging", "POST", f"/messaging/templates/{uuid4()}/validate", student, {}).code == "forbidden"


def test_a_foreign_message_and_template_do_not_exist(world: World, library: Tenant) -> None:
    other = world.tenant()
    receipt(world, library)
    message = messages(world, library)[0]["id"]
    template = world.call("messaging", "GET", "/messaging/templates", library.owner).data[0]["id"]
    assert world.call("messaging", "GET", f"/messaging/{message}", other.owner).code == "not_found"
    refused = world.call("messaging", "POST", f"/messaging/templates/{template}/validate", other.owner, {"x": 1})
    assert refused.code == "not_found"


def test_who_has_not_proven_an_address_sends_nothing(world: World, library: Tenant) -> None:
    with psycopg.connect(world.core, autocommit=True) as conn:
        conn.execute("UPDATE library_owners SET email_verified_at = NULL WHERE id = %s", (library.owner_id,))
    assert send(world, library.owner).code == "email_not_verified"


def test_a_message_is_taken_on_once_for_a_key(world: World, library: Tenant) -> None:
    first, again = send(world, library.owner, key="k"), send(world, library.owner, key="k")
    assert (first.status, again.raw) == (202, first.raw)
    (message,) = first.data["messages"]
    assert (message["status"], message["segments"], first.data["segments"]) == ("queued", 1, 1)
    assert message["body"] == "Dear Student 017, your fee of Rs 900 at North Hall is due on 30 Nov. - StudySpot"
    assert wallet(world, library) == (19, 1, 0)
    assert len(world.outbox(library.id, "sms-service")) == 1
    seen = world.call("messaging", "GET", f"/messaging/{message['id']}", library.owner).data
    assert (seen["templateId"], seen["deliveryEvents"]) == ("fee_due_reminder", [])


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"variables": DUE | {"name": "x" * 31}}, 422, "variable_too_long"),
        ({"variables": {"name": "x"}}, 422, "template_mismatch"),
        ({"variables": DUE | {"library": "http://evil.example"}}, 422, "url_not_whitelisted"),
        ({"templateId": "free_text"}, 422, "template_not_approved"),
        ({"templateId": "otp_login", "variables": {"code": "1", "minutes": "5"}}, 422, "template_not_approved"),
        ({"to": "12345"}, 422, "validation_failed"),
        ({"to": None}, 422, "validation_failed"),
    ],
)
def test_a_refusal_says_why_and_costs_nothing(
    world: World, library: Tenant, change: dict[str, Any], status: int, code: str
) -> None:
    refused = send(world, library.owner, **change)
    assert (refused.status, refused.code) == (status, code)
    assert wallet(world, library) == (20, 0, 0)
    assert messages(world, library) == []


def test_many_are_taken_on_together_or_not_at_all(world: World, library: Tenant) -> None:
    people = [{"phone": f"+9198765432{n:02}", "variables": DUE} for n in range(12)]
    assert send(world, library.owner, to=None, recipients=people).data["segments"] == 12
    short = send(world, library.owner, to=None, recipients=people)
    assert (short.status, short.code) == (402, "insufficient_credits")
    assert wallet(world, library) == (8, 12, 0)
    assert len(messages(world, library)) == 12


def test_who_opted_out_hears_nothing(world: World, library: Tenant) -> None:
    with world.db(library.id) as db:
        db.run(
            "INSERT INTO suppression_list (id, channel, address, reason, created_at)"
            " VALUES (%(id)s, 'sms', %(to)s, 'opt_out', clock_timestamp())", id=uuid4(), to=PHONE,
        )  # fmt: skip
    assert send(world, library.owner).code == "suppressed"
    receipt(world, library)
    assert messages(world, library)[0]["status"] == "suppressed"
    assert (world.outbox(library.id), wallet(world, library)) == ([], (20, 0, 0))


def test_who_was_suspended_from_messaging_sends_none(world: World, library: Tenant) -> None:
    with world.db(library.id) as db:
        db.run("UPDATE tenant_gate SET status = 'suspended', scope = 'messaging'")
    assert send(world, library.owner).code == "tenant_suspended"
    receipt(world, library)
    assert messages(world, library)[0]["errorCode"] == "tenant_suspended"
    assert (world.outbox(library.id), wallet(world, library)) == ([], (20, 0, 0))


def test_a_reminder_asked_for_at_night_leaves_in_the_morning(world: World, library: Tenant, vendor: Vendor) -> None:
    go_to(world, time(23))
    assert (
        send(world, world.token("library_owner", library.id, library.owner_id)).data["messages"][0]["status"]
        == "scheduled"
    )
    receipt(world, library)
    deliver(world, library)
    assert [flow for flow, _, _ in vendor.sent] == ["payment_receipt"]
    go_to(world, time(8, 1))
    from tests.world import function

    with world.worker():
        function("schedules", "minute").handler({}, None)
    deliver(world, library)
    assert [flow for flow, _, _ in vendor.sent] == ["payment_receipt", "fee_due_reminder"]
    assert wallet(world, library) == (18, 0, 2)


def test_a_trial_shows_text_size_and_price_or_the_reason(world: World, library: Tenant) -> None:
    rows = world.call("messaging", "GET", "/messaging/templates", library.owner).data
    template = next(row["id"] for row in rows if row["code"] == "fee_due_reminder")
    path = f"/messaging/templates/{template}/validate"
    good = world.call("messaging", "POST", path, library.owner, {"variables": DUE}).data
    assert (good["valid"], good["encoding"], good["segments"], good["costPaise"]) == (True, "gsm7", 1, 25)
    hindi = world.call("messaging", "POST", path, library.owner, {"variables": DUE | {"name": "अनुराधा"}}).data
    assert (hindi["encoding"], hindi["segments"], hindi["costPaise"]) == ("ucs2", 2, 50)
    bad = world.call("messaging", "POST", path, library.owner, {"variables": DUE | {"name": "x" * 31}}).data
    assert (bad["valid"], bad["faults"][0]["code"]) == (False, "variable_too_long")
    assert wallet(world, library) == (20, 0, 0)


def test_history_is_filtered_and_paged(world: World, library: Tenant) -> None:
    for n in range(3):
        send(world, library.owner, to=f"+91987654320{n}")
    page = world.call("messaging", "GET", "/messaging/history?limit=2&status=queued", library.owner).json
    rest = world.call("messaging", "GET", f"/messaging/history?cursor={page['meta']['nextCursor']}", library.owner).json
    assert [m["toAddress"][-1] for m in page["data"] + rest["data"]] == ["2", "1", "0"]
    assert (
        world.call("messaging", "GET", "/messaging/history?to=%2B919876543201", library.owner).data[0]["segments"] == 1
    )
    assert world.call("messaging", "GET", "/messaging/history?channel=email", library.owner).data == []
