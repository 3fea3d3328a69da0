"""The steps of tenant_move: prepare the other cell, copy and compare with writers paused, switch, keep, drop."""

from typing import Any
from uuid import UUID

from studyspot.kit.steps import Steps
from studyspot.moves import moving

steps = Steps()
handler = steps.handler


@steps.step
def prepare(given: dict[str, Any]) -> dict[str, Any]:
    """The other cell is there and up to date."""
    return {"state": moving.prepare(UUID(given["moveId"]))}


@steps.step
def transfer(given: dict[str, Any]) -> None:
    """All rows are over there, and the tenant is closed here."""
    moving.transfer(UUID(given["moveId"]))


@steps.step
def switch(given: dict[str, Any]) -> None:
    """The tenant works there."""
    moving.switch(UUID(given["moveId"]), UUID(given["outboxId"]))


@steps.step
def give_up(given: dict[str, Any]) -> dict[str, Any]:
    """Nothing has changed, or it is too late for that."""
    given_up = moving.give_up(UUID(given["moveId"]), given.get("failure"), UUID(given["outboxId"]))
    return {"state": "failed" if given_up else "copied"}


@steps.step
def settle(given: dict[str, Any]) -> None:
    """An earlier execution came to the end."""
    moving.close(UUID(given["outboxId"]))


@steps.step
def drop_copy(given: dict[str, Any]) -> None:
    """The old copy is gone."""
    moving.drop_copy(UUID(given["moveId"]), UUID(given["outboxId"]))
