"""People who call the running product over HTTP, and keep at it when their token has run out."""

import http.client
import json
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

T = TypeVar("T")
LONGEST_ANSWER = 90.0
SIGN_IN_TRIES = 5


@dataclass(frozen=True)
class Answer:
    """One answer; `data` is what the product wrapped, `code` what it refused with."""

    status: int
    body: Any
    headers: dict[str, str]

    @property
    def data(self) -> Any:
        return self.body["data"]

    @property
    def code(self) -> Any:
        return self.body.get("code") if isinstance(self.body, dict) else None

    def must(self, *statuses: int) -> Any:
        """Its data, if it is what was wanted."""
        if self.status not in statuses:
            raise AssertionError(f"{self.status} instead of {statuses}: {self.body}")
        return self.body.get("data") if isinstance(self.body, dict) else None


def call(
    url: str,
    method: str,
    path: str,
    body: Any = None,
    *,
    headers: dict[str, str] | None = None,
    source: str | None = None,
) -> Answer:
    """One request on a connection of its own, from the address `source`."""
    sent = {"Content-Type": "application/json"} | (headers or {})
    raw = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    at = urlsplit(url)
    assert at.hostname
    origin = (source, 0) if source else None
    connection = http.client.HTTPConnection(at.hostname, at.port, timeout=LONGEST_ANSWER, source_address=origin)
    with closing(connection):
        connection.request(method, path, raw, sent)
        got = connection.getresponse()
        text = got.read()
    found = {name.lower(): value for name, value in got.getheaders()}
    is_json = "json" in found.get("content-type", "")
    return Answer(got.status, json.loads(text) if is_json else text.decode(errors="replace"), found)


class Person:
    """Somebody with a password, signed in once it is needed and again when the product's clock passed the token."""

    def __init__(self, url: str, account: dict[str, str], at: str = "/auth/login") -> None:
        self.url = url
        self._account = {"email": account["email"], "password": account["password"]}
        self._at = at
        self._token: str | None = None

    def sign_in(self) -> Any:
        """Fresh tokens; somebody who is told to come back in a moment does so."""
        answer = call(self.url, "POST", f"/api/v1{self._at}", self._account)
        for _ in range(SIGN_IN_TRIES):
            if answer.status < 500:
                break
            time.sleep(0.2)
            answer = call(self.url, "POST", f"/api/v1{self._at}", self._account)
        data = answer.must(200)
        self._token = data["accessToken"]
        return data

    def ask(self, method: str, path: str, body: Any = None, key: str | None = None, **headers: str) -> Answer:
        """One request; a token that ran out is replaced and the request repeated once."""
        if self._token is None:
            self.sign_in()
        answer = self._once(method, path, body, key, headers)
        if answer.status == 401 and answer.code == "token_expired":
            self.sign_in()
            answer = self._once(method, path, body, key, headers)
        return answer

    def _once(self, method: str, path: str, body: Any, key: str | None, headers: dict[str, str]) -> Answer:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        sent["Authorization"] = f"Bearer {self._token}"
        if key:
            sent["Idempotency-Key"] = key
        return call(self.url, method, f"/api/v1{path}", body, headers=sent)


class Sandbox:
    """What only the local stage offers: the gateway's page, the outbox, the clock, faults."""

    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, method: str, path: str, body: Any = None) -> Answer:
        return call(self.url, method, f"/sandbox{path}", body)

    def pay(self, order: str, outcome: str = "success", webhook: str = "normal", delay_ms: int = 0) -> Any:
        """The customer at the gateway; what the app is handed."""
        wanted = {"outcome": outcome, "webhook": webhook, "delayMs": delay_ms}
        return self.ask("POST", f"/payments/{order}/pay", wanted).must(200)

    def advance(self, by: str, skip: bool = False) -> Any:
        return self.ask("POST", "/clock", {"advance": by, "skip": skip}).must(200)

    def run(self, schedule: str) -> Any:
        return self.ask("POST", f"/schedules/{schedule}/run").must(200)

    def outbox(self, channel: str, to: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ask("GET", f"/outbox?channel={channel}&to={to.removeprefix('+')}").must(200)
        return found

    def fault(self, target: str, fault: str, operation: str, times: int = 1, **more: Any) -> None:
        self.ask("POST", "/faults", {"target": target, "fault": fault, "operation": operation, "times": times, **more})


def eventually(look: Callable[[], T | None], what: str, seconds: float = 40.0) -> T:
    """Ask until there is something: whatever is asynchronous takes seconds at most."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.05)
    raise AssertionError(f"{what}: not within {seconds:.0f} s")
