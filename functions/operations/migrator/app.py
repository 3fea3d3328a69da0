"""Run by the deployment: core, template and every cell get the migrations of this release; safe to run twice."""

from typing import Any

from studyspot.kit import cells, connections, log
from studyspot.schema import placement
from studyspot.subscriptions import service as subscriptions


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answers how many migrations were applied to which database."""
    connections.settle()
    applied = placement.bring_up_to_date()
    with cells.core_db() as core:
        subscriptions.seed_plans(core)
    log.info("migrated", applied={name: count for name, count in applied.items() if count})
    return {"applied": applied}
