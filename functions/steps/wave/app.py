"""The steps of schema_wave: batch after batch, until all is done or one has failed."""

from typing import Any
from uuid import UUID

from studyspot.kit.steps import Steps
from studyspot.rollouts import waving

steps = Steps()
handler = steps.handler


@steps.step
def batch(given: dict[str, Any]) -> dict[str, Any]:
    """The next batch has every migration, or the wave has stopped."""
    return {"state": waving.migrate_next_batch(UUID(given["waveId"]))}


@steps.step
def settle(given: dict[str, Any]) -> None:
    """The wave is over."""
    waving.close(UUID(given["outboxId"]))
