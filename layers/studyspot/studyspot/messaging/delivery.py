"""Sending one message once: claimed in a transaction, sent outside of any, recorded in another (promise 17).

A crash between sending and recording leaves `sending`. Whoever finds that later asks the directory whether the vendor
took the message, and otherwise parks it as `unknown`; it is never sent again.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

from studyspot.credits import service as wallets
from studyspot.gateways.failures import GatewayFailure, GatewayRejected, Next
from studyspot.gateways.msg91 import NAME as MSG91
from studyspot.kit import cells, clock, crypto, log, outbox, timers
from studyspot.kit.db import Db
from studyspot.kit.queues import Task
from studyspot.messaging import hours, mails, queries, sealing
from studyspot.messaging.models import Outgoing
from studyspot.messaging.taking import RELEASE_TIMER, reference
from studyspot.messaging.wording import TEMPLATES

SENDER_GONE_AFTER = timedelta(minutes=2)
"""No sender lives that long: the vendor's deadline is 10 s and the function's 30 s."""
SEND_WITHIN = {"otp": timedelta(minutes=5), "sms": timedelta(hours=24), "email": timedelta(hours=24)}
HELD_AGAIN = timedelta(minutes=15)
"""How often a message of a suspended tenant asks whether it may leave."""
GATEWAY_MADE = frozenset({502, 504})
"""Answers of a proxy before the vendor: the message may have passed it."""
BOUNCED = "bounced"
"""An address that takes no mail; who complained of one still gets the link they ask for."""
SETTLE_AFTER = timedelta(hours=72)
SETTLE_TIMER = "sms_unknown"

Carry = Callable[[Outgoing, dict[str, str]], str]


def carry_out(db: Db, task: Task, channel: str, carry: Carry) -> None:
    """One delivery of a send command. Raises when the message certainly did not leave and may be tried again."""
    message_id = UUID(task.payload["communicationId"])
    message = queries.claim(db, message_id)
    if message is None:
        _look_after(db, task, message_id)
        return
    if not _may_leave(db, task, message, channel):
        return
    variables = sealing.unseal(message.sealed, message.id) if message.sealed else message.variables
    try:
        vendor_id = carry(message, variables)
    except GatewayFailure as failure:
        _failed(db, task, message, failure)
        return
    if channel == "sms":
        _remember(db.tenant, message.id, message.to_address, vendor_id)
    _sent(db, task, message.id, vendor_id, charged(message.template_id, message.segments))


def charged(template_code: str, segments: int) -> int:
    """Credits a message costs its tenant: one-time codes are the platform's, mails cost none."""
    known = TEMPLATES.get(template_code)
    return 0 if known is None or known.is_otp else segments


def number_hash(phone: str) -> str:
    """How the directory knows a number."""
    return crypto.keyed_hash("message.number", "".join(c for c in phone if c.isdigit()))


def _may_leave(db: Db, task: Task, message: Outgoing, channel: str) -> bool:
    """Time has passed since it was taken on: too old is dropped, in the night it waits for the morning.

    While the tenant's messages are stopped they wait too, all but those that carry a code or a link to sign in.
    """
    template = TEMPLATES.get(message.template_id) if channel == "sms" else None
    is_otp = template is not None and template.is_otp
    now = clock.now()
    if now - max(message.created_at, message.due_at or message.created_at) > SEND_WITHIN["otp" if is_otp else channel]:
        _ended(db, task, message.id, "failed", "expired")
        return False
    if message.refused and (message.refused == BOUNCED or "token" not in message.variables):
        _ended(db, task, message.id, "suppressed", message.refused)
        return False
    if message.barred and not is_otp and "token" not in message.variables:
        due = now + HELD_AGAIN
    else:
        due = now if template is None or is_otp else hours.allowed_from(now, message.acted_at, message.night)
    if due <= now:
        return True
    _wait(db, task, message.id, due)
    return False


def _wait(db: Db, task: Task, message_id: UUID, due: datetime) -> None:
    """Kept, not lost: the timer commands it again, and waiting does not age it."""
    with db.transaction():
        queries.schedule(db, message_id, due)
        timers.wait(db, due, RELEASE_TIMER, message_id, "send", period=due.isoformat(timespec="minutes"))
        task.done_later(db)


def _failed(db: Db, task: Task, message: Outgoing, failure: GatewayFailure) -> None:
    if failure.kind is Next.UNKNOWN or failure.http_status in GATEWAY_MADE:
        log.warning("message_unknown", communication=message.id, error=str(failure))
        _park(db, task, message.id, message.to_address)
    elif isinstance(failure, GatewayRejected):
        _ended(db, task, message.id, "failed", f"vendor_{failure.vendor_code or 'rejected'}")
    else:
        queries.unclaim(db, message.id)
        raise failure


def _look_after(db: Db, task: Task, message_id: UUID) -> None:
    """Claimed before: by a sender at work (leave it), by one that died (find out), or long settled."""
    state = queries.state(db, message_id)
    if state.status != "sending":
        if state.status != "queued":
            task.done_later(db)
        return
    if state.claimed_at and clock.now() - state.claimed_at < SENDER_GONE_AFTER:
        return
    with cells.core_db() as core:
        vendor_id = queries.order_of(core, db.tenant, message_id)
    if vendor_id:
        _sent(db, task, message_id, vendor_id, charged(state.template_id, state.segments))
    else:
        _park(db, task, message_id, state.to_address)


def _sent(db: Db, task: Task, message_id: UUID, vendor_id: str, cost: int) -> None:
    with db.transaction():
        queries.sent(db, message_id, vendor_id, cost)
        outbox.emit(db, "message.sent", message_id)
        if cost:
            wallets.commit(db, reference(message_id), cost)
        task.done_later(db)


def _ended(db: Db, task: Task, message_id: UUID, status: str, code: str) -> None:
    with db.transaction():
        if queries.ended(db, message_id, status, code):
            wallets.release(db, reference(message_id))
            outbox.emit(db, f"message.{status}", message_id, {"reason": code})
        task.done_later(db)


def _park(db: Db, task: Task, message_id: UUID, address: str) -> None:
    """Visible as `unknown`; a delivery report may still tell, else its credits go back after three days."""
    _remember(db.tenant, message_id, address, None)
    with db.transaction():
        queries.ended(db, message_id, "unknown", "no_answer")
        timers.wait(db, clock.now() + SETTLE_AFTER, SETTLE_TIMER, message_id, "settle")
        task.done_later(db)


def settle_unknown(db: Db, message_id: UUID, given: dict[str, object]) -> None:
    """No report in three days: nothing shows that the vendor took it, so the tenant does not pay (timer)."""
    if queries.state(db, message_id).status == "unknown":
        wallets.release(db, reference(message_id))


def _remember(tenant: UUID, message_id: UUID, address: str, vendor_id: str | None) -> None:
    """For the delivery reports. Without it they are kept aside; the message itself must not suffer."""
    try:
        with cells.core_db() as core:
            queries.add_order(core, tenant, message_id, MSG91, number_hash(address), vendor_id)
    except Exception as error:  # noqa: BLE001 - the message has left, so it must be recorded as sent whatever fails here
        log.error("message_order_not_kept", communication=message_id, error=repr(error))


def compose_mail(message: Outgoing, variables: dict[str, str]) -> tuple[str, str]:
    """Subject and text of a mail to be carried."""
    return mails.compose(message.template_id, variables)
