"""Every day at 03:00 IST: tenant by tenant, first report and then delete what is kept long enough."""

from __future__ import annotations

from typing import Any

from studyspot.kit import clock, connections
from studyspot.kit.schedules import recorded
from studyspot.privacy.service import retention, statutes


@recorded("retention")
def handler(event: dict[str, Any], context: Any) -> dict[str, int]:
    """Safe to run twice: a finished night does nothing more. Figures of law reach cells that were made since."""
    connections.settle()
    return {
        "figures": statutes.spread(all_of_them=True),
        "deleted": retention.run(clock.now().astimezone(clock.INDIA).date()),
    }
