"""The front: routes, events and limits as API Gateway has them, one event at a time for every process."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from local.front import LARGEST_BODY
from tests.local.running import Sample


def call(sample: Sample, method: str, path: str, **more: Any) -> requests.Response:
    return requests.request(method, sample.engine.url + path, timeout=30, **more)


def event(sample: Sample, method: str, path: str, **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = call(sample, method, path, **more).json()["event"]
    return found


def test_a_function_receives_payload_2(sample: Sample) -> None:
    got = event(
        sample,
        "POST",
        "/things/a%2Fb?tag=x&tag=y&empty=",
        json={"name": "Räume"},
        headers={"X-One": "1", "Cookie": "s=1; t=2"},
    )
    assert got["version"] == "2.0"
    assert got["routeKey"] == "ANY /things/{proxy+}"
    assert got["rawPath"] == "/things/a%2Fb"
    assert got["pathParameters"] == {"proxy": "a/b"}
    assert got["rawQueryString"] == "tag=x&tag=y&empty="
    assert got["queryStringParameters"] == {"tag": "x,y", "empty": ""}
    assert got["cookies"] == ["s=1", "t=2"]
    assert got["headers"]["x-one"] == "1"
    assert "cookie" not in got["headers"]
    assert json.loads(got["body"]) == {"name": "Räume"}
    assert got["isBase64Encoded"] is False
    assert got["requestContext"]["http"]["method"] == "POST"
    assert got["requestContext"]["http"]["sourceIp"] == "127.0.0.1"


@pytest.mark.parametrize(
    ("method", "path", "key"),
    [
        ("GET", "/things/special", "ANY /things/special"),
        ("GET", "/things/other", "ANY /things/{proxy+}"),
        ("GET", "/ones/7", "GET /ones/{id}"),
        ("POST", "/ones/7", "$default"),
        ("GET", "/ones/7/more", "$default"),
        ("GET", "/", "$default"),
    ],
)
def test_the_most_specific_route_wins(sample: Sample, method: str, path: str, key: str) -> None:
    assert event(sample, method, path)["routeKey"] == key


def test_bytes_travel_in_base64(sample: Sample) -> None:
    got = event(sample, "POST", "/things/file", data=b"\xff\x00", headers={"Content-Type": "application/zip"})
    assert (got["body"], got["isBase64Encoded"]) == ("/wA=", True)


def test_cookies_leave_one_by_one(sample: Sample) -> None:
    answer = call(sample, "GET", "/")
    assert answer.raw.headers.getlist("set-cookie") == ["a=1", "b=2"]


def test_a_function_that_raises_is_a_500_of_the_gateway_and_a_line_in_the_log(sample: Sample) -> None:
    answer = call(sample, "GET", "/things/x?do=raise")
    assert (answer.status_code, answer.json()) == (500, {"message": "Internal Server Error"})
    assert any(b'"errorType": "KeyError"' in line for line in sample.lines)


def test_a_process_that_dies_is_replaced(sample: Sample) -> None:
    assert call(sample, "GET", "/things/x?do=exit").status_code == 500
    assert call(sample, "GET", "/things/x").status_code == 200


def test_each_process_takes_one_request_at_a_time(sample: Sample) -> None:
    with ThreadPoolExecutor(12) as pool:
        marks = [f"m{number}" for number in range(24)]
        answers = list(pool.map(lambda mark: call(sample, "GET", f"/things/{mark}?do=sleep").json(), marks))
    assert [answer["event"]["pathParameters"]["proxy"] for answer in answers] == marks
    assert 1 < len({answer["pid"] for answer in answers}) <= 3


def test_a_known_origin_may_ask_and_a_stranger_may_not(sample: Sample) -> None:
    asked = {"Origin": "http://localhost:5173", "Access-Control-Request-Method": "POST"}
    answer = call(sample, "OPTIONS", "/things/x", headers=asked)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "http://localhost:5173"
    assert answer.headers["access-control-allow-credentials"] == "true"
    stranger = call(sample, "OPTIONS", "/things/x", headers=asked | {"Origin": "https://evil.test"})
    assert not [name for name in stranger.headers if name.startswith("access-control-")]
    plain = call(sample, "GET", "/", headers={"Origin": "http://localhost:5173"})
    assert plain.headers["access-control-expose-headers"] == "etag"


def test_a_body_above_ten_megabytes_is_refused(sample: Sample) -> None:
    assert call(sample, "POST", "/", data=b"x" * (LARGEST_BODY + 1)).status_code == 413


def test_a_function_may_be_invoked_by_those_who_know_the_way(sample: Sample) -> None:
    path = "/2015-03-31/functions/Double/invocations"
    answer = requests.post(sample.engine.invoke_address + path, data=b'{"x": 1}', timeout=10)
    assert answer.json() == {"x": 1, "done": True}
    failed = requests.post(sample.engine.invoke_address + path, data=b'{"raises": "Refused"}', timeout=10)
    assert failed.headers["x-amz-function-error"] == "Unhandled"
    assert failed.json()["errorType"] == "Refused"
    stranger = call(sample, "POST", path, data=b"{}")
    assert stranger.json()["event"]["routeKey"] == "$default"


def test_the_environment_is_the_template_s(sample: Sample) -> None:
    found = call(sample, "GET", "/").json()["environment"]
    assert found["STAGE"] == "local"
    assert found["WORK_QUEUE_URL"] == f"{sample.stand_in.endpoint}/000000000000/work-local"
    assert found["MACHINE_ARN"] == "arn:aws:states:ap-south-1:000000000000:stateMachine:sample-local"
    assert (found["CORE_DB_USER"], found["CORE_DB_PASSWORD"]) == ("app", "pw")
    assert not {"SUBNETS", "DB_SECRET_ARN", "HOME"} & set(found)
