"""The sample product while it runs, as the tests see it."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.engine import Engine
from local.stand_in import StandIn
from local.template import Template

SAMPLE = Path(__file__).with_name("sample") / "template.yaml"


@dataclass
class Sample:
    """The sample product, running; `notes` is what its functions wrote down."""

    engine: Engine
    stand_in: StandIn
    template: Template
    lines: list[bytes]
    _notes: Path

    def notes(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._notes.read_text().splitlines()]

    def forget(self) -> None:
        self._notes.write_text("")

    def eventually(self, true: Callable[[], Any], seconds: float = 20) -> Any:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if found := true():
                return found
            time.sleep(0.05)
        raise AssertionError(f"not within {seconds} s: {self.notes()} {self.lines[-5:]}")
