"""What can be paid for: how it is priced, held while the payer pays, and activated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from studyspot.bookings import service as bookings
from studyspot.kit.auth import Actor
from studyspot.kit.db import Db
from studyspot.memberships import paying as memberships
from studyspot.payments.models import NotPayable, Payable
from studyspot.subscriptions import service as subscriptions


def _never_taken_back(_: Db, __: UUID, ___: UUID) -> bool:
    return False


@dataclass(frozen=True)
class Purpose:
    """How one kind of payable is asked for and delivered."""

    payable: Callable[[Db, UUID, Actor], Payable]
    await_payment: Callable[[Db, UUID, UUID, datetime], None]
    confirm: Callable[[Db, UUID, UUID], bool]
    """Activate, in the transaction of the capture; False: it cannot be had any more, so the money goes back."""
    window: timedelta
    """How long a payer may take."""
    take_back: Callable[[Db, UUID, UUID], bool] = _never_taken_back
    """The payment never was: undo exactly what it brought; False: that was used, or changed, since."""
    keep_credit: Callable[[Db, UUID, int, UUID], None] | None = None
    """A sum of it, refunded, is kept for the payer's next dues; None: there is nobody to keep it for."""


def _never_by_hand(_: Db, __: UUID, ___: Actor) -> Payable:
    raise NotPayable("a subscription is paid through its mandate")


def _nothing_to_hold(_: Db, __: UUID, ___: UUID, ____: datetime) -> None:
    """A period waits by itself."""


HOLD, FEE = timedelta(minutes=15), timedelta(hours=24)
"""A seat is held no longer; what is owed stays owed."""
PURPOSES: dict[str, Purpose] = {
    "booking": Purpose(bookings.payable, bookings.await_payment, bookings.confirm_paid, HOLD, bookings.take_back),
    "membership": Purpose(
        memberships.payable_for_joining, memberships.nothing_to_hold, memberships.joining_paid, FEE,
        memberships.take_joining_back, memberships.keep_joining_credit,
    ),
    "dues": Purpose(
        memberships.payable, memberships.nothing_to_hold, memberships.paid, FEE,
        memberships.take_back, memberships.keep_credit,
    ),
    "subscription": Purpose(_never_by_hand, _nothing_to_hold, subscriptions.paid, timedelta(hours=24)),
}  # fmt: skip


def of(name: str) -> Purpose:
    """NotPayable for what is sold nowhere yet."""
    purpose = PURPOSES.get(name)
    if purpose is None:
        raise NotPayable
    return purpose
