"""A locker is one member's at a time; rent and deposit are owed, and what was kept is settled to the paisa."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest
from studyspot.kit import ids
from studyspot.memberships.keeping import months_after
from studyspot.spaces.queries import lockers
from studyspot.spaces.service.lockers import overdue_months

from tests.alongside import at_once
from tests.bookings.scene import Scene
from tests.world import Answer, World


@pytest.fixture
def scene(world: World) -> Scene:
    return Scene.open(world)


def ask(scene: Scene, method: str, below: str = "", body: Any = None, token: str | None = None) -> Answer:
    path = f"/libraries/{scene.library}/lockers{below}"
    return scene.world.call("spaces", method, path, token or scene.tenant.owner, body)


def make(scene: Scene, **more: Any) -> list[str]:
    body = {"count": 2, "depositPaise": 50_000, "rentPaise": 11_800, **more}
    return [one["id"] for one in ask(scene, "POST", "", body).data]


def member(scene: Scene) -> UUID:
    student = scene.student()
    scene.member(student)
    return student


def assign(scene: Scene, locker: str, student: Any, **more: Any) -> Answer:
    return ask(scene, "POST", f"/{locker}/assign", {"studentId": student, **more}, scene.staff())


def release(scene: Scene, locker: str, token: str | None = None, **more: Any) -> Answer:
    return ask(scene, "POST", f"/{locker}/release", more, token or scene.staff())


def pay(scene: Scene, due: str) -> None:
    """As a captured payment settles it."""
    from studyspot.memberships import paying

    with scene.world.db(scene.tenant.id) as db, db.transaction():
        assert paying.paid(db, UUID(due), ids.uuid7())


def kept(scene: Scene) -> dict[str, int]:
    with scene.world.db(scene.tenant.id) as db:
        rows = db.dicts("SELECT account, sum(amount_paise)::bigint AS paise FROM member_accounts GROUP BY 1")
    return {row["account"]: row["paise"] for row in rows if row["paise"]}


def dues(scene: Scene) -> list[tuple[str, int, int]]:
    with scene.world.db(scene.tenant.id) as db:
        rows = db.dicts("SELECT status, amount_paise, deposit_paise FROM membership_dues ORDER BY id")
    return [(row["status"], row["amount_paise"], row["deposit_paise"]) for row in rows]


def balance(scene: Scene) -> dict[str, int]:
    with scene.world.db(scene.tenant.id) as db:
        rows = db.dicts("SELECT account, sum(amount_paise)::bigint AS paise FROM ledger_entries GROUP BY 1")
    return {row["account"]: row["paise"] for row in rows if row["paise"]}


def test_who_may_not(scene: Scene, world: World) -> None:
    student = member(scene)
    locker = make(scene)[0]
    for token in (scene.token(student), world.token("kiosk", scene.tenant.id)):
        assert ask(scene, "GET", token=token).code == "forbidden"
        assert release(scene, locker, token).code == "forbidden"
    assert ask(scene, "POST", "", {"code": "X"}, scene.staff()).code == "forbidden"
    assert release(scene, locker, world.tenant().owner).status == 404
    assert assign(scene, str(ids.uuid7()), student).status == 404


def test_lockers_are_made_all_or_none(scene: Scene) -> None:
    assert [one["code"] for one in ask(scene, "POST", "", {"count": 3, "prefix": "B"}).data] == [
        "B-001", "B-002", "B-003",
    ]  # fmt: skip
    refused = ask(scene, "POST", "", {"count": 5, "prefix": "B"})
    assert (refused.code, refused.json["codes"]) == ("locker_code_exists", ["B-001", "B-002", "B-003"])
    assert len(ask(scene, "GET").data) == 3
    for wrong in ({}, {"code": "A", "count": 2}, {"count": 0}, {"code": "A", "rentPaise": -1}):
        assert ask(scene, "POST", "", wrong).code == "validation_failed"


def test_a_member_owes_rent_with_tax_and_a_deposit_without(scene: Scene) -> None:
    locker, student = make(scene)[0], member(scene)
    made = assign(scene, locker, student, months=3).data
    assert (made["fromDate"], made["untilDate"]) == ("2026-12-01", "2027-03-01")
    assert dues(scene) == [("open", 35_400, 0), ("open", 50_000, 50_000)]
    listed = ask(scene, "GET", "?status=assigned").data
    assert [(one["id"], one["holder"]["studentName"], one["holder"]["overdue"]) for one in listed] == [
        (locker, "Student 001", False)
    ]
    assert len(ask(scene, "GET", "?status=free").data) == 1


def test_only_a_member_gets_one_and_only_one_at_a_time(scene: Scene) -> None:
    locker = make(scene)[0]
    assert assign(scene, locker, scene.student()).code == "membership_required"
    assert assign(scene, locker, member(scene)).status == 201
    assert assign(scene, locker, member(scene)).code == "locker_taken"
    assert len(dues(scene)) == 2


def test_of_many_who_want_it_at_once_one_gets_it(scene: Scene) -> None:
    locker, student = make(scene)[0], member(scene)
    costs = lockers.Terms(code="L", deposit_paise=0, rent_paise=0)
    with scene.world.db(scene.tenant.id) as db:
        membership = db.value("SELECT id FROM memberships")
    asked = lockers.AssignRequest(student_id=student)

    def take(db: Any, _: int) -> bool:
        days = date(2026, 12, 1), date(2027, 1, 1)
        with db.transaction():
            return lockers.take(db, scene.library, UUID(locker), membership, asked, costs, days) is not None

    assert sorted(at_once(scene.tenant.id, take, range(8))) == [False] * 7 + [True]


def test_a_deposit_that_was_paid_comes_back_as_credit_less_the_damage(scene: Scene) -> None:
    locker, student = make(scene)[0], member(scene)
    made = assign(scene, locker, student).data
    pay(scene, made["depositDueId"])
    assert kept(scene) == {"deposit": 50_000}
    looked = release(scene, locker, deductPaise=12_000, reason="lock broken", preview=True).data
    assert (looked["heldPaise"], looked["returnedPaise"], looked["preview"]) == (50_000, 38_000, True)
    assert kept(scene) == {"deposit": 50_000}
    assert release(scene, locker, deductPaise=50_001, reason="lock broken").code == "deduction_too_large"
    assert release(scene, locker, deductPaise=1).code == "validation_failed"
    settled = release(scene, locker, deductPaise=12_000, reason="lock broken").data
    assert (settled["assignment"]["returnedPaise"], settled["assignment"]["deductedPaise"]) == (38_000, 12_000)
    assert kept(scene) == {"credit": 38_000}
    books = balance(scene)
    assert sum(books.values()) == 0
    assert (books["revenue.damages"], books["liability.member_credit"]) == (-12_000, -38_000)
    assert release(scene, locker).code == "locker_free"
    assert assign(scene, locker, member(scene)).status == 201


def test_a_deposit_that_nobody_paid_is_not_owed_any_more_and_the_rent_is(scene: Scene) -> None:
    locker = make(scene)[0]
    assert assign(scene, locker, member(scene)).status == 201
    assert release(scene, locker).data["heldPaise"] == 0
    assert dues(scene) == [("open", 11_800, 0), ("void", 50_000, 50_000)]
    assert kept(scene) == {}


def test_cash_is_paid_out_only_by_who_may_settle(scene: Scene) -> None:
    locker, student = make(scene)[0], member(scene)
    pay(scene, assign(scene, locker, student).data["depositDueId"])
    assert release(scene, locker, returnAs="cash").code == "forbidden"
    assert release(scene, locker, scene.tenant.owner, returnAs="cash").data["returnedPaise"] == 50_000
    assert kept(scene) == {}
    assert balance(scene)["asset.cash"] == -50_000


def test_months_that_were_begun_beyond_the_paid_ones_are_owed(scene: Scene, world: World) -> None:
    locker, student = make(scene, depositPaise=0)[0], member(scene)
    assert assign(scene, locker, student).status == 201
    world.advance(timedelta(days=45))
    owner = world.token("library_owner", scene.tenant.id, scene.tenant.owner_id)
    assert ask(scene, "GET", "?overdue=true", token=owner).data[0]["id"] == locker
    told = release(scene, locker).data
    assert (told["overdueMonths"], told["overduePaise"]) == (1, 11_800)
    assert dues(scene) == [("open", 11_800, 0), ("open", 11_800, 0)]


def test_months_are_those_of_the_calendar() -> None:
    assert months_after(date(2027, 1, 31), 1) == date(2027, 2, 28)
    assert months_after(date(2026, 12, 1), 13) == date(2028, 1, 1)
    end = date(2027, 1, 31)
    counted = [overdue_months(end, day) for day in (date(2027, 1, 30), end, date(2027, 2, 27), date(2027, 2, 28))]
    assert counted == [0, 1, 1, 2]
