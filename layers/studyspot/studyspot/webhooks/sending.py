"""Sending a delivery: once at a time, in order of its subject, eight times in a day, then given up."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from studyspot.gateways import receivers
from studyspot.gateways.receivers import Told
from studyspot.kit import clock, outbox, timers
from studyspot.kit.db import Db
from studyspot.kit.errors import Unavailable
from studyspot.kit.queues import Task
from studyspot.messaging import service as messaging
from studyspot.webhooks import queries, signing
from studyspot.webhooks.models import Due
from studyspot.webhooks.service import QUEUE

RETRY_TIMER = "webhook_retry"
WAITS = tuple(timedelta(minutes=m) for m in (1, 5, 14, 40, 120, 360, 900))
"""Between two tries, each about three times the one before; eight tries in 24 hours."""
LEASE = timedelta(minutes=1)
"""Longer than a call may take."""
PATIENCE = timedelta(days=3)


class BeingSent(Unavailable):
    """Another sender has this delivery at this moment."""


def send(db: Db, task: Task) -> None:
    """Killed between the call and its record it is called again, under the same webhook-id."""
    delivery_id = UUID(task.payload["deliveryId"])
    with db.transaction():
        due = queries.take(db, delivery_id, LEASE)
    db.commit()
    if due is None:
        if queries.is_leased(db, delivery_id):
            raise BeingSent  # its sender may have died: this message comes back and looks again
        task.done(db)
        return
    told = _call(due)
    with db.transaction():
        _record(db, due, told)
        task.done_later(db)


def retry(db: Db, delivery_id: UUID, given: dict[str, Any]) -> None:
    """The wait is over (timer `webhook_retry`)."""
    outbox.send(db, QUEUE, {"deliveryId": delivery_id})


def _call(due: Due) -> Told:
    body = due.body.encode()
    secrets = [signing.opened(due.secret, due.endpoint_id)]
    if due.old_secret and due.old_until and due.old_until > clock.now():
        secrets.append(signing.opened(due.old_secret, due.endpoint_id))
    signed = signing.headers(f"msg_{due.event_id.hex}", clock.now(), body, secrets)
    headers = {"Content-Type": "application/json", "User-Agent": "StudySpot-Webhooks/1", **signed}
    return receivers.post(due.url, body, headers)


def _record(db: Db, due: Due, told: Told) -> None:
    wait = None if told.accepted or due.tries + 1 > len(WAITS) else WAITS[due.tries]
    status = "delivered" if told.accepted else "pending" if wait else "failed"
    again = clock.now() + wait if wait else None
    if not queries.settle(db, due, status, again):
        return
    queries.note_attempt(db, due, told)
    if again:
        timers.wait(db, again, RETRY_TIMER, due.id, "send", period=str(due.attempts + 1))
    if told.accepted:
        queries.accepted(db, due.endpoint_id)
    elif _given_up(db, due):
        return
    following = queries.following(db, due) if status != "pending" else None
    if following:
        outbox.send(db, QUEUE, {"deliveryId": following})


def _given_up(db: Db, due: Due) -> bool:
    """After three days in which nothing was accepted the endpoint is switched off, and its owner told."""
    standing = queries.refused(db, due.endpoint_id)
    assert standing.failing_since is not None, "it was set by this statement"
    if clock.now() - standing.failing_since < PATIENCE or not queries.disable(db, due.endpoint_id):
        return False
    outbox.emit(db, "webhook.disabled", due.endpoint_id, {"url": standing.url})
    if standing.notice_to:
        since = standing.failing_since.strftime("%d %B %Y, %H:%M UTC")
        messaging.mail(db, "webhook_disabled", standing.notice_to, {"url": standing.url, "since": since})
    return True
