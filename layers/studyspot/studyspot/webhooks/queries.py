"""Every statement on endpoints, deliveries and their attempts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from studyspot.gateways.receivers import Told
from studyspot.kit import clock
from studyspot.kit.db import Db
from studyspot.kit.pages import Paging
from studyspot.webhooks.models import Delivery, Due, Endpoint, Match, Standing

ENDPOINT = """
    id, url, events, description, notice_to, status, failing_since, disabled_at, created_at, updated_at"""
DELIVERY = """
    d.id, d.endpoint_id, d.event_id, d.event_type, d.subject, d.body, d.status, d.next_at, d.created_at, d.ended_at,
    coalesce((SELECT jsonb_agg(jsonb_build_object('number', a.number, 'attempted_at', a.attempted_at, 'duration_ms',
                  a.duration_ms, 'status_code', a.status_code, 'answer', a.answer, 'failure', a.failure)
              ORDER BY a.number) FROM webhook_attempts a WHERE a.delivery_id = d.id), '[]') AS attempts"""


def endpoints(db: Db, paging: Paging) -> list[Endpoint]:
    return db.all(
        Endpoint,
        f"""
        SELECT {ENDPOINT} FROM webhook_endpoints
        WHERE %(after)s::uuid IS NULL OR id > %(after)s ORDER BY id LIMIT %(most)s""",
        after=paging.after,
        most=paging.fetch,
    )


def endpoint(db: Db, endpoint_id: UUID, lock: str = "") -> Endpoint:
    return db.one(Endpoint, f"SELECT {ENDPOINT} FROM webhook_endpoints WHERE id = %(id)s {lock}", id=endpoint_id)


def count(db: Db) -> int:
    found: int = db.value("SELECT count(*) FROM webhook_endpoints")
    return found


def add(db: Db, endpoint_id: UUID, **facts: Any) -> Endpoint:
    return db.one(
        Endpoint,
        f"""
        INSERT INTO webhook_endpoints (id, {", ".join(facts)}, created_at, updated_at)
        VALUES (%(id)s, {", ".join(f"%({name})s" for name in facts)}, %(now)s, %(now)s) RETURNING {ENDPOINT}""",
        id=endpoint_id,
        now=clock.now(),
        **facts,
    )


def change(db: Db, endpoint_id: UUID, facts: dict[str, Any]) -> Endpoint:
    """`facts` are columns; a new secret moves the present one to where it signs along for a while."""
    sets = [f"{name} = %({name})s" for name in facts]
    if "secret" in facts:
        sets += ["old_secret = secret", "old_until = %(old_until)s"]
    return db.one(
        Endpoint,
        f"""
        UPDATE webhook_endpoints SET {", ".join([*sets, "updated_at = %(now)s"])} WHERE id = %(id)s
        RETURNING {ENDPOINT}""",
        id=endpoint_id,
        now=clock.now(),
        old_until=clock.now() + timedelta(days=1),
        **facts,
    )


def remove(db: Db, endpoint_id: UUID) -> None:
    db.run("DELETE FROM webhook_endpoints WHERE id = %(id)s", id=endpoint_id)


def matches(db: Db, events: Sequence[UUID]) -> list[Match]:
    """Which of these events which endpoint wants; what happened before it was there it does not."""
    return db.all(
        Match,
        """
        SELECT e.id AS endpoint_id, o.id AS event_id, o.target AS event_type, o.payload
        FROM outbox o JOIN webhook_endpoints e
          ON e.status = 'enabled' AND e.created_at <= o.created_at
             AND (o.target = ANY (e.events) OR '*' = ANY (e.events))
        WHERE o.id = ANY (%(events)s) AND o.kind = 'event' ORDER BY o.id, e.id""",
        events=list(events),
    )


def add_delivery(db: Db, delivery_id: UUID, match: Match, subject: UUID, body: str) -> bool:
    """False when this endpoint has this event already."""
    return bool(
        db.run(
            """
            INSERT INTO webhook_deliveries (id, endpoint_id, event_id, event_type, subject, body, created_at)
            VALUES (%(id)s, %(endpoint)s, %(event)s, %(type)s, %(subject)s, %(body)s, %(now)s)
            ON CONFLICT (tenant_id, endpoint_id, event_id) DO NOTHING""",
            id=delivery_id,
            endpoint=match.endpoint_id,
            event=match.event_id,
            type=match.event_type,
            subject=subject,
            body=body,
            now=clock.now(),
        )
    )


def take(db: Db, delivery_id: UUID, lasts: timedelta) -> Due | None:
    """The delivery, for one sender, if its turn has come: nothing earlier of its subject is open."""
    return db.maybe(
        Due,
        """
        UPDATE webhook_deliveries d SET leased_until = %(until)s
        FROM webhook_endpoints e
        WHERE d.id = %(id)s AND d.status = 'pending' AND (d.leased_until IS NULL OR d.leased_until < %(now)s)
          AND (d.next_at IS NULL OR d.next_at <= %(now)s) AND e.id = d.endpoint_id AND e.status = 'enabled'
          AND NOT EXISTS (SELECT FROM webhook_deliveries b WHERE b.endpoint_id = d.endpoint_id
                          AND b.subject = d.subject AND b.status = 'pending' AND b.event_id < d.event_id)
        RETURNING d.id, d.endpoint_id, d.event_id, d.event_type, d.subject, d.body, d.tries, d.attempts,
                  e.url, e.secret, e.old_secret, e.old_until""",
        id=delivery_id,
        until=clock.now() + lasts,
        now=clock.now(),
    )


def is_leased(db: Db, delivery_id: UUID) -> bool:
    """Somebody is sending it at this moment."""
    query = "SELECT 1 FROM webhook_deliveries WHERE id = %(id)s AND status = 'pending' AND leased_until >= %(now)s"
    return bool(db.value(query, id=delivery_id, now=clock.now()))


def note_attempt(db: Db, due: Due, told: Told) -> None:
    db.run(
        """
        INSERT INTO webhook_attempts (delivery_id, number, attempted_at, duration_ms, status_code, answer, failure)
        VALUES (%(delivery)s, %(number)s, %(now)s, %(millis)s, %(status)s, %(answer)s, %(failure)s)
        ON CONFLICT (tenant_id, delivery_id, number) DO NOTHING""",
        delivery=due.id,
        number=due.attempts + 1,
        now=clock.now(),
        millis=told.millis,
        status=told.status,
        answer=told.answer or None,
        failure=told.failure,
    )


def settle(db: Db, due: Due, status: str, next_at: datetime | None) -> bool:
    """What became of it; False when another sender was faster."""
    return bool(
        db.run(
            """
            UPDATE webhook_deliveries
            SET status = %(status)s, tries = tries + 1, attempts = attempts + 1, next_at = %(next_at)s,
                leased_until = NULL, ended_at = %(ended_at)s
            WHERE id = %(id)s AND status = 'pending' AND attempts = %(attempts)s""",
            id=due.id,
            status=status,
            next_at=next_at,
            attempts=due.attempts,
            ended_at=None if status == "pending" else clock.now(),
        )
    )


def following(db: Db, due: Due) -> UUID | None:
    """The next open delivery of the same subject."""
    found: UUID | None = db.value(
        """
        SELECT id FROM webhook_deliveries
        WHERE endpoint_id = %(endpoint)s AND subject = %(subject)s AND status = 'pending' AND event_id > %(event)s
        ORDER BY event_id LIMIT 1""",
        endpoint=due.endpoint_id,
        subject=due.subject,
        event=due.event_id,
    )
    return found


def accepted(db: Db, endpoint_id: UUID) -> None:
    query = "UPDATE webhook_endpoints SET failing_since = NULL WHERE id = %(id)s AND failing_since IS NOT NULL"
    db.run(query, id=endpoint_id)


def refused(db: Db, endpoint_id: UUID) -> Standing:
    return db.one(
        Standing,
        """
        UPDATE webhook_endpoints SET failing_since = coalesce(failing_since, %(now)s) WHERE id = %(id)s
        RETURNING url, notice_to, failing_since""",
        id=endpoint_id,
        now=clock.now(),
    )


def disable(db: Db, endpoint_id: UUID) -> bool:
    """False when it was already; what is open is given up and can be replayed."""
    done = db.run(
        """
        UPDATE webhook_endpoints SET status = 'disabled', disabled_at = %(now)s
        WHERE id = %(id)s AND status = 'enabled'""",
        id=endpoint_id,
        now=clock.now(),
    )
    if done:
        give_up(db, endpoint_id)
    return bool(done)


def give_up(db: Db, endpoint_id: UUID) -> None:
    db.run(
        """
        UPDATE webhook_deliveries SET status = 'failed', ended_at = %(now)s, next_at = NULL, leased_until = NULL
        WHERE endpoint_id = %(id)s AND status = 'pending'""",
        id=endpoint_id,
        now=clock.now(),
    )


def begin_again(db: Db, delivery_id: UUID) -> bool:
    """A new round of tries for what has ended."""
    return bool(
        db.run(
            """
            UPDATE webhook_deliveries SET status = 'pending', tries = 0, next_at = NULL, leased_until = NULL,
                   ended_at = NULL
            WHERE id = %(id)s AND status <> 'pending'""",
            id=delivery_id,
        )
    )


def delivery(db: Db, delivery_id: UUID) -> Delivery:
    return db.one(Delivery, f"SELECT {DELIVERY} FROM webhook_deliveries d WHERE d.id = %(id)s", id=delivery_id)


def deliveries(
    db: Db, paging: Paging, endpoint_id: UUID | None, status: str | None, event_type: str | None
) -> list[Delivery]:
    return db.all(
        Delivery,
        f"""
        SELECT {DELIVERY} FROM webhook_deliveries d
        WHERE (%(endpoint)s::uuid IS NULL OR d.endpoint_id = %(endpoint)s)
          AND (%(status)s::text IS NULL OR d.status = %(status)s)
          AND (%(type)s::text IS NULL OR d.event_type = %(type)s)
          AND (%(after)s::uuid IS NULL OR d.id < %(after)s)
        ORDER BY d.id DESC LIMIT %(most)s""",
        endpoint=endpoint_id,
        status=status,
        type=event_type,
        after=paging.after,
        most=paging.fetch,
    )
