"""What an organisation's own rows say about how far it is, and what of them everybody may see."""

from __future__ import annotations

from studyspot.kit import clock
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
           (SELECT coalesce(jsonb_agg(jsonb_build_object('day', w.day,
                       'opens', to_char(make_interval(mins => w.opens), 'HH24:MI'),
                       'closes', to_char(make_interval(mins => mod(w.closes, 1440)), 'HH24:MI'))
                   ORDER BY w.day, w.opens), '[]')
            FROM (SELECT h.day::integer, h.opens::integer, h.closes::integer FROM library_hours h
                      WHERE h.library_id = l.id
                  UNION ALL
                  SELECT d, CASE WHEN p.always THEN 0 ELSE p.opens END, CASE WHEN p.always THEN 0 ELSE p.closes END
                  FROM unnest(l.operating_days) d
                  WHERE NOT EXISTS (SELECT FROM library_hours h WHERE h.library_id = l.id)) w) AS weekly,
           opening_windows(l.id, g.timezone, n.today, n.today) @> %(now)s AS open_now,
           (SELECT count(*) FROM seats s WHERE s.library_id = l.id AND s.status = 'active') AS seats
    FROM tenant_gate g CROSS JOIN libraries l,
         LATERAL (SELECT (%(now)s AT TIME ZONE g.timezone)::date AS today) n,
         LATERAL (SELECT l.opening_time IS NULL OR l.closing_time IS NULL AS always,
                         (extract(epoch FROM l.opening_time) / 60)::integer AS opens,
                         (extract(epoch FROM l.closing_time) / 60)::integer AS closes) p
    WHERE l.status = 'active' ORDER BY l.name, l.id LIMIT 200"""
PLANS = """
    SELECT p.id, v.name, p.kind, v.price_paise, v.tax_included, v.gst_rate
    FROM fee_plans p JOIN fee_plan_versions v ON v.fee_plan_id = p.id AND v.version = p.version
    WHERE p.status = 'active' AND p.is_public ORDER BY v.price_paise, p.id LIMIT 200"""


def steps(db: Db) -> list[OnboardingStep]:
    """In the order in which one goes about it."""
    return db.all(OnboardingStep, STEPS)


def libraries(db: Db) -> list[PublicLibrary]:
    return db.all(PublicLibrary, LIBRARIES, now=clock.now())


def plans(db: Db) -> list[PublicPlan]:
    return db.all(PublicPlan, PLANS)
