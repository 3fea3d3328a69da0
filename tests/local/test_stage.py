"""The whole stage with the product in it: the sandbox, an outage of AWS, a restart that keeps what was there."""

import json
import os
import signal
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
import requests
from botocore.config import Config
from botocore.exceptions import ClientError

from local.postgres import FAST_AND_FORGETFUL
from local.stage import Stage, wait_for

QUEUES = {"sms-otp", "sms-service", "email", "payment-settler", "imports", "files", "webhook-outbound"}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("stage")


@pytest.fixture(scope="module")
def stage(home: Path) -> Iterator[Stage]:
    with Stage(home, bcrypt_cost=4, database=FAST_AND_FORGETFUL) as running:
        yield running


def call(stage: Stage, method: str, path: str, body: Any = None, status: int = 200, **headers: str) -> Any:
    answer = requests.request(method, f"{stage.url}/sandbox{path}", json=body, headers=headers, timeout=60)
    assert answer.status_code == status, answer.text
    if status == 204:
        return None
    found = answer.json()
    assert found["success"] is (status < 400)
    return found["data"] if status < 400 else found


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_the_page_carries_its_own_script_and_nothing_else_may_run(stage: Stage) -> None:
    answer = requests.get(f"{stage.url}/sandbox", timeout=10)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "script-src 'sha256-" in answer.headers["content-security-policy"]
    assert "StudySpot sandbox" in answer.text


def test_a_page_of_another_origin_may_not_play_here(stage: Stage) -> None:
    refused = call(stage, "GET", "/outbox", status=403, Origin="https://evil.test")
    assert refused["code"] == "forbidden"


def test_the_queues_and_machines_of_the_template_are_there(stage: Stage) -> None:
    queues = call(stage, "GET", "/queues")
    assert {queue["name"] for queue in queues} == QUEUES
    assert all(queue["deadLetters"] == [] for queue in queues)
    assert isinstance(call(stage, "GET", "/executions"), list)


def test_the_clock_goes_forward_and_fires_what_falls_due(stage: Stage) -> None:
    before = moment(call(stage, "GET", "/clock")["now"])
    turned = call(stage, "POST", "/clock", {"advance": "P1D"})
    assert moment(turned["now"]) >= before + timedelta(days=1)
    assert [one["schedule"] for one in turned["fired"]].count("daily") == 1
    assert [one for one in turned["fired"] if not one["ok"]] == []
    refused = call(stage, "POST", "/clock", {"now": before.isoformat()}, status=422)
    assert (refused["code"], refused["errors"][0]["field"]) == ("validation_failed", "now")


def test_one_schedule_can_be_fired_by_name(stage: Stage) -> None:
    assert call(stage, "POST", "/schedules/minute/run")["ok"] is True
    assert call(stage, "POST", "/schedules/never/run", status=404)["code"] == "not_found"


def test_limits_are_multiplied_until_they_are_not(stage: Stage) -> None:
    call(stage, "PUT", "/limits", {"factor": 1000})
    assert stage.limits.read_text() == "1000"
    call(stage, "DELETE", "/limits", status=204)
    assert stage.limits.read_text() == "1"
    assert call(stage, "PUT", "/limits", {"factor": 0}, status=422)["code"] == "validation_failed"


def test_a_faulty_queue_refuses_and_heals(stage: Stage) -> None:
    as_the_functions_do = boto3.client(
        "sqs",
        endpoint_url=stage.engine.pools["MinuteSchedule"].environment["AWS_ENDPOINT_URL_SQS"],
        region_name="ap-south-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
        config=Config(retries={"total_max_attempts": 1}),
    )
    call(stage, "POST", "/faults", {"target": "queue", "fault": "error_500", "operation": "ListQueues", "times": 1})
    with pytest.raises(ClientError, match="InternalFailure"):
        as_the_functions_do.list_queues()
    assert len(as_the_functions_do.list_queues()["QueueUrls"]) == 2 * len(QUEUES)
    call(stage, "POST", "/faults", {"target": "queue", "fault": "down"})
    call(stage, "DELETE", "/faults", status=204)
    assert call(stage, "GET", "/faults") == []


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nothing", 404), ("DELETE", "/clock", 405), ("POST", "/payments/x/pay", 422)],
)
def test_refusals_look_like_the_api_s(stage: Stage, method: str, path: str, status: int) -> None:
    refused = call(stage, method, path, {}, status=status)
    assert {"success", "type", "title", "status", "code", "detail", "instance", "requestId"} <= set(refused)


def test_secrets_are_for_their_owner_only(stage: Stage) -> None:
    for name in ("secrets.json", "running.json", "postgres.password"):
        assert (stage.home / name).stat().st_mode & 0o777 == 0o600


def test_lines_of_the_functions_are_kept(stage: Stage) -> None:
    lines = (stage.home / "logs" / "combined.log").read_text().splitlines()
    assert any(json.loads(line).get("service") == "Migrator" for line in lines)


def test_aws_comes_back_after_it_is_killed(stage: Stage) -> None:
    before = stage.stand_in.pid
    os.kill(before, signal.SIGKILL)
    assert wait_for(lambda: stage.stand_in.pid != before, 10)
    assert wait_for(lambda: requests.get(f"{stage.url}/sandbox/queues", timeout=10).status_code == 200, 10)
    assert len(call(stage, "GET", "/queues")) == len(QUEUES)


def test_a_second_start_keeps_the_time_and_leaves_no_process_behind(tmp_path: Path) -> None:
    with Stage(tmp_path, bcrypt_cost=4, database=FAST_AND_FORGETFUL) as first:
        first.clock_file.move_to(first.clock_file.now() + timedelta(days=3))
        keys = first.secrets.signing_keys
    assert not (tmp_path / "running.json").exists()
    began = time.monotonic()
    with Stage(tmp_path, bcrypt_cost=4, database=FAST_AND_FORGETFUL) as second:
        assert second.secrets.signing_keys == keys
        assert second.clock_file.offset > timedelta(days=2)
        assert time.monotonic() - began < 10
