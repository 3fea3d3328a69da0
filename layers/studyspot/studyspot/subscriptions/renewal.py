"""The steps of `subscription_renewal`: open the period, announce, wait a day, debit in a window, look, try again.

Every step may run twice: the period's state and the gateway's own record of our reference say what is still to do.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from studyspot.gateways.rupees import decimal
from studyspot.kit import cells, clock, outbox, timers
from studyspot.kit.clock import INDIA
from studyspot.kit.db import Db
from studyspot.kit.queues import Task
from studyspot.kit.steps import Steps
from studyspot.messaging import service as messaging
from studyspot.payments import autopay
from studyspot.subscriptions import calendar, charges, queries, service
from studyspot.subscriptions.models import Period, Subscription
from studyspot.subscriptions.service import AHEAD, MACHINE

NOTICE_MARGIN = timedelta(minutes=10)
LOOK_AFTER = timedelta(hours=2)
steps = Steps()


def _subject(given: dict[str, Any]) -> UUID:
    return UUID(given["subject"])


@steps.step
def begin(given: dict[str, Any]) -> dict[str, Any]:
    """Open the next period, if it is near and the subscription still runs."""
    with cells.core_db() as core:
        subscription = queries.subscription(core, _subject(given))
        near = (subscription.current_period_end or clock.now()) <= clock.now() + AHEAD
        if subscription.status not in ("active", "past_due") or subscription.cancel_at_period_end or not near:
            return _ended(core, given)
        period = service.open_next(core, subscription)
        return {"next": "announce", "periodId": str(period.id)}


@steps.step
def announce(given: dict[str, Any]) -> dict[str, Any]:
    """Send the pre-debit notice (at least 24 hours ahead) and leave a timer for the debit."""
    with cells.core_db() as core:
        period, subscription = _of(core, given)
        if period.status not in ("open", "failed") or subscription.status == "paused":
            return _ended(core, given)
        if charges.mandate_of(core, subscription).token_id is None:
            return {"next": "give_up"}
        debit_at = _debit_at(core, period)
        order_id, payment_id = charges.announce(core, subscription, period, debit_at)
        with core.transaction():
            noticed = queries.change_period(
                core, period.id, "open", "failed", status="announced", noticed_at=clock.now(), debit_at=debit_at,
                debit_order_id=order_id, debit_payment_id=payment_id,
            )  # fmt: skip
            if noticed:
                _wait(core, subscription, period, debit_at, "debit")
                outbox.emit(core, "mandate.debit_notified", subscription.id, {"debitAt": debit_at.isoformat()})
                _tell(core, subscription, period, debit_at)
            return _ended(core, given)


def _debit_at(core: Db, period: Period) -> datetime:
    """Not before the period, not within 24 hours, not outside the windows; retries on days 1, 3 and 5."""
    rules = autopay.rules(core)
    earliest = max(clock.now() + rules.notice + NOTICE_MARGIN, period.starts_at)
    if period.attempts and period.debit_at:
        earlier = calendar.RETRY_DAYS[period.attempts - 2] if period.attempts > 1 else 0
        days = calendar.RETRY_DAYS[period.attempts - 1] - earlier
        earliest = max(earliest, period.debit_at + timedelta(days=days))
    return autopay.next_in_windows(earliest, rules.windows)


@steps.step
def debit(given: dict[str, Any]) -> dict[str, Any]:
    """Ask for the announced debit, once; what came of it is looked up later or told by webhook."""
    with cells.core_db() as core:
        period, subscription = _of(core, given)
        if period.status not in ("announced", "debiting"):
            return _ended(core, given)
        allowed = autopay.next_in_windows(clock.now(), autopay.rules(core).windows)
        if period.status == "announced" and allowed > clock.now():
            queries.change_period(core, period.id, "announced", debit_at=allowed)
            _wait(core, subscription, period, allowed, "debit", f"{period.attempts}w{allowed:%d%H%M}")
            return _ended(core, given)
        with core.transaction():
            if period.status == "announced":
                queries.change_period(core, period.id, "announced", status="debiting", attempts=period.attempts + 1)
            look_at = clock.now() + LOOK_AFTER
            _wait(core, subscription, period, look_at, "check", f"{period.attempts}c")
        core.commit()
        charges.debit(core, subscription, period, period.debit_order_id or "")
        return _ended(core, given)


@steps.step
def look(given: dict[str, Any]) -> dict[str, Any]:
    """What became of the debit: paid, still under way, or failed."""
    with cells.core_db() as core:
        period, _ = _of(core, given)
        if period.status != "debiting":
            return {"next": "end"}
        return {"next": charges.outcome(core, period.debit_order_id or ""), "paymentId": str(period.debit_payment_id)}


@steps.step
def settle(given: dict[str, Any]) -> dict[str, Any]:
    """The webhook was lost, the look-up found the money: the settler does the rest, as it would have then."""
    with cells.core_db() as core:
        outbox.send(core, "payment-settler", {"paymentId": given["paymentId"]})
        return _ended(core, given)


@steps.step
def wait_longer(given: dict[str, Any]) -> dict[str, Any]:
    """No result yet is pending, not failed (a debit asked for in peak hours may only be queued)."""
    with cells.core_db() as core:
        period, subscription = _of(core, given)
        again = clock.now() + LOOK_AFTER
        _wait(core, subscription, period, again, "check", f"{period.attempts}c{again:%d%H%M}")
        return _ended(core, given)


@steps.step
def try_again(given: dict[str, Any]) -> dict[str, Any]:
    """A failed debit: past due, and another attempt while the law allows one."""
    with cells.core_db() as core:
        period, subscription = _of(core, given)
        limit = autopay.rules(core).attempts
        with core.transaction():
            if queries.change_period(core, period.id, "debiting", status="failed"):
                if period.debit_payment_id:
                    charges.failed(core, period.debit_payment_id)
                _fall_due(core, subscription)
                outbox.emit(core, "subscription.past_due", subscription.id, {"attempt": period.attempts})
        return {"next": "announce" if period.attempts < limit else "give_up"}


@steps.step
def give_up(given: dict[str, Any]) -> dict[str, Any]:
    """No mandate, or no attempt left: the owner has to pay by hand."""
    with cells.core_db() as core:
        _, subscription = _of(core, given)
        if subscription.status == "paused":
            return _ended(core, given)
        payer = queries.payer(core, subscription.customer_id)
        with core.transaction():
            _fall_due(core, subscription)
            facts = {"name": payer.name, "plan": subscription.plan_name}
            messaging.mail(core, "renewal_failed", payer.email, facts, payer.id, "tenant")
            return _ended(core, given)


@steps.step
def mandate(given: dict[str, Any]) -> dict[str, Any]:
    """After the first payment: keep the token that later debits need."""
    with cells.core_db() as core:
        charges.keep_token(core, queries.subscription(core, _subject(given)))
        return _ended(core, given)


@steps.step
def finish(given: dict[str, Any]) -> dict[str, Any]:
    """Nothing left to do."""
    with cells.core_db() as core:
        return _ended(core, given)


def _fall_due(core: Db, subscription: Subscription) -> None:
    if subscription.status != "paused":
        queries.change_subscription(core, subscription.id, status="past_due")


def _of(core: Db, given: dict[str, Any]) -> tuple[Period, Subscription]:
    period = queries.period(core, UUID(given["periodId"]))
    return period, queries.subscription(core, period.subscription_id)


def _wait(
    core: Db, subscription: Subscription, period: Period, until: datetime, resume: str, mark: str | None = None
) -> None:
    key = f"{period.period_index}-{mark or period.attempts}"
    timers.wait(core, until, MACHINE, subscription.id, resume, period=key, periodId=str(period.id))


def _ended(core: Db, given: dict[str, Any]) -> dict[str, Any]:
    """This execution has had its effect: its outbox row is not sent again."""
    Task.of(given).done_later(core)
    return {"next": "end"}


def _tell(core: Db, subscription: Subscription, period: Period, debit_at: datetime) -> None:
    payer = queries.payer(core, subscription.customer_id)
    facts = {
        "name": payer.name,
        "plan": subscription.plan_name,
        "amount": str(decimal(period.total_paise)),
        "date": f"{debit_at.astimezone(INDIA):%d %b %Y, %H:%M}",
        "reference": str(period.id),
    }
    messaging.mail(core, "pre_debit_notice", payer.email, facts, payer.id, "tenant")
