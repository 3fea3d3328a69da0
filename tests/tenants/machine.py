"""Walks a state machine's definition in process: every task is the real step function, killed or failed on demand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent.parent
Handler = Callable[[dict[str, Any], Any], dict[str, Any]]


class Killed(BaseException):
    """The process is gone; no Catch of the machine sees it, the execution is lost."""


class Broken(Exception):
    """A step that fails whatever is tried."""


@dataclass
class Machine:
    """`kill_before`, `kill_after` and `break_at` name states; each strikes once."""

    name: str
    handler: Handler
    kill_before: str | None = None
    kill_after: str | None = None
    break_at: str | None = None
    visited: list[str] = field(default_factory=list)

    def states(self) -> dict[str, Any]:
        return self._definition()["States"]  # type: ignore[no-any-return]

    def _definition(self) -> dict[str, Any]:
        loaded: dict[str, Any] = yaml.safe_load((ROOT / "statemachines" / f"{self.name}.asl.yaml").read_text())
        return loaded

    def run(self, given: dict[str, Any]) -> str:
        """Answers the type of the state it ended in."""
        definition = self._definition()
        name: str = definition["StartAt"]
        while True:
            state = definition["States"][name]
            self.visited.append(name)
            match state["Type"]:
                case "Choice":
                    name = next(
                        (c["Next"] for c in state["Choices"] if given.get(c["Variable"][2:]) == c["StringEquals"]),
                        state["Default"],
                    )
                case "Task":
                    name, given = self._task(name, state, given)
                case end:
                    return str(end)

    def _task(self, name: str, state: dict[str, Any], given: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        assert state["Resource"] == "arn:aws:states:::lambda:invoke" and state["OutputPath"] == "$.Payload"
        if name == self.kill_before:
            self.kill_before = None
            raise Killed(name)
        try:
            if name == self.break_at:
                raise Broken(name)
            answer = self.handler({"step": state["Parameters"]["Payload"]["step"], "input": given}, None)
        except Exception as error:
            if "Catch" not in state:
                raise
            catch = state["Catch"][0]
            return catch["Next"], {**given, catch["ResultPath"][2:]: {"Error": type(error).__name__}}
        if name == self.kill_after:
            self.kill_after = None
            raise Killed(name)
        return state["Next"], answer
