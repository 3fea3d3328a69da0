"""What an organisation's own rows say about how far it is, and what of them everybody may see."""

from __future__ import annotations

from studyspot.kit.db import Db
from studyspot.memberships.models import PublicLibrary, PublicPlan
from studyspot.tenants.models import OnboardingStep

STEPS = """
    SELECT s.code, s.done, s.place AS where FROM (VALUES
        (1, 'library', EXISTS (SELECT FROM libraries WHERE status <> 'closed'), '/libraries'),
        (2, 'seats', EXISTS (SELECT FROM seats WHERE status <> 'retired'), '/libraries/{libraryId}/seats'),
        (3, 'plan', EXISTS (SELECT FROM fee_plans WHERE status = 'active'), '/fee-plans'),
        (4, 'gateway', EXISTS (SELECT FROM gateway_accounts WHERE status = 'connected'), '/tenants/me/gateways'),
        (5, 'dlt', EXISTS (SELECT FROM sms_templates WHERE dlt_template_id IS NOT NULL), '/messaging/templates'),
        (6, 'first_student', EXISTS (SELECT FROM students WHERE status <> 'archived'), '/students')
    ) AS s (place_no, code, done, place) ORDER BY s.place_no"""
LIBRARIES = """
    SELECT l.id, l.name, l.code, concat_ws(', ', l.address_line1, l.address_line2) AS address, l.city, l.pincode,
           l.latitude, l.longitude, l.phone, to_char(l.opening_time, 'HH24:MI') AS opening_time,
           to_char(l.closing_time, 'HH24:MI') AS closing_time, l.operating_days, l.amenities,
           (SELECT count(*) FROM seats s WHERE s.library_id = l.id AND s.status = 'active') AS seats
    FROM libraries l WHERE l.status = 'active' ORDER BY l.name, l.id LIMIT 200"""
PLANS = """
    SELECT p.id, v.name, p.kind, v.price_paise, v.tax_included, v.gst_rate
    FROM fee_plans p JOIN fee_plan_versions v ON v.fee_plan_id = p.id AND v.version = p.version
    WHERE p.status = 'active' AND p.is_public ORDER BY v.price_paise, p.id LIMIT 200"""


def steps(db: Db) -> list[OnboardingStep]:
    """In the order in which one goes about it."""
    return db.all(OnboardingStep, STEPS)


def libraries(db: Db) -> list[PublicLibrary]:
    return db.all(PublicLibrary, LIBRARIES)


def plans(db: Db) -> list[PublicPlan]:
    return db.all(PublicPlan, PLANS)
