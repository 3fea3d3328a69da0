"""What is deleted when: each kind of data with its condition, counted in a dry run, deleted in batches."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from studyspot.kit import cells, clock
from studyspot.kit.connections import Place
from studyspot.kit.db import Db
from studyspot.kit.ids import PLATFORM
from studyspot.privacy.models import RetentionReport, RetentionRule


@dataclass(frozen=True)
class Kind:
    """Rows of `table` for which `when` holds, `%(before)s` being so many days ago."""

    table: str
    about: str
    days: int
    least: int
    when: str
    core: bool = False
    """A table of the directory: the platform's night sees to it."""
    bytes: bool = False
    """Rows of `files`, each of which goes with what is stored for it."""


KINDS = {
    "sessions": Kind("sessions", "ended sign-ins, with their refresh tokens", 30, 1,
                     "coalesce(revoked_at, expires_at) < %(before)s"),
    "otp_codes": Kind("otp_codes", "one-time codes", 2, 2, "created_at < %(before)s"),
    "email_tokens": Kind("email_tokens", "links of mails", 7, 1, "coalesce(used_at, expires_at) < %(before)s"),
    "invitations": Kind("invitations", "invitations that were taken or lapsed", 90, 7,
                        "coalesce(accepted_at, expires_at) < %(before)s"),
    "guardian_requests": Kind("guardian_requests", "codes guardians were asked for", 30, 1, "expires_at < %(before)s"),
    "lockouts": Kind("lockouts", "failed sign-ins that lock nobody any more", 30, 2,
                     "since < %(before)s AND coalesce(locked_until < %(before)s, true)"),
    "idempotency_keys": Kind("idempotency_keys", "kept answers", 2, 1, "created_at < %(before)s"),
    "rate_buckets": Kind("rate_buckets", "counts of requests", 2, 2, "window_start < %(before)s"),
    "outbox": Kind("outbox", "commands and events that had their effect", 14, 7, "done_at < %(before)s"),
    "timers": Kind("timers", "what was waited for and came", 30, 30, "fired_at < %(before)s"),
    "webhook_events": Kind("webhook_events", "vendors' events as they came, once processed", 365, 180,
                           "state IN ('processed','ignored') AND received_at < %(before)s"),
    "risk_events": Kind("risk_events", "how payments were judged, once nobody waits for a decision", 400, 30,
                        "created_at < %(before)s AND (outcome <> 'held' OR decision IS NOT NULL)"),
    "payment_cards": Kind("payment_cards", "hashes of the cards that were seen", 90, 2, "seen_at < %(before)s"),
    "communications": Kind("communications", "messages that were sent or failed", 1095, 365,
                           "created_at < %(before)s AND status IN ('sent','delivered','failed','suppressed')"),
    "enquiries": Kind("enquiries", "people who asked about a library", 365, 30, "created_at < %(before)s"),
    "webhook_deliveries": Kind("webhook_deliveries", "events sent to own endpoints, with every try", 90, 7,
                               "status <> 'pending' AND coalesce(ended_at, created_at) < %(before)s"),
    "mfa_challenges": Kind("mfa_challenges", "sign-ins that waited for a second factor", 7, 1,
                           "coalesce(used_at, expires_at) < %(before)s"),
    "exports": Kind("files", "archives and files made to be taken away", 60, 30,
                    "status = 'ready' AND purpose IN ('export','audit_export') AND created_at < %(before)s",
                    bytes=True),
    "rejected_uploads": Kind("files", "what is left of uploads that were refused", 30, 7,
                             "status = 'rejected' AND created_at < %(before)s"),
    "id_proofs": Kind("files", "id proofs of students who have left", 365, 30,
                      "status = 'ready' AND purpose = 'id_proof' AND EXISTS (SELECT FROM students s"
                      " WHERE s.id = files.owner_id AND s.status = 'archived' AND s.updated_at < %(before)s)",
                      bytes=True),
    "message_orders": Kind("message_orders", "whose message a vendor's report speaks of", 90, 31,
                           "created_at < %(before)s", core=True),
    "payment_links": Kind("payment_links", "links that asked for a payment, once they lapsed", 90, 7,
                          "expires_at < %(before)s"),
    "payment_link_codes": Kind("payment_link_codes", "whose a link was that asked for a payment", 120, 45,
                               "created_at < %(before)s", core=True),
    "jobs": Kind("jobs", "finished work and its reports", 180, 7, "finished_at < %(before)s"),
    "schedule_runs": Kind("schedule_runs", "runs of the schedules", 400, 31, "ran_at < %(before)s"),
    "retention_runs": Kind("retention_runs", "reports of this schedule", 1095, 365,
                             "day < %(before)s::timestamptz::date"),
}  # fmt: skip
"""No table of the books, of attendance or of the trail is here: the books stay eight years (Companies Act s. 128(5)),
the trail is only ever added to."""
SHARED = {
    "gateway_health": "DELETE FROM gateway_health WHERE starts_at < %(before)s",
    "gateway_outcomes": "DELETE FROM gateway_outcomes WHERE starts_at < %(before)s",
}
"""Counts of a whole cell, nobody's data: by table how they go."""
SHARED_DAYS = 31
BATCH = 1000
TENANTS = "SELECT tenant_id FROM tenant_gate WHERE status NOT IN ('provisioning','provisioning_failed') ORDER BY 1"
SET = """
    INSERT INTO retention_rules (data, days, changed_by, changed_at) VALUES (%(data)s, %(days)s, %(by)s, %(now)s)
    ON CONFLICT (tenant_id, data) DO UPDATE
        SET days = EXCLUDED.days, changed_by = EXCLUDED.changed_by, changed_at = EXCLUDED.changed_at"""
