"""An owner lays down rules: typed, versioned, with a history; what they decide reads them from the next request on."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID

import pytest
from studyspot.bookings import service as bookings
from studyspot.bookings.models import BookingRequest
from studyspot.bookings.models.refusals import TooManyUpcoming
from studyspot.kit import ids, tally, tokens
from studyspot.kit.auth import Actor
from studyspot.kit.clock import INDIA
from studyspot.kit.db import Db
from studyspot.kit.errors import VersionConflict
from studyspot.messaging import hours
from studyspot.policies import service
from studyspot.policies.models import Booking, Messages, PoliciesChange

from tests.alongside import at_once
from tests.bookings.scene import Scene, next_day
from tests.world import Answer, World


def put(world: World, token: str | None, body: Any, **headers: str) -> Answer:
    return world.call("settings", "PUT", "/tenants/me/settings", token, body, **headers)


def get(world: World, token: str | None) -> Answer:
    return world.call("settings", "GET", "/tenants/me/settings", token)


def test_students_and_staff_change_nothing(world: World) -> None:
    tenant = world.tenant()
    for kind in ("student", "library_staff"):
        assert put(world, world.token(kind, tenant.id), {"nonsense": 1}).code == "forbidden"
    assert put(world, None, {}).code == "unauthenticated"
    assert get(world, world.token("library_staff", tenant.id)).status == 200
    assert get(world, world.token("student", tenant.id)).code == "forbidden"


@pytest.mark.parametrize("isolation", ["pool", "silo"])
def test_only_what_is_sent_changes_and_only_for_one_organisation(world: World, isolation: str) -> None:
    ours, theirs = world.tenant(isolation), world.tenant()
    before = get(world, ours.owner).data
    assert (before["version"], before["booking"]["holdMinutes"], before["changedAt"]) == (0, 10, None)
    first = put(world, ours.owner, {"booking": {"holdMinutes": 5}, "security": {"requireMfa": True}}).data
    second = put(world, ours.owner, {"booking": {"maxDaysAhead": 7}}).data
    assert (first["version"], second["version"]) == (1, 2)
    assert (second["booking"]["holdMinutes"], second["booking"]["maxDaysAhead"]) == (5, 7)
    assert second["security"]["requireMfa"] is True
    assert put(world, ours.owner, {"booking": None}).data["booking"] == before["booking"]
    assert get(world, theirs.owner).data == before
    history = world.call("settings", "GET", "/tenants/me/settings/history?limit=2", ours.owner).json
    assert [row["version"] for row in history["data"]] == [3, 2]
    assert {row["changedBy"] for row in history["data"]} == {str(ours.owner_id)}
    cursor = history["meta"]["nextCursor"]
    rest = world.call("settings", "GET", f"/tenants/me/settings/history?cursor={cursor}", ours.owner).data
    assert [(row["version"], row["value"]["booking"]) for row in rest] == [(1, {"hold_minutes": 5})]


@pytest.mark.parametrize(
    "body",
    [
        {"booking": {"holdMinute": 5}},
        {"booking": {"holdMinutes": 0}},
        {"booking": {"holdMinutes": "five"}},
        {"booking": {"minMinutes": 600, "maxMinutes": 60}},
        {"messages": {"quietFrom": "23:00"}},
        {"messages": {"quietUntil": "07:59"}},
        {"messages": {"quietUntil": "08:00:30"}},
        {"surprise": {}},
    ],
)
def test_what_is_no_rule_or_against_the_law_is_refused_and_leaves_nothing(world: World, body: Any) -> None:
    tenant = world.tenant()
    refused = put(world, tenant.owner, body)
    assert (refused.status, refused.code) == (422, "validation_failed")
    assert refused.json["errors"]
    assert get(world, tenant.owner).data["version"] == 0


def test_a_stale_version_is_refused(world: World) -> None:
    tenant = world.tenant()
    seen = get(world, tenant.owner).headers["ETag"]
    assert put(world, tenant.owner, {"booking": {"holdMinutes": 5}}, if_match=seen).status == 200
    late = put(world, tenant.owner, {"booking": {"holdMinutes": 6}}, if_match=seen)
    assert (late.status, late.code) == (409, "version_conflict")
    now = get(world, tenant.owner)
    assert put(world, tenant.owner, {"booking": {"holdMinutes": 6}}, if_match=now.headers["ETag"]).status == 200


def test_of_two_changes_at_once_none_is_lost_silently(world: World) -> None:
    tenant = world.tenant()

    def change(db: Db, minutes: int) -> bool:
        try:
            service.change_policies(db, PoliciesChange(booking=Booking(hold_minutes=minutes)), None)
        except VersionConflict:
            return False
        return True

    done = sum(at_once(tenant.id, change, range(5, 13)))
    with world.db(tenant.id) as db:
        rows = db.value("SELECT count(*) FROM tenant_settings")
        newest = service.policies(db).version
    assert done == rows == newest


def test_a_version_is_never_changed_afterwards(world: World) -> None:
    tenant = world.tenant()
    put(world, tenant.owner, {"booking": {"holdMinutes": 5}})
    for statement in ("UPDATE tenant_settings SET value = '{}'", "DELETE FROM tenant_settings"):
        with pytest.raises(Exception, match="permission denied"), world.db(tenant.id) as db:
            db.run(statement)


def book(scene: Scene, start: datetime, minutes: int = 60, student: int = 0) -> Answer:
    body = {"libraryId": str(scene.library), "startAt": start.isoformat(), "feePlanId": str(scene.hourly),
            "endAt": (start + timedelta(minutes=minutes)).isoformat(),
            "studentId": str(scene.students[student])}  # fmt: skip
    return scene.world.call("bookings", "POST", "/bookings", scene.tenant.owner, body)


def test_a_booking_obeys_the_rules_of_its_moment_and_keeps_them(world: World) -> None:
    scene = Scene.open(world)
    scene.students.append(scene.student())
    early = book(scene, next_day(8)).data
    put(world, scene.tenant.owner, {"booking": {"holdMinutes": 30, "maxMinutes": 120, "maxDaysAhead": 3,
                                                "noShowMinutes": 45}})  # fmt: skip
    late = book(scene, next_day(10)).data
    assert (early["policy"]["maxMinutes"], late["policy"]["maxMinutes"]) == (960, 120)
    assert late["policy"]["noShowMinutes"] == 45
    held = datetime.fromisoformat(late["holdExpiresAt"]) - datetime.fromisoformat(late["createdAt"])
    assert held == timedelta(minutes=30)
    assert book(scene, next_day(12), minutes=121).code == "duration_invalid"
    assert book(scene, next_day(12, days=5)).code == "too_far_ahead"
    kept = scene.world.call("bookings", "GET", f"/bookings/{early['id']}", scene.tenant.owner).data
    assert kept["policy"] == early["policy"]


def test_a_quota_holds_however_many_ask_at_once(world: World) -> None:
    scene = Scene.open(world, seats=6)
    scene.students.append(scene.student())
    put(world, scene.tenant.owner, {"booking": {"maxOpen": 2}})
    owner = Actor.of(tokens.verify(scene.tenant.owner))

    def ask(db: Db, hour: int) -> UUID | None:
        start = next_day(hour)
        wish = BookingRequest(
            library_id=scene.library, start_at=start, end_at=start + timedelta(hours=1), fee_plan_id=scene.hourly,
            student_id=scene.students[0],
        )  # fmt: skip
        try:
            return bookings.book(db, owner, wish).id
        except TooManyUpcoming:
            return None

    won = [booking for booking in at_once(scene.tenant.id, ask, range(7, 19)) if booking]
    assert len(won) == 2
    world.call("bookings", "POST", f"/bookings/{won[0]}/cancel", scene.tenant.owner)
    assert book(scene, next_day(20)).status == 201
    assert book(scene, next_day(21)).code == "too_many_upcoming"


def test_a_longer_night_is_obeyed_and_the_recipient_s_own_act_still_answered() -> None:
    night = Messages(quiet_from=time(20), quiet_until=time(10))
    evening = datetime(2026, 11, 21, 20, 30, tzinfo=INDIA)
    assert hours.allowed_from(evening, None, night) == datetime(2026, 11, 22, 10, 0, tzinfo=INDIA)
    assert hours.allowed_from(evening, evening, night) == evening
    morning = datetime(2026, 11, 21, 9, 59, tzinfo=INDIA)
    assert hours.allowed_from(morning, None, night) == datetime(2026, 11, 21, 10, 0, tzinfo=INDIA)


def test_a_new_fee_plan_takes_the_usual_terms_unless_it_names_its_own(world: World) -> None:
    tenant = world.tenant()
    put(world, tenant.owner, {"fees": {"gstRate": 0, "graceDays": 7}})
    plan = {"name": f"Plan {ids.uuid7().hex[-6:]}", "kind": "monthly", "pricePaise": 100_00}
    usual = world.call("memberships", "POST", "/fee-plans", tenant.owner, plan).data
    own = world.call("memberships", "POST", "/fee-plans", tenant.owner, {**plan, "graceDays": 1}).data
    assert (usual["gstRate"], usual["graceDays"]) == (0, 7)
    assert (own["gstRate"], own["graceDays"]) == (0, 1)


def test_reading_is_one_trip(world: World) -> None:
    tenant = world.tenant()
    get(world, tenant.owner)
    get(world, tenant.owner)
    assert tally.current.trips == 1
