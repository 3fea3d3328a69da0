"""Every night: what was paid for days that are still to come is a liability, and becomes income as they pass.

One entry a library and night brings the account to what is unearned; so a night that was missed is made up by the next.
"""

from __future__ import annotations

from datetime import date, timedelta
from uuid import NAMESPACE_OID, UUID, uuid5

from studyspot.kit import clock, connections, log
from studyspot.kit.cells import places
from studyspot.kit.clock import INDIA
from studyspot.kit.db import Db
from studyspot.ledger import service as ledger
from studyspot.revenue import reports
from studyspot.revenue.queries import flows

UNEARNED, SHIFTED = "liability.deferred_revenue", "revenue.deferral"


class NightsFailed(Exception):
    """The books of some tenants were not brought up to the day; the next night does."""


def run() -> int:
    """For the day that is over; how many entries. One tenant's trouble stops no other."""
    over = clock.now().astimezone(INDIA).date() - timedelta(days=1)
    booked, failed = 0, []
    for place in places():
        for tenant in flows.tenants(place):
            try:
                db = Db(connections.to(place), tenant)
                booked += of_tenant(db, over)
                db.finish()
            except Exception as error:  # noqa: BLE001 - the others must run; the failure is raised below
                log.error("not_recognised", tenantId=tenant, error=repr(error))
                connections.settle()
                failed.append(tenant)
    if failed:
        raise NightsFailed(", ".join(map(str, failed)))
    return booked


def of_tenant(db: Db, day: date) -> int:
    """At the end of a day; again changes nothing."""
    unearned = {one.library_id: one.unearned_paise for one in reports.deferred(db, day, None).libraries}
    booked = {row.library_id: -row.amount_paise for row in flows.standing(db, UNEARNED) if row.library_id}
    entries = 0
    with db.transaction():
        for library in sorted(unearned.keys() | booked.keys()):
            more = unearned.get(library, 0) - booked.get(library, 0)
            lines = [(SHIFTED, more), (UNEARNED, -more)]
            entries += bool(more) and ledger.post(
                db, "recognition", _cause(library, day), lines, "Earned", library, day
            )
    return entries


def _cause(library: UUID, day: date) -> UUID:
    """The same night of the same library is the same cause."""
    return uuid5(NAMESPACE_OID, f"{library} {day}")
