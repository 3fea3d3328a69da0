"""What every answer carries, what no answer and no line of the log tells, and bodies made to break a parser."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest
from studyspot.kit import ids, opaque, response
from studyspot.kit.ids import PLATFORM

from tests.world import Answer, World

SECURED = {name.lower(): value for name, value in response.SECURITY_HEADERS.items()}


@pytest.fixture
def spoken(world: World) -> Iterator[None]:
    """The functions write their lines, as in a deployed stage."""
    with world.setting(log_level="INFO"):
        yield


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def every_kind_of_answer(world: World) -> dict[str, Answer]:
    owner = world.tenant().owner
    return {
        "200": world.call("libraries", "GET", "/libraries", owner),
        "csv": world.call("libraries", "GET", "/libraries", owner, accept="text/csv"),
        "204": world.call("auth", "POST", "/auth/logout", world.tenant().owner),
        "401": world.call("libraries", "GET", "/libraries"),
        "403": world.call("tenants", "GET", "/tenants", owner),
        "404": world.call("health", "GET", "/nothing"),
        "405": world.call("libraries", "PATCH", "/libraries", owner),
        "415": world.call("libraries", "POST", "/libraries", owner, "<a/>", content_type="text/xml"),
        "422": world.call("libraries", "POST", "/libraries", owner, {"no": 1}),
        "health": world.call("health", "GET", "/api/v1/health"),
        "docs": world.call("health", "GET", "/api/docs"),
    }


def test_every_answer_carries_the_headers_of_a_careful_api(world: World) -> None:
    for kind, answer in every_kind_of_answer(world).items():
        found = {name.lower(): value for name, value in answer.headers.items()}
        policy = found.pop("content-security-policy")
        missing = {n: found.get(n) for n, v in SECURED.items() if n != "content-security-policy" and found.get(n) != v}
        assert not missing, kind
        for directive in ("default-src 'none'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"):
            assert directive in policy, kind
        assert int(found["strict-transport-security"].partition("=")[2].partition(";")[0]) >= 31_536_000


def test_every_body_is_named_for_what_it_is(world: World) -> None:
    for kind, answer in every_kind_of_answer(world).items():
        named = answer.headers.get("Content-Type", "")
        if kind == "204":
            assert (answer.raw, named) == (b"", "")
        elif kind in ("csv", "docs"):
            assert named.endswith("; charset=utf-8"), kind
        else:
            json.loads(answer.raw)
            assert named == ("application/json" if answer.status == 200 else "application/problem+json"), kind


def test_a_compressed_answer_still_varies_by_origin(world: World) -> None:
    with world.setting(cors_origin="https://app.example"):
        answer = world.call("health", "GET", "/api/docs", origin="https://app.example", accept_encoding="gzip")
    assert answer.headers["Content-Encoding"] == "gzip"
    assert answer.headers["Vary"] == "Origin, Accept-Encoding"


def test_no_origin_but_a_configured_one_may_read(world: World) -> None:
    with world.setting(cors_origin="https://app.example"):
        for origin in ("https://app.example.evil", "http://app.example", "null", "https://APP.example"):
            answer = world.call("health", "GET", "/api/v1/health", origin=origin)
            assert "Access-Control-Allow-Origin" not in answer.headers
        known = world.call("health", "GET", "/api/v1/health", origin="https://app.example")
    assert known.headers["Access-Control-Allow-Origin"] == "https://app.example"


def test_unsupported_methods_do_nothing(world: World) -> None:
    for method in ("TRACE", "TRACK", "CONNECT", "PATCH", "HEAD"):
        answer = world.call("libraries", method, "/libraries", world.tenant().owner)
        assert (answer.status, answer.headers["Allow"]) == (405, "GET, POST"), method


def test_the_most_literal_path_names_its_methods(world: World) -> None:
    seats = f"/libraries/{ids.uuid7()}/seats"
    for path, methods in (("bulk", "POST, OPTIONS"), (ids.uuid7(), "DELETE, PUT, OPTIONS")):
        assert world.call("libraries", "OPTIONS", f"{seats}/{path}").headers["Allow"] == methods


@pytest.mark.parametrize(
    "body",
    [
        "[" * 100_000,
        '{"name":' * 50_000,
        "{" + '"a":1,' * 10 + '"a":1',
        '{"name": "\\ud800"}',
        gzip.compress(b'{"name": "x"}').hex(),
    ],
    ids=["deep list", "deep object", "cut off", "half a character", "packed"],
)
def test_a_body_made_to_break_the_parser_is_not_json(world: World, body: str) -> None:
    answer = world.call("libraries", "POST", "/libraries", world.tenant().owner, body, content_type="application/json")
    assert answer.code == "malformed_json"


def test_a_packed_body_is_never_unpacked(world: World) -> None:
    packed = gzip.compress(b" " * 10_000_000)
    sent = {"content_type": "application/json", "content_encoding": "gzip"}
    answer = world.call("libraries", "POST", "/libraries", world.tenant().owner, packed, **sent)
    assert answer.code == "malformed_json"


def test_numbers_without_end_are_a_fault_of_the_field(world: World) -> None:
    body = '{"name": "x", "code": ' + "9" * 5000 + "}"
    answer = world.call("libraries", "POST", "/libraries", world.tenant().owner, body, content_type="application/json")
    assert answer.status in (400, 422)


def test_a_parameter_given_twice_is_neither_of_the_two(world: World) -> None:
    answer = world.call("libraries", "GET", "/libraries?limit=1&limit=200", world.tenant().owner)
    assert answer.code == "validation_failed"


def test_an_address_is_the_gateway_s_word_not_the_caller_s(world: World) -> None:
    with world.setting(rate_limit_factor="0.02"):
        told = [
            world.call("privacy", "GET", "/privacy/notice", address="203.0.113.7", x_forwarded_for=f"198.51.100.{n}",
                       x_real_ip=f"198.51.100.{n}", forwarded=f"for=198.51.100.{n}").status
            for n in range(4)
        ]  # fmt: skip
    assert told == [200, 200, 429, 429]


@pytest.mark.usefixtures("spoken")
def test_a_request_id_is_one_line_or_ours(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    for given in ("mine\n", "mine\r\nx: y", '"}\n{"forged": 1}', "x" * 129, ""):
        answer = world.call("libraries", "GET", "/libraries", x_request_id=given)
        assert answer.headers["X-Request-Id"] not in (given, given.strip())
    assert world.call("libraries", "GET", "/libraries", x_request_id="mine").headers["X-Request-Id"] == "mine"
    assert len(lines(capsys)) == 6


@pytest.mark.usefixtures("spoken")
def test_what_is_logged_is_one_line_whatever_was_sent(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    forged = '00\n{"level":"ERROR","message":"forged"}'
    world.call("health", "GET", '/api/v1/a\n{"message":"forged"}', traceparent=forged)
    (line,) = lines(capsys)
    assert (line["message"], line["traceparent"]) == ("request", forged)


@pytest.mark.usefixtures("spoken")
def test_a_token_in_a_path_is_not_logged(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    token = opaque.mint("invitation", PLATFORM)
    for method, path in (("GET", f"/auth/invitations/{token}"), ("POST", f"/auth/invitations/{token}/accept"),
                         ("PUT", f"/auth/invitations/{token}"), ("GET", f"/auth/invitation/{token}")):  # fmt: skip
        world.call("auth", method, path, None, {"password": "x"} if method == "POST" else None)
    world.call("msg91", "POST", "/messaging/webhook/msg91/short-guess", None, {}, kind="webhooks")
    out = capsys.readouterr().out
    assert token not in out
    assert token.partition(".")[0] not in out
    assert "short-guess" not in out
    assert len(out.splitlines()) == 5


@pytest.mark.usefixtures("spoken")
def test_no_secret_of_a_request_is_logged(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    secret, owner = "a quiet reading room", world.tenant().owner
    world.call("auth", "POST", "/auth/login", None, {"email": "nobody@example.org", "password": secret})
    world.call("auth", "POST", "/auth/otp/verify", None, {"phone": "9876543210", "code": "314159"},
               x_tenant_id=str(PLATFORM))  # fmt: skip
    world.call("libraries", "GET", "/libraries", owner, cookie="session=private-cookie")
    out = capsys.readouterr().out
    assert out
    for private in (secret, "nobody@example.org", "9876543210", "314159", owner, "private-cookie"):
        assert private not in out


@pytest.mark.usefixtures("spoken")
def test_a_refusal_is_logged_with_its_reason_and_who_met_it(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    tenant = world.tenant()
    world.call("tenants", "GET", "/tenants", tenant.owner)
    world.call("libraries", "GET", "/libraries", "x.y.z")
    world.call("libraries", "GET", "/libraries", tenant.owner)
    refused, unknown, served = lines(capsys)
    assert (refused["status"], refused["code"], refused["userId"]) == (403, "forbidden", str(tenant.owner_id))
    assert refused["timestamp"].endswith("+00:00")
    assert (unknown["status"], unknown["code"], unknown["userId"]) == (401, "unauthenticated", None)
    assert (served["status"], served["code"]) == (200, None)


def test_a_bug_tells_the_log_everything_and_the_caller_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("SELECT secret FROM vault")

    monkeypatch.setattr("studyspot.kit.call.Call._bind", broken)
    answer = world.call("libraries", "GET", "/libraries", world.tenant().owner)
    assert (answer.status, answer.code) == (500, "internal")
    for inner in (b"RuntimeError", b"SELECT", b"vault", b"Traceback", b".py"):
        assert inner not in answer.raw
    bug = next(line for line in lines(capsys) if line["message"] == "bug")
    assert "vault" in bug["stack"]
    assert bug["requestId"] == answer.json["requestId"]
