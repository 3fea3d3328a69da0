"""Every night: pauses begin and end, memberships pass into grace and out of it, seats are freed, members are told.

A day is done once for a tenant, in one transaction, and after an outage the days are done in order (worker role).
"""

from __future__ import annotations

from datetime import date, timedelta

from studyspot.kit import connections, log, outbox
from studyspot.kit.cells import places
from studyspot.kit.db import Db
from studyspot.kit.errors import Problem
from studyspot.memberships import queries, renewing
from studyspot.memberships.queries import nights
from studyspot.messaging import service as messaging
from studyspot.policies import service as policies
from studyspot.policies.models import Memberships

DAY = timedelta(days=1)


class NightsFailed(Exception):
    """The night of some tenants was not done; the next run does it first."""


def run(today: date) -> int:
    """How many days were done. One tenant's trouble stops no other."""
    done, failed = 0, []
    for place in places():
        for tenant in nights.tenants(place):
            try:
                done += of_tenant(Db(connections.to(place), tenant), today)
            except Exception as error:  # noqa: BLE001 - the others must run; the failure is raised below
                log.error("night_failed", tenantId=tenant, error=repr(error))
                connections.settle()
                failed.append(tenant)
    if failed:
        raise NightsFailed(", ".join(map(str, failed)))
    return done


def of_tenant(db: Db, today: date) -> int:
    """Every day since the last one that was done, oldest first."""
    last = nights.last(db)
    days = (today - last).days if last else 1
    done = 0
    for day in (today - n * DAY for n in reversed(range(days))):
        with db.transaction():
            if nights.begin(db, day):
                _night(db, day, latest=day == today)
                done += 1
        db.finish()
    _renew(db, today)
    return done


def _renew(db: Db, today: date) -> None:
    """Each by itself, opened once: a seat that is gone keeps one member waiting, never the night of all."""
    for member_id in nights.to_renew(db, today):
        try:
            with db.transaction():
                renewing.open_next(db, queries.locked(db, member_id))
            db.finish()
        except Problem as refused:
            log.warning("not_renewed", membershipId=member_id, code=refused.code)


def _night(db: Db, day: date, latest: bool) -> None:
    rules = policies.policies(db).memberships
    for member in nights.resume(db, day):
        outbox.emit(db, "membership.resumed", member.id)
    for member in nights.freeze(db, day):
        outbox.emit(db, "membership.frozen", member.id)
    turned = nights.expire(db, day, rules.late_fee_per_day_paise, rules.late_fee_most_paise)
    over = [member.id for member in turned if member.status == "expired"]
    for member_id in over:
        outbox.emit(db, "membership.expired", member_id)
    nights.free_seats(db, over, day)
    if latest:  # who was to be told on a day that has passed is not told now
        _remind(db, day, rules)


def _remind(db: Db, day: date, rules: Memberships) -> None:
    """By the organisation's policy; the day before entry ends whoever is in grace is told in any case."""
    for member in nights.to_remind(db, day, rules.remind_days_before):
        facts = {"name": member.name, "library": member.library}
        if day < member.end_date:
            template, facts = "membership_expiry", facts | {"date": _said(member.end_date - DAY)}
        else:
            rupees = -(-member.amount_paise // 100)
            last = member.end_date + max(member.grace_days - 1, 0) * DAY
            template, facts = "fee_due_reminder", facts | {"amount": str(rupees), "date": _said(last)}
        messaging.send(db, template, member.phone, facts, member.student_id, "student", about=member.id)


def _said(day: date) -> str:
    return f"{day:%d %b %Y}"
