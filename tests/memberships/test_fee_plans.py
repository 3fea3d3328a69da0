"""What a place costs: plans, their versions, quotes to the paisa."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from studyspot.kit import clock, ids
from studyspot.memberships import pricing, service
from studyspot.memberships.models import MembershipRequired, PlanArchived, PlanNotOffered

from tests.libraries.test_libraries import add
from tests.world import Answer, Tenant, World

HOURLY = {"name": "By the hour", "kind": "hourly", "pricePaise": 2000}


def send(world: World, token: str | None, method: str, path: str, body: Any = None, **headers: str) -> Answer:
    return world.call("memberships", method, path, token, body, **headers)


def plan(world: World, tenant: Tenant, **facts: Any) -> dict[str, Any]:
    made = send(world, tenant.owner, "POST", "/fee-plans", HOURLY | facts)
    assert made.status == 201, made.json
    data: dict[str, Any] = made.data
    return data


def test_only_owners_set_prices(world: World) -> None:
    tenant = world.tenant()
    assert send(world, None, "POST", "/fee-plans", {}).status == 401
    for kind in ("student", "library_staff"):
        assert send(world, world.token(kind, tenant.id), "POST", "/fee-plans", {}).code == "forbidden"


def test_a_foreign_plan_does_not_exist(world: World) -> None:
    ours, theirs = world.tenant(), world.tenant()
    here = f"/fee-plans/{plan(world, ours)['id']}"
    assert send(world, theirs.owner, "GET", here).status == 404
    assert send(world, theirs.owner, "PUT", here, {"pricePaise": 1}).status == 404
    assert send(world, theirs.owner, "DELETE", here).status == 404
    assert send(world, theirs.owner, "POST", f"{here}/quote", {}).status == 404
    library = add(world, theirs).data["id"]
    assert send(world, ours.owner, "POST", "/fee-plans", HOURLY | {"libraryIds": [library]}).status == 404


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "minutely"}, {"pricePaise": -1}, {"pricePaise": 1.5}, {"pricePaise": "2000"}, {"pricePaise": 10**14},
        {"gstRate": 101}, {"kind": "visits"}, {"visits": 3}, {"libraryIds": ["x"]}, {"price": 1},
    ],
)  # fmt: skip
def test_a_plan_that_makes_no_sense_is_refused(world: World, wrong: dict[str, Any]) -> None:
    assert send(world, world.tenant().owner, "POST", "/fee-plans", HOURLY | wrong).code == "validation_failed"


def test_new_terms_are_a_new_version(world: World) -> None:
    tenant = world.tenant()
    made = plan(world, tenant)
    here = f"/fee-plans/{made['id']}"
    assert (made["version"], made["taxIncluded"], made["gstRate"]) == (1, True, 18)
    tag = send(world, tenant.owner, "GET", here).headers["ETag"]
    changed = send(world, tenant.owner, "PUT", here, {"pricePaise": 2500}, if_match=tag).data
    assert (changed["version"], changed["pricePaise"], changed["name"]) == (2, 2500, "By the hour")
    assert send(world, tenant.owner, "PUT", here, {"pricePaise": 1}, if_match=tag).code == "version_conflict"
    assert send(world, tenant.owner, "PUT", here, {"isPublic": False}).data["version"] == 2
    history = send(world, tenant.owner, "GET", here).data
    assert [(v["version"], v["pricePaise"]) for v in history["versions"]] == [(2, 2500), (1, 2000)]
    assert send(world, tenant.owner, "PUT", here, {"kind": "daily"}).code == "validation_failed"


def test_students_see_what_is_offered_to_them(world: World) -> None:
    tenant = world.tenant()
    library, other = add(world, tenant).data["id"], add(world, tenant, code="C2").data["id"]
    everywhere = plan(world, tenant)
    there = plan(world, tenant, libraryIds=[other])
    private = plan(world, tenant, isPublic=False)
    student = world.token("student", tenant.id)
    shown = [row["id"] for row in send(world, student, "GET", f"/fee-plans?libraryId={library}").data]
    assert shown == [everywhere["id"]]
    assert there["libraryIds"] == [other]
    assert send(world, student, "GET", f"/fee-plans/{private['id']}").status == 404
    assert len(send(world, tenant.owner, "GET", "/fee-plans?kind=hourly").data) == 3


def test_an_archived_plan_is_no_longer_sold(world: World) -> None:
    tenant = world.tenant()
    here = f"/fee-plans/{plan(world, tenant)['id']}"
    assert send(world, tenant.owner, "DELETE", here).status == 204
    assert send(world, tenant.owner, "DELETE", here).status == 404
    assert send(world, tenant.owner, "GET", "/fee-plans").data == []
    assert send(world, tenant.owner, "GET", here).data["status"] == "archived"
    assert (send(world, tenant.owner, "POST", f"{here}/quote", {}).status) == 410
    assert send(world, tenant.owner, "PUT", here, {"pricePaise": 1}).code == "plan_archived"


def test_an_hour_is_priced_by_the_minute_half_up(world: World) -> None:
    tenant = world.tenant()
    library = add(world, tenant).data["id"]
    hourly = plan(world, tenant, pricePaise=2050, libraryIds=[library])
    taxed = plan(world, tenant, pricePaise=2050, taxIncluded=False)
    start = clock.now()
    with world.db(tenant.id) as db:

        def cost(fee_plan: dict[str, Any], minutes: int) -> int:
            return service.price(db, fee_plan["id"], ids.UUID(library), start, start + timedelta(minutes=minutes))

        assert [cost(hourly, minutes) for minutes in (60, 90, 15, 1, 21)] == [2050, 3075, 513, 34, 718]
        assert cost(taxed, 60) == 2050 + 369
        with pytest.raises(PlanNotOffered):
            service.price(db, hourly["id"], ids.uuid7(), start, start)


def test_a_plan_by_the_month_needs_a_member(world: World) -> None:
    tenant = world.tenant()
    library = add(world, tenant).data["id"]
    monthly = plan(world, tenant, kind="monthly", pricePaise=150000)
    now = clock.now()
    with world.db(tenant.id) as db:
        assert service.price(db, monthly["id"], library, now, now + timedelta(hours=1)) == 0
        with pytest.raises(MembershipRequired):
            service.price(db, monthly["id"], library, now, now + timedelta(hours=1), student_id=ids.uuid7())
    send(world, tenant.owner, "DELETE", f"/fee-plans/{monthly['id']}")
    with world.db(tenant.id) as db, pytest.raises(PlanArchived):
        service.price(db, monthly["id"], library, now, now)


def test_a_quote_adds_up_line_by_line(world: World) -> None:
    tenant = world.tenant()
    monthly = plan(
        world, tenant, kind="monthly", pricePaise=99999, taxIncluded=False, registrationFeePaise=33, depositPaise=50000
    )
    student = world.token("student", tenant.id)
    quote = send(world, student, "POST", f"/fee-plans/{monthly['id']}/quote", {"startDate": "2026-01-31"}).data
    assert [(row["amountPaise"], row["gstPaise"]) for row in quote["lines"]] == [(99999, 18000), (33, 6), (50000, 0)]
    assert quote["totalPaise"] == 99999 + 18000 + 39 + 50000 and quote["endDate"] == "2026-02-28"
    hourly = plan(world, tenant, pricePaise=2000)
    hours = {"startAt": "2026-01-01T10:00:00+05:30", "endAt": "2026-01-01T12:00:00+05:30"}
    quote = send(world, student, "POST", f"/fee-plans/{hourly['id']}/quote", hours).data
    assert (quote["totalPaise"], quote["amountPaise"], quote["gstPaise"]) == (4000, 3390, 610)
    assert send(world, student, "POST", f"/fee-plans/{hourly['id']}/quote", {}).code == "validation_failed"


@pytest.mark.parametrize(
    ("kind", "start", "end"),
    [
        ("daily", "2026-02-28", "2026-03-01"), ("weekly", "2026-12-28", "2027-01-04"),
        ("monthly", "2026-01-31", "2026-02-28"), ("monthly", "2028-01-31", "2028-02-29"),
        ("quarterly", "2026-11-30", "2027-02-28"), ("half_year", "2026-08-31", "2027-02-28"),
        ("yearly", "2028-02-29", "2029-02-28"), ("visits", "2026-01-01", "2026-01-31"),
    ],
)  # fmt: skip
def test_a_period_ends_where_the_calendar_says(kind: str, start: str, end: str) -> None:
    assert pricing.period_end(kind, date.fromisoformat(start), None) == date.fromisoformat(end)
