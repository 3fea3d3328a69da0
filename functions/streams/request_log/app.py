"""The log's request lines, as CloudWatch Logs delivers them: counted by the minute for health and metrics."""

from __future__ import annotations

from typing import Any

from studyspot.kit import cells, connections, traffic


def handler(event: dict[str, Any], context: Any) -> dict[str, int]:
    """At-least-once delivery in, every batch counted once."""
    connections.settle()
    batch, lines = traffic.lines_of(event)
    with cells.core_db() as core:
        return {"requests": traffic.add(core, batch, lines)}
