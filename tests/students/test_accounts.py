"""A student's account: what is open and since when, what was let off and why, and books that balance throughout."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from studyspot.kit import clock, ids
from studyspot.ledger import service as ledger

from tests.memberships.test_renewing import Desk
from tests.world import Answer, World


@pytest.fixture
def desk(world: World) -> Desk:
    return Desk(world)


def send(desk: Desk, method: str, path: str, body: Any = None, token: str | None = None) -> Answer:
    group = "records" if path.count("/") > 1 else "students"
    return desk.world.call(group, method, f"/students{path}", token or desk.owner, body)


def joined(desk: Desk, **facts: Any) -> tuple[UUID, str]:
    """A student who owes for joining, and the sum."""
    student = desk.scene.student()
    desk.join(None, student, **facts)
    return student, send(desk, "GET", f"/{student}/dues").data[0]["id"]


def adjust(desk: Desk, student: UUID, due: str, paise: int | None = None, **more: Any) -> Answer:
    body = {"dueId": due, "kind": "waiver", "reason": "a reason", "amountPaise": paise} | more
    return send(desk, "POST", f"/{student}/adjustments", body)


def pay(desk: Desk, student: UUID, due: str, paise: int) -> UUID:
    """A captured payment, as settlement leaves it."""
    payment = ids.uuid7()
    desk.pay(due)
    with desk.world.db(desk.scene.tenant.id) as db:
        db.run(
            "INSERT INTO payments (id, student_id, purpose, purpose_id, amount_paise, description, expires_at, status,"
            " captured_paise, captured_at, activated_at, created_at, updated_at)"
            " VALUES (%(id)s, %(who)s, 'dues', %(due)s, %(paise)s, 'Fee', %(now)s, 'captured', %(paise)s, %(now)s,"
            " %(now)s, %(now)s, %(now)s)",
            id=payment, who=student, due=due, paise=paise, now=clock.now(),
        )  # fmt: skip
    return payment


def books(desk: Desk) -> dict[str, int]:
    with desk.world.db(desk.scene.tenant.id) as db:
        assert ledger.differences(db) == []
        found = {row.account: row.balance_paise for row in ledger.trial_balance(db)}
    assert sum(found.values()) == 0
    return found


def lines(desk: Desk, student: UUID) -> list[tuple[str, int, int]]:
    shown = send(desk, "GET", f"/{student}/ledger").data
    return [(row["kind"], row["amountPaise"], row["balancePaise"]) for row in reversed(shown)]


def test_who_may_not(desk: Desk) -> None:
    student, due = joined(desk)
    own, other = desk.scene.token(student), desk.scene.token(desk.scene.student())
    staff = desk.world.token("library_staff", desk.scene.tenant.id)
    body = {"dueId": due, "kind": "waiver", "reason": "x"}
    assert send(desk, "POST", f"/{student}/adjustments", body, own).code == "forbidden"
    assert send(desk, "POST", f"/{student}/adjustments", body, staff).code == "forbidden"
    stranger = desk.world.tenant().owner
    assert send(desk, "POST", f"/{student}/adjustments", body, stranger).code == "not_found"
    for what in ("ledger", "dues"):
        assert len(send(desk, "GET", f"/{student}/{what}", None, own).data) == 1
        assert send(desk, "GET", f"/{student}/{what}", None, other).code == "not_found"
        assert send(desk, "GET", f"/{student}/{what}", None, stranger).code == "not_found"
    assert send(desk, "GET", "/defaulters", None, own).code == "forbidden"


def test_charges_payments_and_adjustments_add_up(desk: Desk) -> None:
    student, due = joined(desk)
    assert lines(desk, student) == [("charge", 150000, 150000)]
    desk.world.advance(timedelta(seconds=1))
    made = adjust(desk, student, due, 50000, kind="discount")
    assert (made.status, made.data["amountPaise"]) == (201, 50000)
    assert send(desk, "GET", f"/{student}/dues").data[0]["amountPaise"] == 100000
    desk.world.advance(timedelta(seconds=1))
    pay(desk, student, due, 100000)
    assert lines(desk, student) == [
        ("charge", 150000, 150000), ("adjustment", -50000, 100000), ("payment", -100000, 0),
    ]  # fmt: skip
    assert send(desk, "GET", f"/{student}/dues").data == []
    assert books(desk)["expense.discounts"] == 50000
    page = send(desk, "GET", f"/{student}/ledger?limit=2")
    rest = send(desk, "GET", f"/{student}/ledger?limit=2&cursor={page.json['meta']['nextCursor']}")
    assert [row["position"] for row in page.data + rest.data] == [3, 2, 1]
    assert adjust(desk, student, due, 1).code == "state_conflict"


@pytest.mark.parametrize("kind", ["waiver", "discount", "write_off"])
def test_the_whole_of_it_can_be_let_off(desk: Desk, kind: str) -> None:
    student, due = joined(desk)
    assert adjust(desk, student, due, kind=kind).data["amountPaise"] == 150000
    assert lines(desk, student)[-1] == ("adjustment", -150000, 0)
    assert send(desk, "GET", f"/{student}/dues").data == []
    assert sorted(books(desk).values()) == [-150000, 150000]
    assert adjust(desk, student, due).code == "state_conflict"


def test_what_waited_for_the_money_happens_when_none_is_left_to_pay(desk: Desk) -> None:
    student = desk.scene.student()
    member = desk.join(None, student)
    desk.pay(send(desk, "GET", f"/{student}/dues").data[0]["id"])
    renewed = desk.renew(member["id"], token=desk.scene.token(student)).data
    assert renewed["period"]["status"] == "pending"
    assert adjust(desk, student, renewed["due"]["id"]).status == 201
    assert desk.shown(member["id"])["endDate"] > member["endDate"]


def test_no_more_is_let_off_than_is_open_and_a_deposit_is_not(desk: Desk, world: World) -> None:
    student, due = joined(desk)
    assert adjust(desk, student, due, 150001).code == "adjustment_too_large"
    assert adjust(desk, student, due, 0).code == "validation_failed"
    other, _ = joined(desk)
    assert adjust(desk, other, due).code == "not_found"
    deposit = Desk(world, depositPaise=20000)
    guest, sum_ = joined(deposit)
    assert adjust(deposit, guest, sum_).code == "adjustment_too_large"
    assert adjust(deposit, guest, sum_, 150000).status == 201


def test_nobody_is_let_off_what_they_are_just_paying(desk: Desk) -> None:
    student, due = joined(desk)
    with desk.world.db(desk.scene.tenant.id) as db:
        db.run(
            "INSERT INTO payments (id, student_id, purpose, purpose_id, amount_paise, description, expires_at, status,"
            " created_at, updated_at)"
            " VALUES (%(id)s, %(who)s, 'dues', %(due)s, 1, 'Fee', %(now)s, 'pending', %(now)s, %(now)s)",
            id=ids.uuid7(), who=student, due=due, now=clock.now(),
        )  # fmt: skip
    assert adjust(desk, student, due).code == "payment_in_progress"
    assert lines(desk, student) == [("charge", 150000, 150000)]


def test_who_owes_for_longest_is_called_first(desk: Desk) -> None:
    late, later = joined(desk)[0], joined(desk)[0]
    with desk.world.db(desk.scene.tenant.id) as db:
        move = "UPDATE membership_dues SET due_on = due_on - %(days)s WHERE student_id = %(id)s"
        db.run(move, days=5, id=late)
        db.run(move, days=40, id=later)

    def listed(query: str = "") -> list[tuple[str, int]]:
        return [(row["studentId"], row["daysOverdue"]) for row in send(desk, "GET", f"/defaulters{query}").data]

    assert listed() == [(str(later), 40), (str(late), 5)]
    assert listed("?days=7") == [(str(later), 40)]
    page = send(desk, "GET", "/defaulters?limit=1")
    assert listed(f"?limit=1&cursor={page.json['meta']['nextCursor']}") == [(str(late), 5)]
    assert send(desk, "GET", f"/{later}/dues").data[0]["ageing"] == "31_60"
    assert send(desk, "GET", f"/{joined(desk)[0]}/dues").data[0]["ageing"] == "not_due"


def test_who_owes_is_archived_only_on_purpose(desk: Desk) -> None:
    student, _ = joined(desk)
    refused = send(desk, "DELETE", f"/{student}")
    assert (refused.code, refused.json["duesPaise"]) == ("has_dues", 150000)
    assert send(desk, "DELETE", f"/{student}?force=true").status == 204
    assert send(desk, "GET", f"/{student}/dues").data[0]["amountPaise"] == 150000


def test_money_that_is_kept_for_somebody_does_not_change_hands(world: World) -> None:
    desk = Desk(world, depositPaise=20000)
    student, due = joined(desk)
    desk.pay(due)
    asked = {"studentId": str(desk.scene.student()), "duplicateId": str(student), "preview": False}
    assert send(desk, "POST", "/merge", asked).code == "account_holds_money"
