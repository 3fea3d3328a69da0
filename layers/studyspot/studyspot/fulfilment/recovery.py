"""The steps of `payment_failover`: what was lost on the way is looked up, ended, waited for, settled or sent back.

Every step may run twice. None charges anything: they only ask, end orders, and give back.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from studyspot.fulfilment import inbox
from studyspot.fulfilment.settling import settle
from studyspot.gateways.failures import GatewayFailure
from studyspot.kit import cells, clock, log, timers
from studyspot.kit.queues import Task
from studyspot.kit.steps import Steps
from studyspot.payments import orders, refunds, states
from studyspot.payments import service as payments
from studyspot.payments.refunds import MACHINE
from studyspot.payments.service import POLLS

SILENT_AGAIN = timedelta(minutes=5)
steps = Steps()
Given = dict[str, Any]


def _tenant(given: Given) -> UUID:
    return UUID(given["tenantId"])


@steps.step
def look_up(given: Given) -> None:
    """Orders whose answer was lost are found under our own reference, and put into the directory."""
    with cells.tenant_db(_tenant(given)) as db:
        orders.find_lost(db, payments.find(db, UUID(given["subject"])))


@steps.step
def terminate(given: Given) -> None:
    """Orders nobody may pay any more are ended where the vendor can; the others are watched."""
    with cells.tenant_db(_tenant(given)) as db:
        payment = payments.find(db, UUID(given["subject"]))
        orders.end_unwanted(db, payment, over=payment.status not in states.OPEN)


@steps.step
def poll(given: Given) -> Given:
    """Ask for every order of the payment, and settle what is found: also money that came too late."""
    with cells.tenant_db(_tenant(given)) as db:
        payment = payments.find(db, UUID(given["subject"]))
        try:
            facts = orders.truth(db, payment)
        except GatewayFailure as failure:
            log.warning("payment_not_polled", payment=payment.id, error=str(failure))
            return {"answered": False}
        settle(db, payment.id, facts)
    return {"answered": True}


@steps.step
def expire(given: Given) -> None:
    """The time to pay is over. A gateway that does not answer leaves the outcome unknown, never expired."""
    with cells.tenant_db(_tenant(given)) as db, db.transaction():
        payment = payments.locked(db, UUID(given["subject"]))
        if payment.expires_at > clock.now() and payment.status in states.OPEN:
            period = str(int(payment.expires_at.timestamp()))
            timers.wait(db, payment.expires_at, MACHINE, payment.id, "expire", period=period)
        elif payment.status in states.OPEN and not given.get("answered"):
            payments.advance(db, payment, "unknown", failure="no_answer")
            again = clock.now() + SILENT_AGAIN
            timers.wait(db, again, MACHINE, payment.id, "expire", period=str(int(again.timestamp())))
        elif payment.status in ("created", "pending", "unknown"):
            payments.advance(db, payment, "expired", failure="not_paid_in_time")


@steps.step
def wait(given: Given) -> None:
    """The next look, counted from the opening of the payment, for as long as money may come in."""
    with cells.tenant_db(_tenant(given)) as db:
        payment = payments.find(db, UUID(given["subject"]))
        asked = payments.attempts(db, payment.id)
        unsure = any(a.state in ("calling", "unknown", "orphan") for a in asked)
        if asked and (payment.status not in states.PAID or unsure):
            age = clock.now() - payment.created_at
            number = next((n for n, due in enumerate(POLLS) if due > age), None)
            if number is not None:
                due_at = payment.created_at + POLLS[number]
                timers.wait(db, due_at, MACHINE, payment.id, "poll", period=str(number))


@steps.step
def refund_late(given: Given) -> None:
    """Carry out a refund that was reserved; without a result it is tried again, under the same reference."""
    with cells.tenant_db(_tenant(given)) as db:
        refund = refunds.find(db, UUID(given["subject"]))
        if refund.status == "pending":
            refund = refunds.carry_out(db, refund)
            db.commit()
        if refund.status == "pending":
            tried = int(given["period"]) + 1 if str(given.get("period", "")).isdigit() else 0
            refunds.try_again_later(db, refund, tried)


@steps.step
def event(given: Given) -> None:
    """A parked webhook: perhaps its order is known by now."""
    with cells.core_db() as core:
        inbox.process(core, UUID(given["subject"]))


@steps.step
def finish(given: Given) -> None:
    """This execution has had its effect: its outbox row is not sent again."""
    with cells.tenant_db(_tenant(given)) as db:
        Task.of(given).done(db)
