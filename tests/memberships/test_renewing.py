"""Members renew: one more period of the same membership, paid once, with the seat kept."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

import pytest
from studyspot.kit import clock, ids, tokens
from studyspot.kit.auth import Actor
from studyspot.memberships import paying, renewing, seating
from studyspot.memberships.models.changes import Renewal

from tests.alongside import at_once
from tests.bookings.scene import INDIA, Scene, next_day
from tests.world import Answer, World

DAY = timedelta(days=1)


def today() -> date:
    return clock.now().astimezone(INDIA).date()


class Desk:
    """A library with students who join, and whoever works there."""

    def __init__(self, world: World, seats: int = 2, **plan: Any) -> None:
        self.world, self.scene = world, Scene.open(world, seats=seats)
        self.plan = self.send(
            "POST", "/fee-plans", {"name": "Month", "kind": "monthly", "pricePaise": 150000} | plan
        ).data

    @property
    def owner(self) -> str:
        return self.world.token("library_owner", self.scene.tenant.id, self.scene.tenant.owner_id)

    def send(self, method: str, path: str, body: Any = None, token: str | None = None, **headers: str) -> Answer:
        return self.world.call("memberships", method, path, token or self.owner, body, **headers)

    def shift(self, start: str, end: str, **facts: Any) -> str:
        body = {"name": f"{start}-{end}", "startTime": start, "endTime": end} | facts
        made = self.world.call("libraries", "POST", f"/libraries/{self.scene.library}/shifts", self.owner, body)
        assert made.status == 201, made.json
        return str(made.data["id"])

    def ask(self, seat: int | None = 0, student: UUID | None = None, **facts: Any) -> Answer:
        who = student or self.scene.student()
        body: dict[str, Any] = {"studentId": who, "feePlanId": self.plan["id"], "libraryId": self.scene.library}
        return self.send(
            "POST", "/memberships", body | ({} if seat is None else {"seatId": self.scene.seats[seat]}) | facts
        )

    def join(self, seat: int | None = 0, student: UUID | None = None, **facts: Any) -> dict[str, Any]:
        made = self.ask(seat, student, **facts)
        assert made.status == 201, made.json
        data: dict[str, Any] = made.data
        return data

    def renew(self, member: str, body: Any = None, token: str | None = None, key: str | None = None) -> Answer:
        return self.send(
            "POST", f"/memberships/{member}/renew", body or {}, token, idempotency_key=key or str(ids.uuid7())
        )

    def shown(self, member: str) -> dict[str, Any]:
        data: dict[str, Any] = self.send("GET", f"/memberships/{member}").data
        return data

    def pay(self, due: str) -> bool:
        """What a captured payment does."""
        with self.world.db(self.scene.tenant.id) as db, db.transaction():
            return paying.paid(db, UUID(due), ids.uuid7())

    def book(self, seat: int, start: datetime, hours: float = 1) -> Answer:
        return self.scene.book(self.scene.token(self.scene.student()), seat, start=start, hours=hours)


@pytest.fixture
def desk(world: World) -> Desk:
    return Desk(world)


def test_a_seat_is_a_member_s_own_in_the_hours_of_the_shift(desk: Desk) -> None:
    morning = desk.shift("06:00", "12:00")
    member = desk.join(0, shiftId=morning, startDate=str(today() + DAY))
    assert desk.book(0, next_day(9)).code == "seat_taken"
    assert desk.book(0, next_day(12)).status == 201
    assert desk.book(1, next_day(9)).status == 201
    grid = desk.send("GET", f"/seat-allotments?libraryId={desk.scene.library}").data
    first, second = grid["seats"]
    assert [a["membershipId"] for a in first["allotments"]] == [member["id"]] and second["allotments"] == []
    assert len(first["allotments"][0]["held"]) == 6, "every day of the week but today"


def test_an_overnight_shift_is_two_ranges_of_one_day(desk: Desk) -> None:
    night = desk.shift("22:00", "06:00")
    desk.join(0, shiftId=night, startDate=str(today() + DAY))
    claims = sorted((during.lower, during.upper) for _, during in desk.scene.claims())
    local = [tuple(moment.astimezone(INDIA).time() for moment in span) for span in claims[:2]]
    assert local == [(time(22), time(0)), (time(0), time(6))]
    assert len(claims) % 2 == 0


def test_two_members_share_a_seat_by_shift_but_never_an_hour(desk: Desk) -> None:
    morning, late = desk.shift("06:00", "12:00"), desk.shift("12:00", "18:00")
    desk.join(0, shiftId=morning)
    desk.join(0, shiftId=late)
    refused = desk.ask(0)
    assert (refused.status, refused.code) == (409, "seat_taken")
    assert [seat["seatId"] for seat in refused.json["alternatives"]] == [str(desk.scene.seats[1])]
    desk.join(1)
    assert desk.ask(0).code == "shift_full"
    with desk.world.db(desk.scene.tenant.id) as db:
        assert db.value("SELECT count(*) FROM memberships") == 3, "who was refused has not joined"


def test_a_booking_that_stands_is_not_pushed_aside(desk: Desk) -> None:
    assert desk.book(0, next_day(9, days=3)).status == 201
    assert desk.ask(0).code == "seat_taken"


def test_plans_say_whether_a_seat_is_part_of_them(world: World) -> None:
    fixed, flexible = Desk(world, seatPolicy="fixed"), Desk(world, seatPolicy="flexi")
    assert fixed.ask(None).code == "seat_policy"
    assert flexible.ask(0).code == "seat_policy"
    assert fixed.ask(0, seatId=str(flexible.scene.seats[0])).status == 404
    fixed.join(0)
    flexible.join(None)


def test_joining_is_owed_until_it_is_paid(world: World) -> None:
    desk = Desk(world, registrationFeePaise=10000, depositPaise=50000)
    member = desk.join()
    (due,) = desk.shown(member["id"])["dues"]
    assert (due["amountPaise"], due["depositPaise"], member["duesPaise"]) == (210000, 50000, 210000)
    assert desk.pay(due["id"])
    after = desk.shown(member["id"])
    assert (after["duesPaise"], after["depositPaise"], after["dues"][0]["status"]) == (0, 50000, "paid")
    assert not desk.pay(due["id"]), "a second payment goes back"
    with world.db(desk.scene.tenant.id) as db:
        assert db.value("SELECT sum(amount_paise) FROM ledger_entries WHERE account = 'liability.deposits'") == -50000


def test_a_renewal_begins_where_the_last_period_ended(desk: Desk) -> None:
    member = desk.join()
    assert desk.send("POST", f"/memberships/{member['id']}/renew", {}).code == "bad_request", "a key is required"
    first = desk.renew(member["id"], key="r")
    assert first.status == 200, first.json
    assert desk.renew(member["id"], key="r").headers["Idempotency-Replayed"] == "true"
    period, after = first.data["period"], first.data["membership"]
    assert (period["startDate"], period["status"]) == (member["endDate"], "live")
    assert (after["id"], after["endDate"], after["startDate"]) == (member["id"], period["endDate"], member["startDate"])
    assert first.data["due"]["amountPaise"] == 150000
    shown = desk.shown(member["id"])
    assert [p["startDate"] for p in shown["periods"]] == [member["startDate"], member["endDate"]]
    assert shown["allotment"]["toDate"] > after["endDate"], "with the days of grace"
    assert desk.book(0, next_day(9, days=40)).code == "seat_taken"


def test_members_keep_their_price_when_the_plan_changes(desk: Desk) -> None:
    member = desk.join()
    desk.send("PUT", f"/fee-plans/{desk.plan['id']}", {"pricePaise": 200000})
    assert desk.renew(member["id"]).data["period"]["pricePaise"] == 150000
    desk.send("DELETE", f"/fee-plans/{desk.plan['id']}")
    assert desk.renew(member["id"]).code == "plan_archived"


def test_in_grace_the_seat_is_kept_and_the_days_are_not_given_away(desk: Desk) -> None:
    member = desk.join(startDate=str(today() - 30 * DAY))
    end = date.fromisoformat(member["endDate"])
    desk.world.advance_to(datetime.combine(end, time(10), INDIA))
    assert desk.shown(member["id"])["status"] == "grace"
    assert desk.book(0, next_day(9)).code == "seat_taken"
    assert desk.renew(member["id"]).data["period"]["startDate"] == str(end)


def test_who_lapsed_beyond_grace_begins_today(desk: Desk) -> None:
    member = desk.join()
    end = date.fromisoformat(member["endDate"])
    desk.world.advance_to(datetime.combine(end + 10 * DAY, time(10), INDIA))
    assert desk.shown(member["id"])["status"] == "expired"
    assert desk.book(0, next_day(9)).status == 201
    refused = desk.renew(member["id"])
    assert (refused.code, len(refused.json["alternatives"])) == ("seat_taken", 1)
    back = desk.renew(member["id"], {"seatId": str(desk.scene.seats[1])}).data
    assert (back["period"]["startDate"], back["membership"]["startDate"]) == (str(today()), str(today()))
    assert back["membership"]["seatId"] == str(desk.scene.seats[1])


def test_a_student_s_renewal_holds_when_it_is_paid(desk: Desk) -> None:
    student = desk.scene.student()
    member = desk.join(student=student)
    asked = desk.renew(member["id"], token=desk.scene.token(student)).data
    assert (asked["period"]["status"], asked["membership"]["endDate"]) == ("pending", member["endDate"])
    assert desk.renew(member["id"], token=desk.scene.token(desk.scene.student())).status == 404
    again = desk.renew(member["id"], token=desk.scene.token(student)).data
    assert not desk.pay(asked["due"]["id"]), "it made way for the second"
    assert desk.pay(again["due"]["id"])
    assert desk.shown(member["id"])["endDate"] == again["period"]["endDate"]


def test_money_for_a_seat_that_is_gone_goes_back(desk: Desk) -> None:
    student = desk.scene.student()
    member = desk.join(student=student)
    end = date.fromisoformat(member["endDate"])
    asked = desk.renew(member["id"], token=desk.scene.token(student)).data
    desk.world.advance_to(datetime.combine(end + 10 * DAY, time(10), INDIA))
    assert desk.book(0, next_day(9)).status == 201
    assert not desk.pay(asked["due"]["id"])
    shown = desk.shown(member["id"])
    assert (shown["endDate"], shown["status"]) == (member["endDate"], "expired")


def test_desks_that_renew_at_once_sell_periods_after_each_other(desk: Desk) -> None:
    member = desk.join()
    owner = Actor.of(tokens.verify(desk.owner))
    at_once(desk.scene.tenant.id, lambda db, _: renewing.renew(db, owner, UUID(member["id"]), Renewal()), range(3))
    starts = [p["startDate"] for p in desk.shown(member["id"])["periods"]]
    assert len(set(starts)) == 4


def test_auto_renewal_is_the_member_s_choice(desk: Desk) -> None:
    student = desk.scene.student()
    member = desk.join(student=student)
    here = f"/memberships/{member['id']}/auto-renew"
    assert desk.send("PUT", here, {"enabled": True, "daysBefore": 5}, desk.scene.token(student)).data["autoRenew"]
    assert desk.send("PUT", here, {"enabled": True}, desk.scene.token(desk.scene.student())).status == 404
    assert not desk.send("PUT", here, {"enabled": False}).data["autoRenew"]


@pytest.mark.parametrize(
    ("away", "left"),
    [
        ([], [(0, 10)]),
        ([(2, 4)], [(0, 2), (4, 10)]),
        ([(0, 3), (5, 12)], [(3, 5)]),
        ([(0, 10)], []),
        ([(12, 14)], [(0, 10)]),
    ],
)
def test_days_away_are_left_out(away: list[tuple[int, int]], left: list[tuple[int, int]]) -> None:
    start = date(2026, 1, 1)
    days = [(start + a * DAY, start + b * DAY) for a, b in away]
    midnight = [tuple(datetime.combine(start + n * DAY, time.min, INDIA) for n in span) for span in left]
    assert seating.spans(None, start, start + 10 * DAY, days, INDIA) == midnight
