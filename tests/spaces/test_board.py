"""Notices hang for their time, the wall tells no name unasked, pictures are files that were looked at."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from studyspot.kit import clock
from studyspot.spaces.service import board

from tests.bookings.scene import Scene, next_day
from tests.world import Answer, World


@pytest.fixture
def scene(world: World) -> Scene:
    return Scene.open(world)


def ask(scene: Scene, method: str, below: str, body: Any = None, token: str | None = None) -> Answer:
    return scene.world.call("spaces", method, f"/libraries/{scene.library}/{below}", token or scene.tenant.owner, body)


def screen(scene: Scene) -> str:
    return scene.world.token("kiosk", scene.tenant.id, permissions=["displays:read"], libraryIds=[str(scene.library)])


def publish(scene: Scene, title: str = "Closed on Friday", **more: Any) -> Answer:
    return ask(scene, "POST", "notices", {"title": title, "body": "Stock taking", **more}, scene.staff())


def titles(scene: Scene, state: str = "live", token: str | None = None) -> list[str]:
    """Staff sign in anew: hours pass in these tests."""
    return [one["title"] for one in ask(scene, "GET", f"notices?state={state}", token=token or scene.staff()).data]


def test_who_may_not(scene: Scene, world: World) -> None:
    student = scene.token(scene.student())
    made = publish(scene).data["id"]
    assert ask(scene, "POST", "notices", {"title": "a", "body": "b"}, student).code == "forbidden"
    assert ask(scene, "DELETE", f"notices/{made}", token=student).code == "forbidden"
    assert ask(scene, "GET", "notices?state=over", token=student).code == "forbidden"
    assert ask(scene, "GET", "display", token=student).code == "forbidden"
    assert ask(scene, "POST", "images", {}, scene.staff()).code == "forbidden"
    assert ask(scene, "DELETE", f"notices/{made}", token=world.tenant().owner).status == 404
    assert titles(scene, token=student) == ["Closed on Friday"]


def test_a_notice_hangs_from_its_beginning_to_its_end(scene: Scene, world: World) -> None:
    now = clock.now()
    publish(scene, "now", expiresAt=(now + timedelta(hours=2)).isoformat())
    publish(scene, "later", startsAt=(now + timedelta(hours=1)).isoformat())
    assert (titles(scene), titles(scene, "coming")) == (["now"], ["later"])
    world.advance(timedelta(hours=1, minutes=1))
    assert titles(scene) == ["later", "now"]
    world.advance(timedelta(hours=1))
    assert (titles(scene), titles(scene, "over")) == (["later"], ["now"])


def test_a_notice_that_ends_before_it_begins_or_in_ages_is_refused(scene: Scene) -> None:
    now = clock.now()
    hour = timedelta(hours=1)
    for wrong in (
        {"expiresAt": (now - hour).isoformat()}, {"startsAt": (now + 400 * 24 * hour).isoformat()},
        {"startsAt": (now + 2 * hour).isoformat(), "expiresAt": (now + hour).isoformat()}, {"title": ""},
    ):  # fmt: skip
        assert publish(scene, **wrong).code == "validation_failed"
    assert titles(scene) == []


def test_what_is_withdrawn_is_gone_once(scene: Scene) -> None:
    made = publish(scene).data["id"]
    assert ask(scene, "DELETE", f"notices/{made}").status == 204
    assert ask(scene, "DELETE", f"notices/{made}").status == 404
    assert titles(scene) == []


def test_the_wall_tells_how_full_it_is_the_shift_and_the_notices(scene: Scene) -> None:
    for name, start, end in (("Morning", "06:00", "12:00"), ("Evening", "12:00", "23:00")):
        body = {"name": name, "startTime": start, "endTime": end}
        scene.world.call("libraries", "POST", f"/libraries/{scene.library}/shifts", scene.tenant.owner, body)
    publish(scene)
    publish(scene, "not here", onDisplay=False)
    told = ask(scene, "GET", "display", token=screen(scene)).data
    assert (told["openNow"], told["seats"], told["free"], told["present"]) == (True, 3, 3, 0)
    assert told["zones"] == [{"name": "Silent", "free": 3, "seats": 3}]
    assert (told["currentShift"]["name"], told["nextShift"]["name"]) == ("Morning", "Evening")
    assert told["nextShift"]["startsAt"] == "2026-12-01T06:30:00.000Z"
    assert [one["title"] for one in told["notices"]] == ["Closed on Friday"]
    assert (told["mode"], told["names"], told["arrivals"]) == ("colour", False, [])


def test_names_are_at_the_wall_only_where_the_library_says_so(scene: Scene, world: World) -> None:
    student = scene.student()
    with world.db(scene.tenant.id) as db:
        db.run("UPDATE students SET last_name = 'Secret'")
    booked = scene.book(scene.token(student), start=next_day(10)).data["id"]
    with world.db(scene.tenant.id) as db:
        db.run("UPDATE bookings SET status = 'confirmed' WHERE id = %(id)s", id=booked)
    world.advance_to(next_day(9, 30))
    owner = world.token("library_owner", scene.tenant.id, scene.tenant.owner_id)
    assert b"Student" not in ask(scene, "GET", "display", token=screen(scene)).raw
    change = {"display": {"names": True, "mode": "mono"}}
    assert ask(scene, "PUT", "settings", change, owner).data["origins"]["display.names"] == "library"
    told = ask(scene, "GET", "display", token=screen(scene))
    assert [(one["name"], one["seat"]) for one in told.data["arrivals"]] == [("Student 001 S.", "A-01")]
    assert b"Secret" not in told.raw
    assert told.data["mode"] == "mono"


def test_a_screen_of_another_library_sees_nothing(scene: Scene, world: World) -> None:
    other = world.token("kiosk", scene.tenant.id, permissions=["displays:read"], libraryIds=[str(scene.zone)])
    assert ask(scene, "GET", "display", token=other).status == 404


def test_a_picture_is_shown_once_it_has_come_and_no_more_than_there_is_room_for(
    scene: Scene, bucket: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = {"name": "hall.jpg", "contentType": "image/jpeg", "sizeBytes": 1000, "caption": "The hall"}
    made = ask(scene, "POST", "images", body)
    assert made.status == 201, made.raw
    assert (made.status, made.headers["Location"]) == (201, f"/api/v1/files/{made.data['id']}")
    assert ask(scene, "GET", "images").data == []
    with scene.world.db(scene.tenant.id) as db:
        db.run("UPDATE files SET status = 'ready'")
    shown = ask(scene, "GET", "images", token=scene.token(scene.student())).data
    assert [(one["caption"], one["file"]["id"]) for one in shown] == [("The hall", made.data["id"])]
    assert ask(scene, "POST", "images", body | {"contentType": "text/html"}).code == "file_type_not_allowed"
    monkeypatch.setattr(board, "MOST_IMAGES", 1)
    assert ask(scene, "POST", "images", body).code == "too_many_images"
    with scene.world.db(scene.tenant.id) as db:
        assert db.value("SELECT count(*) FROM files") == 1
        db.run("DELETE FROM files")
        assert db.value("SELECT count(*) FROM library_images") == 0
