"""The directory's rows in core, what a cell tells of its listed libraries, and enquiries."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg import OperationalError

from studyspot.kit import cells, clock, ids, log
from studyspot.kit.connections import Place
from studyspot.kit.db import Db
from studyspot.kit.errors import Unavailable
from studyspot.kit.models import Model
from studyspot.kit.pages import Paging
from studyspot.listings.models import CONSENT, Enquiry, EnquiryRequest, Listing, OwnListing, Search
from studyspot.memberships.models import PublicPlan

KM_A_DEGREE = 111.19
TAKE = """
    INSERT INTO library_listings (slug, tenant_id, library_id, created_at)
    VALUES (%(slug)s, %(tenant)s, %(library)s, %(now)s) ON CONFLICT DO NOTHING"""
DROP = "DELETE FROM library_listings WHERE tenant_id = %(tenant)s AND library_id = %(library)s"
RENAME = "UPDATE library_listings SET slug = %(slug)s WHERE tenant_id = %(tenant)s AND library_id = %(library)s"

# The price is what is asked for, tax included; plans for a price class alone are offers too.
FACTS = """
    SELECT l.listed_as AS slug, l.name, l.city, l.state, l.pincode, l.latitude, l.longitude, l.amenities,
           l.total_seats AS seats, o.hourly_from_paise, o.monthly_from_paise
    FROM libraries l CROSS JOIN LATERAL (
        SELECT min(w.price) FILTER (WHERE w.kind = 'hourly') AS hourly_from_paise,
               min(w.price) FILTER (WHERE w.kind = 'monthly') AS monthly_from_paise
        FROM (SELECT p.kind, CASE WHEN v.tax_included THEN v.price_paise
                     ELSE v.price_paise + (2 * v.price_paise * v.gst_rate + 100) / 200 END AS price
              FROM fee_plans p JOIN fee_plan_versions v ON v.fee_plan_id = p.id AND v.version = p.version
              WHERE p.status = 'active' AND p.is_public
                AND (NOT EXISTS (SELECT FROM fee_plan_libraries f WHERE f.fee_plan_id = p.id)
                     OR EXISTS (SELECT FROM fee_plan_libraries f
                                WHERE f.fee_plan_id = p.id AND f.library_id = l.id))) w) o
    WHERE l.id = %(library)s AND l.listed_as IS NOT NULL AND l.status = 'active'"""
TELL = """
    UPDATE library_listings SET name = %(name)s, city = %(city)s, state = %(state)s, pincode = %(pincode)s,
           latitude = %(latitude)s, longitude = %(longitude)s, amenities = %(amenities)s, seats = %(seats)s,
           hourly_from_paise = %(hourly_from_paise)s, monthly_from_paise = %(monthly_from_paise)s, told_at = %(now)s
    WHERE slug = %(slug)s AND tenant_id = %(tenant)s AND library_id = %(library)s"""
HIDE = """
    UPDATE library_listings SET told_at = NULL WHERE tenant_id = %(tenant)s AND library_id = %(library)s"""

# Great-circle distance (haversine); the box around the point lets an index choose what is measured.
SEARCH = """
    SELECT * FROM (
        SELECT l.tenant_id, l.library_id, l.slug, l.name, l.city, l.state, l.pincode, l.latitude, l.longitude,
               l.amenities, l.seats, l.hourly_from_paise, l.monthly_from_paise,
               6371 * 2 * asin(sqrt(least(1, power(sin(radians(l.latitude - %(latitude)s::float8) / 2), 2)
                   + cos(radians(l.latitude)) * cos(radians(%(latitude)s::float8))
                   * power(sin(radians(l.longitude - %(longitude)s::float8) / 2), 2)))) AS distance_km
        FROM library_listings l JOIN tenants t ON t.id = l.tenant_id AND t.status IN ('active', 'past_due')
        WHERE l.told_at IS NOT NULL
          AND (%(south)s::float8 IS NULL OR l.latitude BETWEEN %(south)s AND %(north)s)
          AND (%(city)s::text IS NULL OR lower(l.city) = lower(%(city)s))
          AND (%(pincode)s::text IS NULL OR l.pincode = %(pincode)s)
          AND (%(q)s::text IS NULL OR strpos(lower(concat_ws(' ', l.name, l.city, l.pincode)), lower(%(q)s)) > 0)
          AND l.amenities @> %(amenities)s::text[]
          AND (%(max_hourly_paise)s::bigint IS NULL OR l.hourly_from_paise <= %(max_hourly_paise)s)
          AND (%(max_monthly_paise)s::bigint IS NULL OR l.monthly_from_paise <= %(max_monthly_paise)s)) found
    WHERE (%(radius_km)s::float8 IS NULL OR distance_km <= %(radius_km)s)
      AND (%(slug)s::text IS NULL OR (coalesce(distance_km, 0), slug) > (%(far)s::float8, %(slug)s))
    ORDER BY coalesce(distance_km, 0), slug LIMIT %(fetch)s"""
NOW = "SELECT * FROM listed_now(%(tenants)s::uuid[], %(libraries)s::uuid[], %(now)s)"
FIND = """
    SELECT l.tenant_id, l.library_id FROM library_listings l
    JOIN tenants t ON t.id = l.tenant_id AND t.status IN ('active', 'past_due') WHERE l.slug = %(slug)s"""
PAGE = """
    SELECT l.name, l.description, concat_ws(', ', l.address_line1, l.address_line2) AS address, l.city, l.state,
           l.pincode, l.latitude, l.longitude, l.phone, l.amenities,
           (SELECT coalesce(jsonb_agg(o ORDER BY o.price_paise, o.id), '[]') FROM (
               SELECT p.id, v.name, p.kind, v.price_paise, v.tax_included, v.gst_rate
               FROM fee_plans p JOIN fee_plan_versions v ON v.fee_plan_id = p.id AND v.version = p.version
               WHERE p.status = 'active' AND p.is_public
                 AND (NOT EXISTS (SELECT FROM fee_plan_libraries f WHERE f.fee_plan_id = p.id)
                      OR EXISTS (SELECT FROM fee_plan_libraries f
                                 WHERE f.fee_plan_id = p.id AND f.library_id = l.id)) LIMIT 200) o) AS plans
    FROM libraries l, tenant_gate g
    WHERE l.id = %(library)s AND l.listed_as = %(slug)s AND l.status = 'active'
      AND g.status IN ('active', 'past_due')"""
LIST = """
    UPDATE libraries SET listed_as = %(slug)s, updated_at = %(now)s
    WHERE id = %(library)s AND status <> 'closed' AND listed_as IS DISTINCT FROM %(slug)s"""
OWN = (
    "SELECT id AS library_id, listed_as IS NOT NULL AS listed, listed_as AS slug FROM libraries WHERE id = %(library)s"
)
ENQUIRY = ", ".join(Enquiry.model_fields)

# Whoever sends again and again is not heard more often; those who send at once go one after the other.
ASK = """
    WITH turn AS MATERIALIZED (SELECT pg_advisory_xact_lock(hashtextextended('enquiry ' || %(phone)s, 0))),
    before AS MATERIALIZED (
        SELECT count(*) AS sent FROM turn, enquiries e WHERE e.phone = %(phone)s AND e.created_at > %(since)s)
    INSERT INTO enquiries (id, library_id, name, phone, email, message, fee_plan_id, consent_text, consented_at,
                           created_at)
    SELECT %(id)s, %(library)s, %(name)s, %(phone)s, %(email)s, %(message)s, %(fee_plan_id)s, %(consent)s, %(now)s,
           %(now)s FROM before WHERE before.sent < %(most)s"""
ENQUIRIES = f"""
    SELECT {ENQUIRY} FROM enquiries
    WHERE library_id = %(library)s AND (%(after)s::uuid IS NULL OR id < %(after)s::uuid)
      AND (%(since)s::timestamptz IS NULL OR created_at >= %(since)s)
    ORDER BY id DESC LIMIT %(fetch)s"""


class Found(Listing):
    """A row of the directory, and whose it is: that is never told."""

    tenant_id: UUID
    library_id: UUID


class Whose(Model):
    """Where a listed library lives."""

    tenant_id: UUID
    library_id: UUID


class Now(Model):
    """How a library stands at this moment."""

    tenant_id: UUID
    library_id: UUID
    free: int
    open_now: bool


class PageRow(Model):
    """What a library says of itself, and its offers."""

    name: str
    description: str | None
    address: str
    city: str | None
    state: str | None
    pincode: str | None
    latitude: float | None
    longitude: float | None
    phone: str | None
    amenities: list[str]
    plans: list[PublicPlan]


def take(core: Db, slug: str, tenant: UUID, library: UUID) -> bool:
    """The name is this library's, now or already; the key decides between two who want it."""
    core.run(TAKE, slug=slug, tenant=tenant, library=library, now=clock.now())
    found = core.maybe(Whose, "SELECT tenant_id, library_id FROM library_listings WHERE slug = %(slug)s", slug=slug)
    if found is None:  # it stands there under another name
        core.run(RENAME, slug=slug, tenant=tenant, library=library)
        return True
    return (found.tenant_id, found.library_id) == (tenant, library)


