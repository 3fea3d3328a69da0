"""Statements on what was sold: what a student was charged, by whom, and what is set about billing."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from studyspot.invoices.models.documents import Purpose, Sold, Surroundings
from studyspot.kit import clock
from studyspot.kit.clock import INDIA
from studyspot.kit.db import Db

BILLED = """
    LEFT JOIN invoices i ON i.subject_type = '{subject}' AND i.subject_id = {id} AND i.status <> 'voided'
        AND NOT i.undone"""
INVOICE = "i.id AS invoice_id, i.total_paise - i.credited_paise AS invoice_total_paise, i.status AS invoice_status"
DUE = f"""
    SELECT 'due' AS subject_type, d.id AS subject_id, d.student_id, m.library_id, d.description,
           (SELECT coalesce(jsonb_agg(jsonb_build_object('description', l ->> 'description',
                                                         'total_paise', (l ->> 'total_paise')::bigint)), '[]')
            FROM jsonb_array_elements(d.lines) l) AS lines,
           d.amount_paise, d.deposit_paise, v.gst_rate, v.sac, d.due_on,
           coalesce(p.start_date, m.start_date)::timestamp AT TIME ZONE 'Asia/Kolkata' AS begins_at,
           coalesce(p.end_date, m.end_date)::timestamp AT TIME ZONE 'Asia/Kolkata' AS ends_at,
           d.status = 'open' AS open, d.payment_id, {INVOICE}
    FROM membership_dues d JOIN memberships m ON m.id = d.membership_id
    LEFT JOIN membership_periods p ON p.id = d.period_id
    JOIN fee_plan_versions v ON v.fee_plan_id = coalesce(p.fee_plan_id, m.fee_plan_id)
        AND v.version = coalesce(p.fee_plan_version, m.fee_plan_version)
    {BILLED.format(subject="due", id="d.id")}"""
BOOKING = f"""
    SELECT 'booking' AS subject_type, b.id AS subject_id, b.student_id, b.library_id, 'Seat ' || s.code AS description,
           jsonb_build_array(jsonb_build_object('description', 'Seat ' || s.code, 'total_paise', b.amount_paise))
               AS lines,
           b.amount_paise, 0 AS deposit_paise, v.gst_rate, v.sac, NULL::date AS due_on, b.start_at AS begins_at,
           b.end_at AS ends_at, false AS open,
           CASE WHEN b.status IN ('confirmed', 'checked_in', 'completed', 'no_show') AND b.amount_paise > 0
                THEN b.payment_id END AS payment_id, {INVOICE}
    FROM bookings b JOIN seats s ON s.id = b.seat_id
    JOIN LATERAL (SELECT gst_rate, sac FROM fee_plan_versions v
                  WHERE v.fee_plan_id = b.fee_plan_id AND v.created_at <= b.created_at
                  ORDER BY v.version DESC LIMIT 1) v ON true
    {BILLED.format(subject="booking", id="b.id")}"""
OF: dict[Purpose, str] = {
    "booking": f"{BOOKING} WHERE b.id = %(id)s",
    "dues": f"{DUE} WHERE d.id = %(id)s",
    "membership": f"""{DUE} WHERE d.id = (
        SELECT e.id FROM membership_dues e WHERE e.membership_id = %(id)s AND e.kind = 'enrolment'
            AND e.status <> 'void' ORDER BY e.id LIMIT 1)""",
}
HOLD: dict[Purpose, str] = {
    "booking": "SELECT 1 FROM bookings WHERE id = %(id)s FOR NO KEY UPDATE",
    "dues": "SELECT 1 FROM membership_dues WHERE id = %(id)s FOR NO KEY UPDATE",
    "membership": "SELECT 1 FROM memberships WHERE id = %(id)s FOR NO KEY UPDATE",
}
"""What a payment of it holds as well while it settles."""
NEWEST = """coalesce((SELECT s.value FROM tenant_settings s WHERE s.kind = '{kind}' ORDER BY s.version DESC LIMIT 1),
                     '{{}}')"""
SURROUNDINGS = f"""
    SELECT {NEWEST.format(kind="invoicing")} AS settings, {NEWEST.format(kind="branding")} AS branding,
           l.name AS library_name, concat_ws(', ', l.address_line1, l.address_line2, l.city, l.state, l.pincode)
               AS library_address, l.state AS library_state,
           concat_ws(' ', s.first_name, s.last_name) AS student_name,
           concat_ws(', ', s.address, s.city, s.state, s.pincode) AS student_address, s.state AS student_state
    FROM libraries l, students s WHERE l.id = %(library)s AND s.id = %(student)s"""
STATUTORY = """
    SELECT value FROM statutory_params WHERE code = %(code)s AND valid_from <= %(on)s
    ORDER BY valid_from DESC LIMIT 1"""


def find(db: Db, purpose: Purpose, purpose_id: UUID) -> Sold | None:
    """What a student was charged under that name."""
    return db.maybe(Sold, OF[purpose], id=purpose_id)


def hold(db: Db, purpose: Purpose, purpose_id: UUID) -> None:
    """Until the transaction ends nobody else bills this, and no payment of it settles."""
    db.run(HOLD[purpose], id=purpose_id)


def surroundings(db: Db, sold: Sold) -> Surroundings:
    """Who bills, from where, and to whom."""
    return db.one(Surroundings, SURROUNDINGS, library=sold.library_id, student=sold.student_id)


def statutory(db: Db, code: str, on: date | None = None) -> Any:
    """The figure of law in force on a day, today unless said otherwise."""
    return db.value(STATUTORY, code=code, on=on or clock.now().astimezone(INDIA).date())


def setting(db: Db) -> dict[str, Any]:
    """What is set about billing."""
    found: dict[str, Any] = db.value(f"SELECT {NEWEST.format(kind='invoicing')}")
    return found


def home_state(db: Db) -> str | None:
    """The state of the first library."""
    found: str | None = db.value("SELECT state FROM libraries WHERE state IS NOT NULL ORDER BY id LIMIT 1")
    return found
