"""`make health`: is a stage well? Connectivity, routing, authentication, databases, summary; one coloured table."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

DEMO = Path(__file__).parent.parent / ".local" / "demo.json"
SECONDS = 10
COLOURS = {"ok": "\033[32m", "slow": "\033[33m", "failed": "\033[31m", "skipped": "\033[36m"}
PLAIN = "\033[0m"


@dataclass(frozen=True)
class Line:
    """One row of the table."""

    phase: str
    check: str
    verdict: str
    detail: str
    ms: float


class Wrong(Exception):
    """An answer that is not what a healthy stage gives."""


class Skipped(Exception):
    """There is nothing to ask with."""


class Stage:
    """A stage to be asked, by its address and, if known, an operator's credentials."""

    def __init__(self, base_url: str, admin: dict[str, str] | None) -> None:
        self.base_url = base_url.rstrip("/")
        self.admin = admin
        self.token: str | None = None
        self.lines: list[Line] = []

    def ask(self, method: str, path: str, **how: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        return requests.request(method, self.base_url + path, timeout=SECONDS, headers=headers, **how)

    def check(self, phase: str, name: str, work: Callable[[], str]) -> None:
        """One row: what a check says, or why it could not be made."""
        started = time.perf_counter()
        try:
            verdict, detail = "ok", work()
        except Skipped as nothing:
            verdict, detail = "skipped", str(nothing)
        except (Wrong, requests.RequestException, KeyError, ValueError) as fault:
            verdict, detail = "failed", str(fault) or type(fault).__name__
        ms = (time.perf_counter() - started) * 1000
        verdict = "slow" if verdict == "ok" and ms > 1000 else verdict
        self.lines.append(Line(phase, name, verdict, detail, ms))


def must(answer: requests.Response, *statuses: int) -> requests.Response:
    if answer.status_code not in statuses:
        raise Wrong(f"{answer.status_code} instead of {' or '.join(map(str, statuses))}")
    return answer


def examine(stage: Stage) -> list[Line]:
    """All five phases; a later one is made even when an earlier failed, so that one run tells everything."""
    stage.check("connectivity", "gateway", lambda: _gateway(stage))
    stage.check("connectivity", "health", lambda: str(must(stage.ask("GET", "/health"), 200).json()["status"]))
    for group in _groups(stage):
        stage.check("routing", group, lambda group=group: _group(stage, group))  # type: ignore[misc]
    stage.check("routing", "unknown path", lambda: _unknown(stage))
    stage.check("authentication", "anonymous is refused", lambda: _anonymous(stage))
    stage.check("authentication", "operator signs in", lambda: _sign_in(stage))
    stage.check("authentication", "operator is known", lambda: _me(stage))
    stage.check("databases", "every database", lambda: _databases(stage))
    return stage.lines


def _gateway(stage: Stage) -> str:
    found = must(stage.ask("GET", "/"), 200).json()
    return f"{found['name']} {found['version']} ({found['stage']})"


def _groups(stage: Stage) -> Iterator[str]:
    try:
        yield from (g for g in stage.ask("GET", "/").json()["groups"] if g != "health")
    except (requests.RequestException, KeyError, ValueError):
        return


def _group(stage: Stage, group: str) -> str:
    return str(must(stage.ask("GET", f"/api/v1/{group}/health"), 200).json()["status"])


def _unknown(stage: Stage) -> str:
    return str(must(stage.ask("GET", "/api/v1/there-is-no-such-path"), 404).json()["code"])


def _anonymous(stage: Stage) -> str:
    return str(must(stage.ask("GET", "/api/v1/tenants"), 401).json()["code"])


def _sign_in(stage: Stage) -> str:
    if stage.admin is None:
        raise Skipped("no credentials: set HEALTH_EMAIL and HEALTH_PASSWORD")
    answer = must(stage.ask("POST", "/api/v1/auth/admin/login", json=stage.admin), 200).json()
    stage.token = answer["data"]["accessToken"]
    return str(answer["data"]["user"]["userType"])


def _me(stage: Stage) -> str:
    if stage.token is None:
        raise Skipped("not signed in")
    must(stage.ask("GET", "/api/v1/auth/me"), 200)
    return "token accepted"


def _databases(stage: Stage) -> str:
    if stage.token is None:
        found = must(stage.ask("GET", "/health"), 200).json()["database"]["status"]
        return f"core {found}"
    found = must(stage.ask("GET", "/health/detailed"), 200).json()["databases"]
    down = [name for name, facts in found.items() if facts["status"] != "connected"]
    if down:
        raise Wrong(", ".join(down))
    return f"{len(found)} connected"


def table(lines: list[Line], colour: bool) -> str:
    """What a person reads; the last row is the summary."""
    failed = sum(line.verdict == "failed" for line in lines)
    done = sum(line.verdict in ("ok", "slow") for line in lines)
    summary = Line("summary", f"{done}/{len(lines)} well", "failed" if failed else "ok", f"{failed} failed", 0)
    rows = []
    for line in [*lines, summary]:
        verdict = f"{line.verdict:8}"
        shown = f"{COLOURS[line.verdict]}{verdict}{PLAIN}" if colour else verdict
        took = f"{line.ms:7.0f} ms" if line.phase != "summary" else " " * 10
        rows.append(f"{line.phase:15} {line.check:24} {shown} {took}  {line.detail}")
    return "\n".join(rows)


def described() -> dict[str, Any]:
    """The demo world of the local stage, if there is one."""
    return json.loads(DEMO.read_text()) if DEMO.exists() else {}


def credentials() -> dict[str, str] | None:
    """An operator's, from the environment."""
    if email := os.environ.get("HEALTH_EMAIL"):
        return {"email": email, "password": os.environ["HEALTH_PASSWORD"]}
    return None


def examined(base_url: str, admin: dict[str, str] | None) -> int:
    """Print the table; 1 when anything failed."""
    lines = examine(Stage(base_url, admin))
    print(table(lines, sys.stdout.isatty() or "FORCE_COLOR" in os.environ))
    return 1 if any(line.verdict == "failed" for line in lines) else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    demo = described()
    default = os.environ.get("BASE_URL") or demo.get("baseUrl") or "http://127.0.0.1:3000"
    parser.add_argument("--base-url", default=default)
    asked = parser.parse_args()
    return examined(asked.base_url, credentials() or demo.get("admin"))


if __name__ == "__main__":
    sys.exit(main())
