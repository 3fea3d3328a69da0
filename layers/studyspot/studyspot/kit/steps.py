"""State-machine tasks: one function a machine, one Python function a step, each safe to run again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from studyspot.kit import connections, log

Step = Callable[[dict[str, Any]], dict[str, Any] | None]


class UnknownStep(Exception):
    """The machine asks for a step this function does not have."""


class Steps:
    """The steps of one machine. The task's payload is `{"step": name, "input": {...}}`; the answer joins the input."""

    def __init__(self) -> None:
        self.known: dict[str, Step] = {}

    def step(self, work: Step) -> Step:
        """Register a step under its own name."""
        self.known[work.__name__] = work
        return work

    def handler(self, event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG002 - Lambda passes it
        """Runs the step; an exception's class name is what the machine's Retry and Catch match."""
        connections.settle()
        name, given = event["step"], event["input"]
        if name not in self.known:
            raise UnknownStep(name)
        try:
            answer = self.known[name](given) or {}
        except Exception as error:
            log.error("step_failed", step=name, subject=given.get("subject"), error=repr(error))
            raise
        log.info("step", step=name, subject=given.get("subject"), **{k: answer[k] for k in answer if k == "next"})
        return {**given, **answer}
