"""The operator's queues and schedules: nothing is lost by a redrive, nothing runs twice by a second press."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import boto3
import pytest
from moto import mock_aws
from studyspot.kit import aws, clock, connections, outbox, schedules
from studyspot.kit.schedules import JobsFailed
from studyspot.operations import queues
from studyspot.operations import schedules as running

from tests.world import Answer, World, function

PATHS = [("GET", "/admin/queues"), ("POST", "/admin/queues/email/redrive"), ("GET", "/admin/schedules"),
         ("POST", "/admin/schedules/daily/run")]  # fmt: skip


@pytest.fixture
def sqs(world: World) -> Iterator[Any]:
    """The queue `email` with its dead letters."""
    with mock_aws():
        aws.client.cache_clear()
        client = boto3.client("sqs", region_name="ap-south-1")
        client.create_queue(QueueName="email-dead")
        url = client.create_queue(QueueName="email")["QueueUrl"]
        with world.setting(email_queue_url=url):
            yield client
    aws.client.cache_clear()


@pytest.fixture
def started(world: World) -> Iterator[list[str]]:
    """The schedules' functions, started by name."""
    calls: list[str] = []

    class Lambda:
        def invoke(self, **given: Any) -> None:
            assert given["InvocationType"] == "Event"
            assert json.loads(given["Payload"])["time"]
            calls.append(given["FunctionName"])

    with world.setting(schedule_functions="minute=M,daily=D"), patch.object(aws, "client", lambda _: Lambda()):
        yield calls


@pytest.fixture(autouse=True)
def no_runs(world: World) -> Iterator[None]:
    yield
    with world.db(schedules.cells.PLATFORM) as core:
        core.run("DELETE FROM schedule_runs")


def ask(world: World, method: str, path: str, token: str | None) -> Answer:
    with world.worker():
        return world.call("admin", method, f"/admin{path}", token)


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_tenants_people_are_kept_out(world: World, method: str, path: str) -> None:
    tenant = world.tenant()
    assert world.call("admin", method, path, tenant.owner).status == 403
    assert world.call("admin", method, path).status == 401


def test_platform_staff_look_but_do_not_touch(world: World, sqs: Any) -> None:
    staff = world.token("platform_staff", schedules.cells.PLATFORM)
    assert ask(world, "GET", "/queues", staff).status == 200
    assert ask(world, "GET", "/schedules", staff).status == 200
    assert ask(world, "POST", "/queues/email/redrive", staff).status == 403
    assert ask(world, "POST", "/schedules/daily/run", staff).status == 403


def test_queues_show_depth_age_and_dead_letters_of_all_tenants(world: World, sqs: Any) -> None:
    sqs.send_message(QueueUrl=aws.queue_url("email"), MessageBody="{}")
    sqs.send_message(QueueUrl=aws.queue_url("email") + "-dead", MessageBody="{}")
    for tenant in (world.tenant(), world.tenant("silo")):
        with patch.object(outbox, "hand_on"), world.db(tenant.id) as db:
            outbox.send(db, "email", {"x": 1})
    world.advance(timedelta(seconds=90))
    found = {queue["name"]: queue for queue in ask(world, "GET", "/queues", world.admin()).data}
    email = found["email"]
    assert (email["status"], email["waiting"], email["deadLetters"], email["openCommands"]) == ("connected", 1, 1, 2)
    assert 90 <= email["oldestSeconds"] < 100
    assert found["imports"]["status"] == "not_configured"
    assert {"sms-otp", "sms-service", "payment-settler", "files", "webhook-outbound"} <= set(found)


def test_dead_letters_go_back(world: World, sqs: Any) -> None:
    dead = aws.queue_url("email") + "-dead"
    for number in range(25):
        sqs.send_message(QueueUrl=dead, MessageBody=str(number))
    assert ask(world, "POST", "/queues/email/redrive", world.admin()).data == {"moved": 25, "remaining": 0}
    assert bodies(sqs, aws.queue_url("email")) == {str(number) for number in range(25)}
    assert ask(world, "POST", "/queues/email/redrive", world.admin()).data == {"moved": 0, "remaining": 0}
    assert ask(world, "POST", "/queues/nothing/redrive", world.admin()).status == 404


def bodies(sqs: Any, url: str) -> set[str]:
    found: set[str] = set()
    while got := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        found |= {message["Body"] for message in got}
    return found


