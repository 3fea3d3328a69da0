"""The night of memberships: each day once for a tenant, and in order after an outage."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

import pytest
from studyspot.kit import cells, connections
from studyspot.kit.db import Db
from studyspot.memberships import nightly

from tests.alongside import at_once
from tests.bookings.scene import INDIA, next_day
from tests.memberships.test_changing import act, paid, pause, policy
from tests.memberships.test_renewing import Desk, today
from tests.world import World, function

DAY = timedelta(days=1)


@pytest.fixture
def desk(world: World) -> Desk:
    return Desk(world)


def night(desk: Desk, day: date | None = None) -> int:
    """The night of this tenant, as the worker does it."""
    if day:
        desk.world.advance_to(datetime.combine(day, time(0, 10), INDIA))
    with desk.world.worker():
        return nightly.of_tenant(
            Db(connections.to(cells.place_of(desk.scene.tenant.id)), desk.scene.tenant.id), today()
        )


def stored(desk: Desk, member: dict[str, Any]) -> tuple[str, int]:
    with desk.world.db(desk.scene.tenant.id) as db:
        (row,) = db.dicts("SELECT status, late_fee_paise FROM memberships WHERE id = %(id)s", id=member["id"])
    return row["status"], row["late_fee_paise"]


def messages(desk: Desk) -> list[tuple[str, Any]]:
    with desk.world.db(desk.scene.tenant.id) as db:
        rows = db.dicts("SELECT template_id, variables FROM communications ORDER BY id")
    return [(row["template_id"], row["variables"]["date"]) for row in rows]


def events(desk: Desk) -> list[str]:
    return [m["type"] for m in desk.world.outbox(desk.scene.tenant.id) if m.get("type", "").startswith("membership.")]


def test_grace_then_the_end_and_the_seat_is_free(desk: Desk) -> None:
    policy(desk, lateFeePerDayPaise=2000, lateFeeMostPaise=5000)
    member = desk.join()
    end = date.fromisoformat(member["endDate"])
    night(desk, end - DAY)
    assert stored(desk, member) == ("active", 0)
    for day, expected in enumerate([("grace", 2000), ("grace", 4000), ("grace", 5000), ("expired", 5000)]):
        assert night(desk, end + day * DAY) == 1
        assert stored(desk, member) == expected
    assert desk.shown(member["id"])["allotment"] is None
    assert desk.book(0, next_day(10)).status == 201
    assert events(desk).count("membership.expired") == 1
    other_seat = {"seatId": str(desk.scene.seats[1])}
    assert desk.renew(member["id"], other_seat).data["due"]["amountPaise"] == 155000


def test_a_day_is_done_once_whoever_comes(desk: Desk) -> None:
    desk.join()
    assert (night(desk), night(desk)) == (1, 0)
    desk.world.advance(DAY)
    done = at_once(desk.scene.tenant.id, lambda db, _: nightly.of_tenant(db, today()), range(4))
    assert sum(done) == 1


def test_after_an_outage_the_days_are_done_in_order(desk: Desk) -> None:
    policy(desk, lateFeePerDayPaise=1000, freezeNoticeDays=0)
    member, paused = desk.join(0), desk.join(1)
    assert pause(desk, paused, 2, 3).status == 200
    night(desk)
    first, end = today(), date.fromisoformat(member["endDate"])
    assert night(desk, end + DAY) == (end + DAY - first).days
    with desk.world.db(desk.scene.tenant.id) as db:
        days = [row["day"] for row in db.dicts("SELECT day FROM membership_days ORDER BY done_at, day")]
    assert days == sorted(days) and len(days) == (days[-1] - days[0]).days + 1
    assert stored(desk, member) == ("grace", 2000)
    told = events(desk)
    assert told.index("membership.frozen") < told.index("membership.resumed")


def test_pauses_begin_and_end_by_themselves(desk: Desk) -> None:
    policy(desk, freezeNoticeDays=0)
    member = desk.join()
    pause(desk, member, 2, 3)
    start = today()
    states = []
    for day in range(7):
        night(desk, start + day * DAY)
        states.append(stored(desk, member)[0])
    assert states == ["active", "active", "frozen", "frozen", "frozen", "active", "active"]
    assert act(desk, member, "unfreeze").code == "state_conflict"


def test_members_are_told_before_the_end_and_the_day_before_the_door_closes(desk: Desk) -> None:
    policy(desk, remindDaysBefore=[3, 0])
    member = desk.join()
    end = date.fromisoformat(member["endDate"])
    for day in range(-4, 5):
        night(desk, end + day * DAY)
    last, grace = f"{end - DAY:%d %b %Y}", f"{end + 2 * DAY:%d %b %Y}"
    assert messages(desk) == [("membership_expiry", last), ("fee_due_reminder", grace), ("fee_due_reminder", grace)]


def test_what_renews_by_itself_waits_for_its_money(desk: Desk) -> None:
    member = desk.join()
    desk.send("PUT", f"/memberships/{member['id']}/auto-renew", {"enabled": True, "daysBefore": 2})
    end = date.fromisoformat(member["endDate"])
    night(desk, end - 3 * DAY)
    assert len(desk.shown(member["id"])["periods"]) == 1
    night(desk, end - 2 * DAY)
    night(desk, end - DAY)
    shown = desk.shown(member["id"])
    assert [p["status"] for p in shown["periods"]] == ["live", "pending"]
    (due,) = [d for d in shown["dues"] if d["kind"] == "renewal"]
    assert desk.pay(due["id"]) and desk.shown(member["id"])["endDate"] == shown["periods"][1]["endDate"]


def test_one_member_whose_seat_is_gone_stops_no_other_s_night(desk: Desk) -> None:
    member, other = paid(desk, desk.join(0)), desk.join(1)
    cheap = desk.send("POST", "/fee-plans", {"name": "Basic", "kind": "monthly", "pricePaise": 50000}).data
    act(desk, member, "change-plan", {"feePlanId": cheap["id"]})  # leaves credit that pays for the next period
    end = date.fromisoformat(member["endDate"])
    desk.join(0, startDate=str(end + 5 * DAY))
    for one in (member, other):
        desk.send("PUT", f"/memberships/{one['id']}/auto-renew", {"enabled": True, "daysBefore": 2})
    night(desk, end - DAY)
    assert [p["status"] for p in desk.shown(other["id"])["periods"]] == ["live", "pending"]
    assert desk.shown(member["id"])["endDate"] == member["endDate"]
    assert (night(desk, end), stored(desk, member)[0]) == (1, "grace")


def test_another_tenant_s_night_touches_nobody_here(desk: Desk) -> None:
    other = Desk(desk.world)
    member = desk.join()
    night(other, date.fromisoformat(member["endDate"]) + DAY)
    assert stored(desk, member)[0] == "active"


def test_the_daily_schedule_does_it(desk: Desk) -> None:
    member = desk.join()
    desk.world.advance_to(datetime.combine(date.fromisoformat(member["endDate"]), time(0, 10), INDIA))
    with desk.world.worker():
        assert function("schedules", "daily").nights_of_members() >= 1
    assert stored(desk, member)[0] == "grace"
