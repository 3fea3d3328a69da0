"""Every day at 00:10 IST: renewals that are near, library codes, the signing key's age, what provisioning left."""

from __future__ import annotations

from typing import Any

from studyspot.identity.service import signing_keys
from studyspot.kit import cells, connections, log
from studyspot.kit.schedules import recorded
from studyspot.subscriptions import service as subscriptions
from studyspot.tenants import finding, provisioning


class OrphansFound(Exception):
    """A database, cell or tenant belongs to nobody; the log line before this names them."""


@recorded("daily")
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Safe to run twice: an opened period is not opened again. Answers how many renewals were started."""
    connections.settle()
    with cells.core_db() as core:
        started = subscriptions.start_due(core)
        rotated = signing_keys.rotate_when_old(core)
    told = finding.tell_codes()
    orphans = provisioning.sweep()
    log.info("daily", at=event.get("time"), renewals=started, codes=told, keyRotated=rotated)
    if not orphans.none:
        log.error("orphans", **orphans.model_dump(mode="json"))
        raise OrphansFound
    return {"renewals": started}
