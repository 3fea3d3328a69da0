"""One command asks a stage in five phases and says so in a table and an exit code."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import requests

from local import health
from tests.world import World, function, http_event


@dataclass
class Heard:
    """As much of requests.Response as is read."""

    status_code: int
    body: str

    def json(self) -> Any:
        return requests.models.complexjson.loads(self.body)


@pytest.fixture
def handed(world: World, monkeypatch: pytest.MonkeyPatch) -> Callable[[str | None], health.Stage]:
    """A stage whose requests go to the real handlers."""

    def of_group(path: str) -> Any:
        group = path.removeprefix("/api/v1/").split("/")[0]
        return function("api", group if group in ("tenants", "credits") else "health")

    def ask(stage: health.Stage, method: str, path: str, **_: Any) -> Heard:
        if path.endswith("/admin/login"):
            data = {"success": True, "data": {"accessToken": world.admin(), "user": {"userType": "platform_admin"}}}
            return Heard(200, requests.models.complexjson.dumps(data))
        sent = {"authorization": f"Bearer {stage.token}"} if stage.token else {}
        path = "/api/v1/tenants" if path.endswith("/auth/me") else path
        out = of_group(path).handler(http_event(method, path, sent, None, "127.0.0.1"), None)
        return Heard(out["statusCode"], out["body"])

    monkeypatch.setattr(health.Stage, "ask", ask)
    monkeypatch.setattr(health, "_groups", lambda _: iter(["tenants", "credits"]))
    return lambda email: health.Stage("http://stage", {"email": email, "password": "x"} if email else None)


def test_a_well_stage_passes_every_phase(handed: Callable[[str | None], health.Stage]) -> None:
    lines = health.examine(handed("admin@example.org"))
    assert {line.verdict for line in lines} <= {"ok", "slow"}
    assert list(dict.fromkeys(line.phase for line in lines)) == [
        "connectivity", "routing", "authentication", "databases",
    ]  # fmt: skip
    text = health.table(lines, colour=True)
    assert text.splitlines()[-1].startswith("summary")
    assert "\033[32mok" in text


def test_without_credentials_what_needs_them_is_skipped(handed: Callable[[str | None], health.Stage]) -> None:
    lines = {line.check: line.verdict for line in health.examine(handed(None))}
    assert (lines["operator signs in"], lines["operator is known"]) == ("skipped", "skipped")
    assert lines["every database"] in ("ok", "slow")


def test_a_stage_that_does_not_answer_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise requests.ConnectionError("refused")

    monkeypatch.setattr(health.requests, "request", refuse)
    lines = health.examine(health.Stage("http://stage", None))
    assert "failed" in {line.verdict for line in lines}
    assert "failed" in health.table(lines, colour=False).splitlines()[-1]