@pytest.mark.parametrize("step", ["receive_message", "send_message", "delete_message"])
def test_killed_at_any_step_nothing_is_lost(world: World, sqs: Any, step: str) -> None:
    own, dead = aws.queue_url("email"), aws.queue_url("email") + "-dead"
    for number in range(3):
        sqs.send_message(QueueUrl=dead, MessageBody=str(number))

    class Killed(BaseException):
        pass

    class Dying:
        def __getattr__(self, name: str) -> Any:
            real = getattr(sqs, name)

            def call(**given: Any) -> Any:
                if name == "receive_message":
                    given["VisibilityTimeout"] = 0
                answer = real(**given)
                if name == step:
                    raise Killed
                return answer

            return call

    with patch.object(aws, "client", lambda _: Dying()), pytest.raises(Killed):
        queues.redrive("email")
    assert bodies(sqs, own) | bodies(sqs, dead) == {"0", "1", "2"}


def fire(world: World, name: str, **event: Any) -> Any:
    with world.worker():
        return function("schedules", name).handler(event, None)


def shown(world: World, name: str) -> dict[str, Any]:
    found = {one["name"]: one for one in ask(world, "GET", "/schedules", world.admin()).data}
    one: dict[str, Any] = found[name]
    return one


def test_a_schedule_shows_its_last_run_its_drift_and_the_next(world: World) -> None:
    assert shown(world, "minute")["lastRunAt"] is None
    due = clock.now()
    world.advance(timedelta(seconds=4))
    for _ in range(2):
        fire(world, "minute", time=due.isoformat())
    minute = shown(world, "minute")
    assert 4 <= minute["driftSeconds"] <= round((clock.now() - due).total_seconds(), 1)
    assert minute["lastFinishedAt"] is not None
    assert minute["runsToday"] == 2
    assert minute["nextRunAt"] > minute["lastRunAt"]


def test_a_failed_run_is_told(world: World) -> None:
    app = function("schedules", "minute")
    with patch.dict(app.JOBS, {"outbox": lambda: 1 / 0}), pytest.raises(JobsFailed):
        fire(world, "minute")
    assert "division by zero" in shown(world, "minute")["lastFailure"]
    fire(world, "minute")
    assert shown(world, "minute")["lastFailure"] is None


def test_a_double_trigger_of_a_rare_one_does_nothing(world: World) -> None:
    due = clock.now().isoformat()
    runs: list[int] = []
    handler = schedules.recorded("daily")(lambda event, context: {"run": len(runs), "x": runs.append(1)})
    with world.worker():
        assert handler({"time": due}, None)["run"] == 0
        assert handler({"time": due}, None) == {"doubleTrigger": True}
        world.advance(timedelta(seconds=5))
        assert handler({"time": clock.now().isoformat()}, None)["run"] == 1


def test_the_record_never_stands_in_the_way_of_the_work(world: World) -> None:
    """Also while the schema is not yet this release's."""
    handler = schedules.recorded("daily")(lambda event, context: {"ran": True})
    with patch.object(schedules, "BEGUN", "SELECT no_such_column"), patch.object(schedules, "ENDED", "SELECT nothing"):
        assert handler({}, None) == {"ran": True}
    connections.settle()


def test_run_now_runs_once_a_day(world: World, started: list[str]) -> None:
    admin = world.admin()
    first = ask(world, "POST", "/schedules/daily/run", admin)
    assert (first.status, first.data["started"]) == (202, True)
    again = ask(world, "POST", "/schedules/daily/run", admin)
    assert (again.status, again.data["started"]) == (200, False)
    assert started == ["D"]
    world.advance(timedelta(days=1))
    assert ask(world, "POST", "/schedules/daily/run", world.admin()).status == 202
    assert ask(world, "POST", "/schedules/nothing/run", world.admin()).status == 404


def test_what_ran_well_today_is_not_run_again_what_failed_is(world: World, started: list[str]) -> None:
    works = schedules.recorded("daily")(lambda event, context: {})
    fails = schedules.recorded("daily")(lambda event, context: {"x": 1 / 0})
    with world.worker(), pytest.raises(ZeroDivisionError):
        fails({}, None)
    assert ask(world, "POST", "/schedules/daily/run", world.admin()).status == 202
    with world.worker():
        works({}, None)
    assert ask(world, "POST", "/schedules/daily/run", world.admin()).status == 200
    assert started == ["D"]


def test_what_could_not_be_started_may_be_tried_again_at_once(world: World, started: list[str]) -> None:
    with world.setting(schedule_functions=""):
        assert ask(world, "POST", "/schedules/daily/run", world.admin()).status == 503
    assert ask(world, "POST", "/schedules/daily/run", world.admin()).status == 202
    assert started == ["D"]


def test_a_run_that_never_came_back_is_taken_for_lost(world: World, started: list[str]) -> None:
    world.advance_to(clock.now().astimezone(clock.INDIA).replace(hour=12, minute=0) + timedelta(days=1))
    assert ask(world, "POST", "/schedules/daily/run", world.admin()).status == 202
    world.advance(running.queries.LOST_AFTER + timedelta(seconds=1))
    assert ask(world, "POST", "/schedules/daily/run", world.admin()).status == 202
