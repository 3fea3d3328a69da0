"""Every day at 00:10 IST: start the renewal of every subscription whose next period is near."""

from __future__ import annotations

from typing import Any

from studyspot.kit import cells, connections, log
from studyspot.subscriptions import service


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Safe to run twice: an opened period is not opened again. Answers how many renewals were started."""
    connections.settle()
    with cells.core_db() as core:
        started = service.start_due(core)
    log.info("daily", at=event.get("time"), renewals=started)
    return {"renewals": started}
