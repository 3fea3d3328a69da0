"""How long things are kept: the schedule, its dry run, and the night that deletes (worker role)."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from studyspot.files import service as files
from studyspot.kit import audit, connections, log
from studyspot.kit.auth import Actor
from studyspot.kit.cells import places
from studyspot.kit.connections import Place
from studyspot.kit.db import Db
from studyspot.kit.errors import Invalid
from studyspot.privacy.models import Retention, RetentionChange, RetentionRule
from studyspot.privacy.queries import retention

SHOWN = 14
BATCHES = 500
"""Of one kind in one night: what is left goes the next."""


def schedule(db: Db) -> Retention:
    """The rules of this organisation, and what the last nights found and deleted."""
    return Retention(rules=retention.rules(db), runs=retention.reports(db, SHOWN))


def put(db: Db, actor: Actor, asked: RetentionChange) -> Retention:
    """Another time for one kind of data, never shorter than its lower bound."""
    rule = next((rule for rule in retention.rules(db) if rule.data == asked.data), None)
    if rule is None:
        raise Invalid.field("data", "no kind of data that is deleted by schedule")
    if asked.days is not None and asked.days < rule.least_days:
        raise Invalid.field("days", f"at least {rule.least_days}")
    with db.transaction():
        retention.put(db, asked.data, asked.days, actor.id)
        days = {"days": rule.days}, {"days": asked.days or rule.default_days}
        audit.note(db, "retention.set", "retention_rules", asked.data, *days)
        return schedule(db)


def run(day: date) -> int:
    """Tenant by tenant: first the report of a dry run, then the deletion, in batches; answers how many rows went.

    A night that was killed goes on where it stopped; one that is finished does nothing more."""
    deleted = 0
    for place in places():
        retention.forget_shared(place)
        deleted += sum(_of_tenant(place, tenant, day) for tenant in retention.tenants(place))
    log.info("retention", day=day, deleted=deleted)
    return deleted


def _of_tenant(place: Place, tenant: UUID, day: date) -> int:
    db = Db(connections.to(place), tenant)
    rules = retention.rules(db)
    if retention.report(db, day, "dry") is None:
        with db.transaction():
            retention.add_to(
                db, day, "dry", {rule.data: found for rule in rules if (found := retention.count(db, rule))}
            )
            retention.finish(db, day, "dry")
        db.finish()
    done = retention.report(db, day, "run")
    if done and done.finished_at:
        return 0
    deleted = sum(_delete(db, rule, day) for rule in rules)
    with db.transaction():
        retention.add_to(db, day, "run", {})
        retention.finish(db, day, "run")
    db.finish()
    return deleted


def _delete(db: Db, rule: RetentionRule, day: date) -> int:
    deleted = _delete_files(db, rule, day)
    for _ in range(BATCHES):
        with db.transaction():
            gone = retention.delete(db, rule)
            if gone:
                retention.add_to(db, day, "run", {rule.data: gone})
        db.finish()
        deleted += gone
        if not gone:
            break
    return deleted


def _delete_files(db: Db, rule: RetentionRule, day: date) -> int:
    """One by one: the bytes first, then row and report together."""
    over = retention.files_over(db, rule)
    for file_id in over:
        with db.transaction():
            files.delete(db, file_id)
            retention.add_to(db, day, "run", {rule.data: 1})
        db.finish()
    return len(over)