def drop(core: Db, tenant: UUID, library: UUID) -> None:
    """The name is free again."""
    core.run(DROP, tenant=tenant, library=library)


def set_listed(db: Db, library: UUID, slug: str | None) -> bool:
    """False when it stood there under that name already."""
    return db.run(LIST, library=library, slug=slug, now=clock.now()) == 1


def own(db: Db, library: UUID) -> OwnListing:
    return db.one(OwnListing, OWN, library=library)


def facts(db: Db, library: UUID) -> dict[str, Any] | None:
    """What the directory repeats of it; None for one that is not to be found."""
    found = db.dicts(FACTS, library=library)
    return found[0] if found else None


def tell(core: Db, tenant: UUID, library: UUID, facts: dict[str, Any] | None) -> None:
    """The directory's row as the cell has it; told again it is the same."""
    if facts is None:
        core.run(HIDE, tenant=tenant, library=library)
    else:
        core.run(TELL, tenant=tenant, library=library, now=clock.now(), **facts)


def search(core: Db, asked: Search, paging: Paging) -> list[Found]:
    """The nearest first, where a point is named; else by name."""
    far, slug = paging.after or (None, None)
    return core.all(Found, SEARCH, far=far, slug=slug, fetch=paging.fetch, **_box(asked), **asked.model_dump())


