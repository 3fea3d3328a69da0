"""Commands leave once their cause has committed, again until they had an effect, and never twice in effect."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from studyspot.kit import aws, cells, clock, ids, outbox, queues, timers
from studyspot.kit.db import Db
from studyspot.kit.queues import Task

from tests.world import World


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    messages: list[dict[str, Any]] = []
    monkeypatch.setattr(aws, "send_message", lambda queue, message: messages.append({"queue": queue, **message}))
    monkeypatch.setattr(
        aws, "start_execution", lambda machine, name, message: messages.append({"name": name, **message})
    )
    monkeypatch.setattr(aws, "put_event", lambda kind, message: messages.append({"event": kind, **message}))
    return messages


def of(sent: list[dict[str, Any]], tenant: object) -> list[dict[str, Any]]:
    return [m for m in sent if m["tenantId"] == str(tenant)]


def test_a_command_is_handed_on_after_the_commit_and_not_after_a_rollback(world: World, sent: list[Any]) -> None:
    tenant = world.tenant().id
    with cells.tenant_db(tenant) as db, db.transaction():
        outbox.send(db, "sms-otp", {"n": 1})
        assert sent == []
    with pytest.raises(ZeroDivisionError), cells.tenant_db(tenant) as db, db.transaction():
        outbox.send(db, "sms-otp", {"n": 2})
        _ = 1 / 0
    assert [m["n"] for m in of(sent, tenant)] == [1]
    assert [m["n"] for m in world.outbox(tenant)] == [1]


def test_what_a_dead_queue_did_not_take_the_relay_sends(
    world: World, sent: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant = world.tenant().id

    def dead(queue: str, message: dict[str, Any]) -> None:
        raise ConnectionError(queue)

    with monkeypatch.context() as outage:
        outage.setattr(aws, "send_message", dead)
        with cells.tenant_db(tenant) as db:
            outbox.send(db, "sms-otp", {"n": 1})
    with world.worker():
        outbox.relay()
        outbox.relay()
    assert [m["n"] for m in of(sent, tenant)] == [1]


def test_a_command_without_effect_is_sent_again_after_five_minutes_and_an_effect_ends_it(
    world: World, sent: list[Any]
) -> None:
    tenant = world.tenant().id
    with cells.tenant_db(tenant) as db:
        outbox.send(db, "sms-otp", {"n": 1})
    world.advance(timedelta(minutes=6))
    with world.worker():
        outbox.relay()
    assert len(of(sent, tenant)) == 2
    effects: list[int] = []

    def work(db: Db, task: Task) -> None:
        with db.transaction():
            if task.done(db):
                effects.append(task.payload["n"])

    handler = queues.consumer(work)
    records = [
        {"messageId": str(i), "body": json.dumps(m), "eventSource": "aws:sqs", "receiptHandle": "r"}
        for i, m in enumerate(world.outbox(tenant) * 3)
    ]
    with world.worker():
        assert handler({"Records": records}, None) == {"batchItemFailures": []}
        world.advance(timedelta(minutes=6))
        outbox.relay()
    assert effects == [1]
    assert len(of(sent, tenant)) == 2


def test_only_the_failed_message_of_a_batch_comes_back(world: World, sent: list[Any]) -> None:
    tenant = world.tenant().id
    with cells.tenant_db(tenant) as db:
        for n in (1, 2, 3):
            outbox.send(db, "sms-otp", {"n": n})

    def work(db: Db, task: Task) -> None:
        task.done_later(db)
        if task.payload["n"] == 2:
            raise RuntimeError("poison")

    handler = queues.consumer(work)
    records = [
        {"messageId": f"m{m['n']}", "body": json.dumps(m), "eventSource": "aws:sqs", "receiptHandle": "r"}
        for m in world.outbox(tenant)
    ]
    with world.worker():
        answer = handler({"Records": records}, None)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m2"}]}
    assert [m["n"] for m in world.outbox(tenant)] == [2]


def test_a_timer_fires_once_when_due_and_is_set_once(world: World, sent: list[Any]) -> None:
    tenant, subject = world.tenant().id, ids.uuid7()
    for _ in range(2):
        with cells.tenant_db(tenant) as db:
            timers.wait(db, clock.now() + timedelta(hours=1), "subscription_renewal", subject, "debit", period="p1")
    with world.worker():
        timers.fire_due()
        assert of(sent, tenant) == []
        world.advance(timedelta(hours=2))
        timers.fire_due()
        timers.fire_due()
    (start,) = of(sent, tenant)
    assert (start["name"], start["resume"]) == (f"{subject}_p1_debit", "debit")


def test_the_worker_sees_outbox_and_timers_across_tenants_and_nothing_else(world: World, sent: list[Any]) -> None:
    tenant = world.tenant().id
    with cells.tenant_db(tenant) as db:
        outbox.emit(db, "x.y", ids.uuid7())
    place = cells.place_of(tenant)
    with world.worker():
        assert cells.across(place, "SELECT count(*) AS n FROM outbox")[0]["n"] >= 1
        assert cells.across(place, "SELECT count(*) AS n FROM sessions")[0]["n"] == 0
