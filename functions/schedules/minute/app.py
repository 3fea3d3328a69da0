"""Every minute: send what waits, start what is due, settle what was left open. One failing job stops no other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from studyspot.audit import exporting, sealing
from studyspot.credits import service as wallets
from studyspot.entitlements import service as entitlements
from studyspot.files import service as files
from studyspot.kit import outbox, timers
from studyspot.kit.db import Db
from studyspot.kit.schedules import each_of, recorded
from studyspot.messaging import bounces, delivery, reports, taking
from studyspot.privacy.service import statutes
from studyspot.webhooks import sending
from studyspot.webhooks import service as webhooks


def release_booking(db: Db, booking_id: UUID, given: dict[str, Any]) -> None:
    from studyspot.bookings import service as bookings  # the seat map is loaded only when a hold lapses

    bookings.release_unpaid(db, booking_id, given)


def wake_waitlist(db: Db, subject: UUID, given: dict[str, Any]) -> None:
    from studyspot.bookings import waiting  # as above, only when a seat is freed that somebody waits for

    waiting.wake(db, subject, given)


def tell_low_wallet(db: Db, wallet_id: UUID, given: dict[str, Any]) -> None:
    from studyspot.tenants import telling  # the directory is loaded only when a wallet runs low

    telling.wallet_low(db, wallet_id, given)


def export_students(db: Db, job_id: UUID, given: dict[str, Any]) -> None:
    from studyspot.students import exporting as students  # spreadsheets are loaded only when one is asked for

    students.make(db, job_id, given)


def tell_listing(db: Db, library_id: UUID, given: dict[str, Any]) -> None:
    from studyspot.listings import service as listings  # the directory is told only of what is listed

    listings.tell(db, library_id, given)


def end_visit(db: Db, visit_id: UUID, given: dict[str, Any]) -> None:
    from studyspot.attendance.service import visits  # as above, only when nobody scanned out

    visits.end_by_itself(db, visit_id, given)


def tell_guardians(db: Db, visit_id: UUID, given: dict[str, Any]) -> None:
    from studyspot.attendance.service import guardians  # as above, only where somebody agreed to be told

    guardians.tell(db, visit_id, given)


AT_ONCE = {
    "student_export": export_students,
    exporting.TIMER: exporting.make,
    sending.RETRY_TIMER: sending.retry,
    files.UPLOAD_TIMER: files.upload_lapsed,
    "booking_release": release_booking,
    "library_listing": tell_listing,
    "waitlist": wake_waitlist,
    "attendance_end": end_visit,
    "guardian_notice": tell_guardians,
    entitlements.TIMER: entitlements.apply_due,
    taking.RELEASE_TIMER: taking.release,
    delivery.SETTLE_TIMER: delivery.settle_unknown,
    wallets.LOW_TIMER: tell_low_wallet,
}
JOBS: dict[str, Callable[[], int]] = {
    "timers": lambda: timers.fire_due(AT_ONCE),
    "credits": wallets.settle_allocations,
    "reports": reports.settle_reports,
    "bounces": bounces.settle_bounces,
    "outbox": lambda: outbox.relay(webhooks.fan_out),
    "audit": sealing.seal_waiting,
    "statutes": statutes.spread,
}
"""Timers first: what they command leaves with the same run's relay."""


@recorded("minute")
def handler(event: dict[str, Any], context: Any) -> dict[str, int]:
    """How many things each job did."""
    return each_of("minute", JOBS)