def _box(asked: Search) -> dict[str, float | None]:
    if asked.latitude is None or asked.radius_km is None:
        return {"south": None, "north": None}
    reach = asked.radius_km / KM_A_DEGREE
    return {"south": asked.latitude - reach, "north": asked.latitude + reach}


def now(place: Place, found: list[Found]) -> list[Now] | None:
    """How those libraries of one cell stand, in one round trip; None while the cell cannot be asked."""
    tenants, libraries = [one.tenant_id for one in found], [one.library_id for one in found]
    try:
        rows = cells.across(place, NOW, tenants=tenants, libraries=libraries, now=clock.now())
    except (OperationalError, Unavailable) as outage:
        log.warning("cell_not_asked", database=place.dbname, error=repr(outage))
        return None
    return [Now(**row) for row in rows]


def find(core: Db, slug: str) -> Whose:
    """Whose library that is, if its organisation is open."""
    return core.one(Whose, FIND, slug=slug)


def page(db: Db, library: UUID, slug: str) -> PageRow:
    """NotFound unless the library itself says that it is listed under that name."""
    return db.one(PageRow, PAGE, library=library, slug=slug)


def ask(db: Db, library: UUID, asked: EnquiryRequest, most: int, within: timedelta) -> UUID | None:
    """None: that number has asked often enough."""
    made, at = ids.uuid7(), clock.now()
    told = asked.model_dump(exclude={"consent"})
    kept = db.run(ASK, id=made, library=library, now=at, since=at - within, most=most, consent=CONSENT, **told)
    return made if kept else None


def enquiries(db: Db, library: UUID, paging: Paging, since: datetime | None) -> list[Enquiry]:
    """Newest first."""
    return db.all(Enquiry, ENQUIRIES, library=library, after=paging.after, fetch=paging.fetch, since=since)
