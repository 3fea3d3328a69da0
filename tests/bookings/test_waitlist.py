"""Waiting for a seat: the line, one offer at a time that holds it, and who is asked when it is not taken."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from studyspot.bookings import service, waiting
from studyspot.kit import clock, ids, timers

from tests.bookings.scene import Scene, next_day
from tests.world import Answer, World


@pytest.fixture
def scene(world: World) -> Scene:
    return Scene.open(world, seats=1)


def fire_due(scene: Scene) -> None:
    """As the minute does; what a timer leaves for at once comes the minute after."""
    with scene.world.worker():
        for _ in range(2):
            timers.fire_due({"booking_release": service.release_unpaid, "waitlist": waiting.wake})


def call(scene: Scene, method: str, path: str, token: str, body: Any = None) -> Answer:
    return scene.world.call("waitlist", method, f"/waitlist{path}", token, body)


def wish(scene: Scene, hours: float = 2, start: datetime | None = None, **more: Any) -> dict[str, Any]:
    body = {**scene.wish(None, start, hours), **more}
    return {name: value for name, value in body.items() if value is not None}


def waits(scene: Scene, student: UUID, **more: Any) -> str:
    answer = call(scene, "POST", "", scene.token(student), wish(scene, **more))
    assert answer.status == 201, answer.raw
    entry: str = answer.data["id"]
    return entry


def entry_of(scene: Scene, entry: str) -> dict[str, Any]:
    found: dict[str, Any] = call(scene, "GET", f"/{entry}", scene.staff()).data
    return found


def taken(scene: Scene, **more: Any) -> tuple[str, str]:
    """The one seat is somebody's: their token and the booking."""
    token = scene.token(scene.student())
    booking = scene.book(token, **more).data["id"]
    scene.world.call("bookings", "POST", f"/bookings/{booking}/confirm", scene.staff(), {})
    return token, booking


def cancel(scene: Scene, token: str, booking: str) -> None:
    assert scene.world.call("bookings", "POST", f"/bookings/{booking}/cancel", token, {}).status == 200


def test_nobody_sees_or_answers_another_s_place_in_the_line(scene: Scene) -> None:
    student = scene.student()
    entry = waits(scene, student)
    assert call(scene, "POST", "", "", wish(scene)).status == 401
    stranger = scene.token(scene.student())
    assert call(scene, "GET", "", stranger).data == []
    for token in (stranger, scene.world.tenant().owner):
        assert call(scene, "GET", f"/{entry}", token).code == "not_found"
        assert call(scene, "DELETE", f"/{entry}", token).code == "not_found"
    for path in ("accept", "decline"):
        assert call(scene, "POST", f"/{entry}/{path}", stranger).code == "not_found"
        assert call(scene, "POST", f"/{entry}/{path}", scene.staff()).code == "forbidden"
    elsewhere = scene.staff(libraryIds=[str(ids.uuid7())])
    assert call(scene, "GET", f"/{entry}", elsewhere).code == "not_found"
    body = wish(scene, studentId=scene.student())
    assert call(scene, "POST", "", scene.token(student), body).code == "forbidden"
    theirs = Scene.open(scene.world)
    for part in ({"libraryId": theirs.library}, {"feePlanId": theirs.hourly}, {"studentId": theirs.student()}):
        body = wish(scene, studentId=scene.student()) | part
        assert call(scene, "POST", "", scene.staff(), body).code == "not_found", part


def test_a_freed_seat_is_offered_to_who_waits_longest_and_held(scene: Scene) -> None:
    owner, booking = taken(scene)
    first, second = scene.student(), scene.student()
    entries = [waits(scene, first), waits(scene, second)]
    assert [entry_of(scene, entry)["position"] for entry in entries] == [1, 2]
    again = call(scene, "POST", "", scene.token(first), wish(scene, hours=1))
    assert again.code == "already_waiting"
    fire_due(scene)
    assert {entry_of(scene, entry)["status"] for entry in entries} == {"waiting"}, "nothing is free"
    cancel(scene, owner, booking)
    offered, behind = (entry_of(scene, entry) for entry in entries)
    assert (offered["status"], behind["status"], behind["position"]) == ("offered", "waiting", 1)
    lasts = datetime.fromisoformat(offered["offerExpiresAt"]) - datetime.fromisoformat(offered["offeredAt"])
    assert lasts == timedelta(minutes=10)
    assert scene.book(scene.token(scene.student())).code == "seat_taken", "an offer is a claim like any other"
    with scene.world.db(scene.tenant.id) as db:
        told = db.dicts("SELECT recipient_id FROM communications WHERE template_id = 'seat_offer'")
    assert [row["recipient_id"] for row in told] == [first]
    assert "waitlist.offered" in [e.get("type") for e in scene.world.outbox(scene.tenant.id)]
    accepted = call(scene, "POST", f"/{entries[0]}/accept", scene.token(first))
    assert (accepted.data["status"], accepted.data["booking"]["status"]) == ("accepted", "held")
    assert accepted.data["booking"]["amountPaise"] == 12000
    twice = call(scene, "POST", f"/{entries[0]}/accept", scene.token(first))
    assert (twice.status, twice.data["bookingId"]) == (200, accepted.data["bookingId"])
    assert len(scene.claims()) == 1


