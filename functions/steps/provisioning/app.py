"""The steps of tenant_provisioning: each runs, is recorded, and may run again."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from studyspot.kit import cells
from studyspot.kit.steps import Steps
from studyspot.subscriptions import service as subscriptions
from studyspot.tenants import provisioning

steps = Steps()
handler = steps.handler


def _tenant(given: dict[str, Any]) -> UUID:
    return UUID(given["subject"])


def _step(name: str, work: Callable[[dict[str, Any]], dict[str, Any] | None]) -> None:
    """Register a step; what makes it fail is noted beside it before the machine decides about a retry."""

    def run(given: dict[str, Any]) -> dict[str, Any] | None:
        try:
            return work(given)
        except Exception as error:
            provisioning.note_failure(_tenant(given), name, error)
            raise

    run.__name__ = name
    steps.step(run)


def _validate(given: dict[str, Any]) -> dict[str, Any]:
    isolation, state = provisioning.validate(_tenant(given))
    return {"isolation": isolation, "state": state}


def _start_trial(given: dict[str, Any]) -> None:
    with provisioning.recorded(_tenant(given), "start_trial") as core:
        subscriptions.start_trial(core, _tenant(given))


def _invite_owner(given: dict[str, Any]) -> None:
    if given.get("invite"):
        provisioning.invite_owner(_tenant(given))
    else:
        with provisioning.recorded(_tenant(given), "invite_owner"):
            pass


def _activate(given: dict[str, Any]) -> None:
    provisioning.activate(_tenant(given), UUID(given["outboxId"]))


_step("validate", _validate)
_step("reserve_slug", lambda given: provisioning.reserve_slug(_tenant(given)))
_step("create_core_rows", lambda given: provisioning.create_core_rows(_tenant(given)))
_step("choose_cell", lambda given: provisioning.choose_cell(_tenant(given)))
_step("create_silo", lambda given: provisioning.create_silo(_tenant(given)))
_step("migrate", lambda given: provisioning.migrate(_tenant(given)))
_step("seed", lambda given: provisioning.seed(_tenant(given)))
_step("grant_credits", lambda given: provisioning.grant_credits(_tenant(given)))
_step("start_trial", _start_trial)
_step("invite_owner", _invite_owner)
_step("smoke", lambda given: provisioning.smoke(_tenant(given)))
_step("activate", _activate)


@steps.step
def settle(given: dict[str, Any]) -> None:
    """An earlier execution did it all."""
    provisioning.close(UUID(given["outboxId"]))


@steps.step
def compensate(given: dict[str, Any]) -> dict[str, Any]:
    """Take everything back, unless the tenant is working already; the command is settled last."""
    tenant = _tenant(given)
    taken_back = provisioning.give_up(tenant)
    if taken_back:
        with cells.core_db() as core:
            subscriptions.withdraw_trial(core, tenant)
        provisioning.take_back(tenant)
    provisioning.close(UUID(given["outboxId"]))
    return {"takenBack": taken_back}
