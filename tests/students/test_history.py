"""What a student has and did, what all of them add up to, and whose membership ends: who sees it, and the figures."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from studyspot.kit import clock, ids, permissions

from tests.bookings.scene import Scene
from tests.world import Answer, World

OF_ONE = ("attendance", "payments", "bookings", "memberships")


@pytest.fixture
def scene(world: World) -> Scene:
    return Scene.open(world)


def get(scene: Scene, path: str, token: str | None = None, **headers: str) -> Answer:
    group = "records" if path.count("/") > 1 else "students"
    return scene.world.call(group, "GET", f"/students{path}", token or scene.tenant.owner, **headers)


def visit(scene: Scene, student: UUID, minutes: int | None, ago: timedelta = timedelta(hours=9)) -> UUID:
    visit_id, start = ids.uuid7(), clock.now() - ago
    end = start + timedelta(minutes=minutes) if minutes is not None else None
    with scene.world.db(scene.tenant.id) as db:
        db.run(
            "INSERT INTO attendance (id, student_id, library_id, check_in_at, check_out_at, method, created_at)"
            " VALUES (%(id)s, %(student)s, %(library)s, %(start)s, %(end)s, 'desk', %(start)s)",
            id=visit_id, student=student, library=scene.library, start=start, end=end,
        )  # fmt: skip
    return visit_id


@pytest.mark.parametrize("what", OF_ONE)
def test_one_s_own_and_nobody_else_s(scene: Scene, what: str) -> None:
    mine, other = scene.student(), scene.student()
    token = scene.token(mine)
    assert get(scene, f"/{mine}/{what}", token).data == []
    assert get(scene, f"/{other}/{what}", token).code == "not_found"
    assert get(scene, f"/{ids.uuid7()}/{what}").code == "not_found"
    assert get(scene, f"/{mine}/{what}", scene.world.tenant().owner).code == "not_found"
    assert get(scene, f"/{mine}/{what}", scene.world.token("provider", scene.tenant.id)).code == "forbidden"
    nobody = scene.world.call("records", "GET", f"/students/{mine}/{what}")
    assert nobody.code == "unauthenticated"


def test_visits_tell_their_minutes_and_go_on_page_by_page(scene: Scene) -> None:
    student, other = scene.student(), scene.student()
    first, second = visit(scene, student, 90), visit(scene, student, None, timedelta(minutes=30))
    visit(scene, other, 7)
    shown = get(scene, f"/{student}/attendance").data
    assert [(v["id"], v["minutes"]) for v in shown] == [(str(second), 30), (str(first), 90)]
    page = get(scene, f"/{student}/attendance?limit=1")
    rest = get(scene, f"/{student}/attendance?limit=1&cursor={page.json['meta']['nextCursor']}")
    assert [page.data[0]["id"], rest.data[0]["id"]] == [str(second), str(first)]
    until = (clock.now() - timedelta(hours=2)).isoformat().replace("+00:00", "Z")
    assert [v["id"] for v in get(scene, f"/{student}/attendance?to={until}").data] == [str(first)]
    table = get(scene, f"/{student}/attendance", accept="text/csv").raw.decode().splitlines()
    assert table[0].endswith("minutes") and len(table) == 3


def test_bookings_and_memberships_of_one_student(scene: Scene) -> None:
    student, other = scene.student(), scene.student()
    booked = scene.book(scene.token(student), 0).data["id"]
    scene.book(scene.token(other), 1)
    scene.member(student)
    scene.member(other)
    assert [b["id"] for b in get(scene, f"/{student}/bookings").data] == [booked]
    assert [m["studentId"] for m in get(scene, f"/{student}/memberships", scene.token(student)).data] == [str(student)]


def test_staff_of_another_library_see_nothing(scene: Scene) -> None:
    student = scene.student()
    visit(scene, student, 10)
    elsewhere = ids.uuid7()
    with scene.world.db(scene.tenant.id) as db:
        db.run(
            "INSERT INTO libraries (id, name, code, created_at, updated_at) VALUES (%(id)s, 'L', 'L2', %(n)s, %(n)s)",
            id=elsewhere, n=clock.now(),
        )  # fmt: skip
    rights = sorted(permissions.STAFF)
    bound = scene.world.token("library_staff", scene.tenant.id, permissions=rights, libraryIds=[str(elsewhere)])
    for what in OF_ONE:
        assert get(scene, f"/{student}/{what}", bound).code == "not_found"
    assert get(scene, "/analytics", bound).data["total"] == 0


def test_the_figures(scene: Scene) -> None:
    staying, leaving, old, gone = (scene.student() for _ in range(4))
    scene.student("suspended")
    scene.member(staying, days=10)
    scene.member(leaving, ended=5)
    scene.member(old, ended=200)
    with scene.world.db(scene.tenant.id) as db, db.transaction():
        db.run("UPDATE students SET status = 'archived' WHERE id = %(id)s", id=gone)
        db.run(
            "UPDATE students SET gender = 'female', exam_target = 'UPSC', user_id = id, membership_end = %(end)s"
            " WHERE id = %(id)s",
            id=leaving, end=(clock.now() - timedelta(days=5)).date(),
        )  # fmt: skip
        early = clock.now() - timedelta(days=90)
        db.run("UPDATE students SET created_at = %(at)s WHERE id = %(id)s", id=old, at=early)
    told = get(scene, "/analytics").data
    facts = {name: told[name] for name in ("total", "new", "active", "expired", "suspended")}
    assert facts == {"total": 4, "new": 3, "active": 2, "expired": 1, "suspended": 1}
    assert told["byStatus"] == {"active": 2, "expired": 1, "suspended": 1}
    assert told["byGender"] == {"female": 1, "unknown": 3}
    assert told["byExamTarget"] == {"UPSC": 1, "unknown": 3}
    assert told["bySource"] == {"self": 1, "desk": 3}
    assert told["churn"] == {"members": 2, "lost": 1, "percent": 50.0}
    assert get(scene, "/analytics", scene.token(staying)).code == "forbidden"


def ends(scene: Scene, days: int) -> UUID:
    student = scene.student()
    today = clock.now() + timedelta(hours=5, minutes=30)
    with scene.world.db(scene.tenant.id) as db:
        end = today.date() + timedelta(days=days)
        db.run("UPDATE students SET membership_end = %(end)s WHERE id = %(id)s", end=end, id=student)
    return student


def test_the_first_to_end_is_the_first_to_call(scene: Scene) -> None:
    third, first, gone, same, _ = (ends(scene, days) for days in (5, 1, -2, 1, 20))

    def listed(query: str = "") -> list[Any]:
        return [(row["studentId"], row["daysLeft"]) for row in get(scene, f"/expiring{query}").data]

    assert listed() == [(str(first), 1), (str(same), 1), (str(third), 5)]
    assert listed("?days=0&past=3") == [(str(gone), -2)]
    seen, cursor = [], ""
    while cursor is not None:
        page = get(scene, f"/expiring?limit=1{cursor and '&cursor=' + cursor}")
        seen += [row["studentId"] for row in page.data]
        cursor = page.json["meta"]["nextCursor"]
    assert seen == [str(first), str(same), str(third)]
    assert get(scene, "/expiring?days=-1").code == "validation_failed"
    assert get(scene, "/expiring", scene.token(first)).code == "forbidden"