def test_a_member_s_acceptance_is_a_confirmed_booking(scene: Scene) -> None:
    owner, booking = taken(scene)
    student = scene.student()
    scene.member(student)
    entry = waits(scene, student, feePlanId=scene.monthly)
    cancel(scene, owner, booking)
    accepted = call(scene, "POST", f"/{entry}/accept", scene.token(student)).data
    assert (accepted["booking"]["status"], accepted["booking"]["waitlistId"]) == ("confirmed", entry)
    scene.world.advance(timedelta(minutes=11))
    fire_due(scene)
    assert scene.status(accepted["bookingId"]) == "confirmed", "what was accepted does not lapse"


def test_an_offer_nobody_takes_goes_to_the_next(scene: Scene) -> None:
    owner, booking = taken(scene)
    first, second, third = (scene.student() for _ in range(3))
    entries = [waits(scene, student) for student in (first, second, third)]
    cancel(scene, owner, booking)
    scene.world.advance(timedelta(minutes=10, seconds=1))
    late = call(scene, "POST", f"/{entries[0]}/accept", scene.token(first))
    assert (late.status, late.code) == (410, "offer_expired")
    fire_due(scene)
    assert [entry_of(scene, entry)["status"] for entry in entries] == ["expired", "offered", "waiting"]
    assert call(scene, "POST", f"/{entries[1]}/decline", scene.token(second)).data["status"] == "declined"
    assert entry_of(scene, entries[2])["status"] == "offered", "the next is asked at once"
    assert call(scene, "POST", f"/{entries[1]}/accept", scene.token(second)).code == "nothing_offered"
    assert call(scene, "DELETE", f"/{entries[2]}", scene.token(third)).status == 204
    assert scene.claims() == []


def test_in_the_last_hour_an_offer_stands_two_minutes(scene: Scene) -> None:
    start = clock.now() + timedelta(minutes=50)
    owner, booking = taken(scene, start=start)
    entry = waits(scene, scene.student(), start=start)
    cancel(scene, owner, booking)
    found = entry_of(scene, entry)
    lasts = datetime.fromisoformat(found["offerExpiresAt"]) - datetime.fromisoformat(found["offeredAt"])
    assert lasts == timedelta(minutes=2)
    scene.world.advance(timedelta(minutes=51))
    fire_due(scene)
    late = waits(scene, scene.student(), start=clock.now() + timedelta(minutes=5))
    scene.world.advance(timedelta(minutes=6))
    fire_due(scene)
    assert entry_of(scene, late)["status"] in ("expired", "offered")


def test_an_offer_paid_without_a_word_is_accepted(scene: Scene) -> None:
    owner, booking = taken(scene)
    entry = waits(scene, scene.student())
    cancel(scene, owner, booking)
    offered = entry_of(scene, entry)["bookingId"]
    with scene.world.db(scene.tenant.id) as db, db.transaction():
        assert service.confirm_paid(db, offered, ids.uuid7())
    assert (scene.status(offered), entry_of(scene, entry)["status"]) == ("confirmed", "accepted")


@pytest.mark.parametrize(("order", "first"), [("plan_tier", 1), ("fewest_hours", 2), ("fifo", 0)])
def test_who_is_first_is_the_library_s_policy(scene: Scene, order: str, first: int) -> None:
    rule = {"booking": {"waitlistOrder": order}}
    scene.world.call("spaces", "PUT", f"/libraries/{scene.library}/settings", scene.tenant.owner, rule)
    start = next_day(10, days=2)
    owner, booking = taken(scene, start=start)
    people = [scene.student() for _ in range(3)]
    with scene.world.db(scene.tenant.id) as db:
        db.run("UPDATE seats SET status = 'active'")
    scene.member(people[1])
    with scene.world.db(scene.tenant.id) as db:
        db.run("UPDATE memberships SET price_paise = 90000")
    for hour, student in ((14, people[0]), (17, people[1])):
        used = scene.book(scene.token(student), start=next_day(hour, days=2), hours=1).data["id"]
        scene.world.call("bookings", "POST", f"/bookings/{used}/confirm", scene.staff(), {})
    entries = [waits(scene, student, start=start) for student in people]
    assert entry_of(scene, entries[first])["position"] == 1
    cancel(scene, owner, booking)
    statuses = [entry_of(scene, entry)["status"] for entry in entries]
    assert statuses == ["offered" if n == first else "waiting" for n in range(3)]


