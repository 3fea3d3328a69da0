"""Commands and events leave in the transaction of their cause, and are re-sent until their effect is recorded."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

from studyspot.kit import aws, cells, clock, connections, ids, log
from studyspot.kit.connections import Place
from studyspot.kit.db import Db
from studyspot.kit.gate import Moved

INSERT = """
    INSERT INTO outbox (id, kind, target, payload, created_at)
    VALUES (%(id)s, %(kind)s, %(target)s, %(payload)s::jsonb, %(now)s)"""
MARK_SENT = "UPDATE outbox SET sent_at = %(now)s, attempts = attempts + 1 WHERE id = %(id)s"
MARK_EVENT_SENT = "UPDATE outbox SET sent_at = %(now)s, attempts = attempts + 1, done_at = %(now)s WHERE id = %(id)s"
DUE = """
    SELECT tenant_id, id, kind, target, payload, attempts FROM outbox
    WHERE done_at IS NULL AND (sent_at IS NULL OR sent_at < %(again)s)
    ORDER BY sent_at NULLS FIRST, created_at LIMIT %(most)s"""
RESEND_AFTER = timedelta(minutes=5)
SWEEP = 500


def send(db: Db, queue: str, payload: dict[str, Any]) -> UUID:
    """A command to a queue (`sms-otp`); its consumer records the effect on this row."""
    return _add(db, "queue", queue, payload)


def start(db: Db, machine: str, subject: UUID, resume: str, **facts: Any) -> UUID:
    """Start a state machine for a subject, entering at `resume`."""
    return _add(db, "machine", machine, {"subject": str(subject), "resume": resume, **facts})


def emit(db: Db, event: str, subject: UUID, data: dict[str, Any] | None = None) -> UUID:
    """A domain event for the bus (envelope of `async.md`); nobody waits for it, so the minute relay sends it."""
    envelope = {
        "type": event,
        "version": 1,
        "tenant": str(db.tenant),
        "occurredAt": clock.now().isoformat(),
        "actor": str(db.actor.id) if db.actor else None,
        "subject": str(subject),
        "data": data or {},
        "trace": db.origin.request_id,
    }
    return _add(db, "event", event, envelope)


def _add(db: Db, kind: str, target: str, payload: dict[str, Any]) -> UUID:
    row_id, text = ids.uuid7(), json.dumps(payload, default=str)
    row = {"id": row_id, "kind": kind, "target": target}
    db.later(INSERT, **row, payload=text, now=clock.now())
    if kind != "event":
        db.commands.append(row | {"tenant_id": db.tenant, "attempts": 0, "payload": json.loads(text)})
    return row_id


def hand_on(db: Db) -> None:
    """After the commit: send this request's own commands at once. What fails here the minute relay sends."""
    commands, db.commands = db.commands, []
    for row in commands:
        try:
            _deliver(row)
            with_db = Db(db.connection, db.tenant)
            with_db.run(MARK_SENT, id=row["id"], now=clock.now())
        except Exception as error:  # noqa: BLE001 - the row stays, the relay is the guarantee
            log.warning("outbox_left_to_relay", target=row["target"], error=repr(error))
            connections.settle()


FanOut = Callable[[Db, list[UUID]], None]
"""Hands a tenant's events, by their outbox ids, to those who subscribed; again changes nothing."""


def relay(fan_out: FanOut | None = None) -> int:
    """Send what was not sent, and again what has had no effect for five minutes; answers how many (worker role)."""
    sent = 0
    for place in cells.places():
        rows = cells.across(place, DUE, again=clock.now() - RESEND_AFTER, most=SWEEP)
        for row in _fanned_out(place, rows, fan_out) if fan_out else rows:
            try:
                _deliver(row)
            except Exception as error:  # noqa: BLE001 - one unreachable target must not stop the others
                log.warning("outbox_not_sent", target=row["target"], error=repr(error))
                continue
            mark = MARK_EVENT_SENT if row["kind"] == "event" else MARK_SENT
            try:
                Db(connections.to(place), row["tenant_id"]).run(mark, id=row["id"], now=clock.now())
            except Moved:
                continue  # sent again from where the tenant is; whoever consumes it knows a command it has had
            sent += 1
    return sent


def _fanned_out(place: Place, rows: list[dict[str, Any]], fan_out: FanOut) -> list[dict[str, Any]]:
    """The rows that can go on: an event leaves the outbox only after its subscribers have theirs."""
    events: dict[UUID, list[UUID]] = {}
    for row in rows:
        if row["kind"] == "event":
            events.setdefault(row["tenant_id"], []).append(row["id"])
    kept_back: set[UUID] = set()
    for tenant, told in events.items():
        db = Db(connections.to(place), tenant)
        try:
            with db.transaction():
                fan_out(db, told)
            db.finish()
        except Exception as error:  # noqa: BLE001 - one tenant's trouble must not stop the others
            log.warning("events_not_fanned_out", tenantId=tenant, error=repr(error))
            db.rollback()
            kept_back.add(tenant)
            continue
        hand_on(db)
    return [row for row in rows if row["kind"] != "event" or row["tenant_id"] not in kept_back]


def _deliver(row: dict[str, Any]) -> None:
    message = {"outboxId": str(row["id"]), "tenantId": str(row["tenant_id"]), **row["payload"]}
    match row["kind"]:
        case "queue":
            aws.send_message(row["target"], message)
        case "machine":
            aws.start_execution(row["target"], _execution_name(row), message)
        case "event":
            aws.put_event(row["target"], message)


def _execution_name(row: dict[str, Any]) -> str:
    """`<subject>_<period>_<resume>` (a colon is not allowed in a name); a re-sent start gets its number."""
    payload = row["payload"]
    name = "_".join(str(payload[k]) for k in ("subject", "period", "resume") if payload.get(k))
    return f"{name}_{row['attempts']}" if row["attempts"] else name