ADD_TO = """
    INSERT INTO retention_runs AS r (day, mode, found) VALUES (%(day)s, %(mode)s, %(found)s::jsonb)
    ON CONFLICT (tenant_id, day, mode) DO UPDATE SET found = EXCLUDED.found || (
        SELECT coalesce(jsonb_object_agg(key, value::bigint + coalesce((EXCLUDED.found ->> key)::bigint, 0)), '{}')
        FROM jsonb_each_text(r.found))
    WHERE r.finished_at IS NULL"""


def rules(db: Db) -> list[RetentionRule]:
    """The product's own times, and the tenant's where it has others; those of the directory for the platform alone."""
    own = {row["data"]: row["days"] for row in db.dicts("SELECT data, days FROM retention_rules")}
    return [
        RetentionRule(
            data=name,
            about=kind.about,
            days=own.get(name, kind.days),
            default_days=kind.days,
            least_days=kind.least,
        )
        for name, kind in KINDS.items()
        if db.tenant == PLATFORM or not kind.core
    ]


def put(db: Db, data: str, days: int | None, by: UUID) -> None:
    """Another time, or the product's own again."""
    if days is None:
        db.run("DELETE FROM retention_rules WHERE data = %(data)s", data=data)
    else:
        db.run(SET, data=data, days=days, by=by, now=clock.now())


def reports(db: Db, most: int) -> list[RetentionReport]:
    """The last nights, newest first."""
    query = "SELECT day, mode, found, finished_at FROM retention_runs ORDER BY day DESC, mode DESC LIMIT %(most)s"
    return db.all(RetentionReport, query, most=most)


def report(db: Db, day: date, mode: str) -> RetentionReport | None:
    query = "SELECT day, mode, found, finished_at FROM retention_runs WHERE day = %(day)s AND mode = %(mode)s"
    return db.maybe(RetentionReport, query, day=day, mode=mode)


def count(db: Db, rule: RetentionRule) -> int:
    """How many rows are over their time."""
    kind = KINDS[rule.data]
    found: int = db.value(f"SELECT count(*) FROM {kind.table} WHERE {kind.when}", before=_before(rule))
    return found


def delete(db: Db, rule: RetentionRule) -> int:
    """One batch of them; answers how many. Files are not rows alone: see `files_over`."""
    kind = KINDS[rule.data]
    if kind.bytes:
        return 0
    query = f"""
        DELETE FROM {kind.table} WHERE ctid = ANY (ARRAY(
            SELECT ctid FROM {kind.table} WHERE {kind.when} LIMIT {BATCH} FOR UPDATE SKIP LOCKED))"""
    return db.run(query, before=_before(rule))


def files_over(db: Db, rule: RetentionRule) -> list[UUID]:
    """A batch of files over their time; none for a kind whose rows go by themselves."""
    kind = KINDS[rule.data]
    if not kind.bytes:
        return []
    rows = db.dicts(f"SELECT id FROM files WHERE {kind.when} ORDER BY id LIMIT {BATCH}", before=_before(rule))
    return [row["id"] for row in rows]


def add_to(db: Db, day: date, mode: str, found: dict[str, int]) -> None:
    """What was found or deleted so far that night, in the transaction of the deletion."""
    db.run(ADD_TO, day=day, mode=mode, found=json.dumps(found))


def finish(db: Db, day: date, mode: str) -> None:
    query = "UPDATE retention_runs SET finished_at = %(now)s WHERE day = %(day)s AND mode = %(mode)s"
    db.run(query, day=day, mode=mode, now=clock.now())


def forget_shared(place: Place) -> None:
    """What no tenant of this cell owns (worker role)."""
    for statement in SHARED.values():
        cells.across(place, statement, before=clock.now() - timedelta(days=SHARED_DAYS))


def tenants(place: Place) -> list[UUID]:
    """Who lives in this cell (worker role)."""
    return [row["tenant_id"] for row in cells.across(place, TENANTS)]


def _before(rule: RetentionRule) -> datetime:
    return clock.now() - timedelta(days=rule.days)
