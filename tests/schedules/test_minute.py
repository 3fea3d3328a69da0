"""The minute: every job runs, one that fails is told and stops no other, and twice is as good as once."""

from __future__ import annotations

from typing import Any

import pytest
from studyspot.kit import aws
from studyspot.kit.schedules import JobsFailed

from tests.world import World, function


def test_every_job_answers_how_much_it_did(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for call in ("send_message", "start_execution", "put_event"):
        monkeypatch.setattr(aws, call, lambda *_: None)
    with world.worker():
        assert set(function("schedules", "minute").handler({}, None)) == {
            "timers",
            "credits",
            "reports",
            "bounces",
            "outbox",
            "audit",
            "statutes",
        }


def test_one_failing_job_stops_no_other_and_the_run_is_reported_failed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    minute = function("schedules", "minute")
    ran: list[str] = []

    def job(name: str) -> Any:
        def work() -> int:
            ran.append(name)
            if name in ("timers", "reports"):
                raise RuntimeError(name)
            return 1

        return work

    monkeypatch.setattr(minute, "JOBS", {name: job(name) for name in minute.JOBS})
    with world.worker(), pytest.raises(JobsFailed, match="reports"):
        minute.handler({}, None)
    assert ran == ["timers", "credits", "reports", "bounces", "outbox", "audit", "statutes"]
