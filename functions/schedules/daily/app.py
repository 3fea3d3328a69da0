"""Every day at 00:10 IST: members, what was earned and paid out, renewals, codes, limits, keys, failed set-ups."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from studyspot.entitlements import service as entitlements
from studyspot.identity.service import signing_keys
from studyspot.kit import cells, clock, log
from studyspot.kit.schedules import each_of, recorded
from studyspot.memberships import nightly
from studyspot.payments import ruling
from studyspot.revenue import recognising
from studyspot.settlements import service as settlements
from studyspot.subscriptions import service as subscriptions
from studyspot.tenants import finding, health, provisioning


class OrphansFound(Exception):
    """A database, cell or tenant belongs to nobody; the log line before this names them."""


def start_renewals() -> int:
    with cells.core_db() as core:
        return subscriptions.start_due(core)


def rotate_key() -> int:
    with cells.core_db() as core:
        return int(signing_keys.rotate_when_old(core))


def look_for_orphans() -> int:
    orphans = provisioning.sweep()
    if not orphans.none:
        log.error("orphans", **orphans.model_dump(mode="json"))
        raise OrphansFound
    return 0


def nights_of_members() -> int:
    return nightly.run(clock.now().astimezone(clock.INDIA).date())


JOBS: dict[str, Callable[[], int]] = {
    "memberships": nights_of_members,
    "recognition": recognising.run,
    "reconciliation": settlements.yesterday,
    "renewals": start_renewals,
    "keyRotated": rotate_key,
    "codes": finding.tell_codes,
    "limits": entitlements.apply_everywhere,
    "routing": ruling.spread,
    "health": health.roll_up,
    "orphans": look_for_orphans,
}


@recorded("daily")
def handler(event: dict[str, Any], context: Any) -> dict[str, int]:
    """Safe to run twice: an opened period is not opened again. How many things each job did."""
    return each_of("daily", JOBS)