def test_every_way_a_seat_is_freed_wakes_the_line(scene: Scene) -> None:
    """A block that is lifted, a shorter stay, a move, a no-show: whoever frees it, the claim's own row tells."""
    student = scene.student()
    entry = waits(scene, student)
    with scene.world.db(scene.tenant.id) as db, db.transaction():
        block = ids.uuid7()
        claim = "SELECT claim_seat(%(id)s, %(seat)s, tstzrange(%(start)s, %(end)s), 'block', %(id)s, %(now)s)"
        start = next_day(9)
        db.value(claim, id=block, seat=scene.seats[0], start=start, end=start + timedelta(days=1), now=clock.now())
    fire_due(scene)
    assert entry_of(scene, entry)["status"] == "waiting"
    with scene.world.db(scene.tenant.id) as db, db.transaction():
        db.run("SELECT end_claims(%(id)s, %(at)s)", id=block, at=next_day(9, 30))
    fire_due(scene)
    assert entry_of(scene, entry)["status"] == "offered"


def test_a_killed_cascade_is_done_by_the_next_minute(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    owner, booking = taken(scene)
    entry = waits(scene, scene.student())

    def killed(*_: Any) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(waiting, "cascade", killed)
        with pytest.raises(KeyboardInterrupt):
            scene.world.call("bookings", "POST", f"/bookings/{booking}/cancel", owner, {})
    assert (scene.status(booking), entry_of(scene, entry)["status"]) == ("cancelled", "waiting")
    fire_due(scene)
    assert entry_of(scene, entry)["status"] == "offered"


def test_who_may_not_book_is_passed_over_with_the_reason(scene: Scene) -> None:
    owner, booking = taken(scene)
    barred, ended, good = scene.student(), scene.student(), scene.student()
    scene.member(ended)
    entries = [waits(scene, barred), waits(scene, ended, feePlanId=scene.monthly), waits(scene, good)]
    with scene.world.db(scene.tenant.id) as db:
        db.run("UPDATE students SET status = 'suspended' WHERE id = %(id)s", id=barred)
        db.run("UPDATE memberships SET status = 'cancelled'")
    cancel(scene, owner, booking)
    found = [entry_of(scene, entry) for entry in entries]
    assert [(e["status"], e["refusal"]) for e in found] == [
        ("refused", "not_allowed_here"), ("refused", "membership_required"), ("offered", None),
    ]  # fmt: skip


def test_a_seat_of_one_s_own_is_offered_held_and_joined(scene: Scene) -> None:
    holder = scene.student()
    today = next_day(10, days=0).date()
    enrolment = {"studentId": holder, "feePlanId": scene.monthly, "libraryId": scene.library, "seatId": scene.seats[0]}
    membership = scene.world.call("memberships", "POST", "/memberships", scene.tenant.owner, enrolment)
    assert membership.status == 201, membership.raw
    first, second = scene.student(), scene.student()
    body = {"libraryId": scene.library, "feePlanId": scene.monthly, "kind": "monthly"}
    body |= {"startDate": (today + timedelta(days=1)).isoformat()}
    entries = [call(scene, "POST", "", scene.token(who), body).data["id"] for who in (first, second)]
    fire_due(scene)
    assert entry_of(scene, entries[0])["status"] == "waiting"
    ended = scene.world.call(
        "memberships", "POST", f"/memberships/{membership.data['id']}/cancel", scene.tenant.owner, {"reason": "moves"}
    )
    assert ended.status == 200, ended.raw
    fire_due(scene)
    assert [entry_of(scene, entry)["status"] for entry in entries] == ["offered", "waiting"]
    assert scene.book(scene.token(scene.student()), start=next_day(10, days=3)).code == "seat_taken"
    scene.world.advance(timedelta(minutes=11))
    assert call(scene, "POST", f"/{entries[0]}/accept", scene.token(first)).code == "offer_expired"
    fire_due(scene)
    assert [entry_of(scene, entry)["status"] for entry in entries] == ["expired", "offered"]
    accepted = call(scene, "POST", f"/{entries[1]}/accept", scene.token(second))
    assert accepted.status == 200, accepted.raw
    assert accepted.data["membershipId"]
    assert scene.book(scene.token(scene.student()), start=next_day(10, days=3)).code == "seat_taken"
    with scene.world.db(scene.tenant.id) as db:
        assert db.value("SELECT count(*) FROM seat_allotments WHERE status = 'live'") == 1
