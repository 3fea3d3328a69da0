"""The books balance because the database will not have them otherwise."""

from __future__ import annotations

import psycopg
import pytest
from studyspot.kit import ids
from studyspot.ledger import service as ledger

from tests.world import World

LINES = [("asset.gateway_receivable.razorpay", 980), ("expense.gateway_fees", 20), ("revenue.booking", -1000)]


def test_a_cause_is_booked_once(world: World) -> None:
    tenant, cause = world.tenant().id, ids.uuid7()
    with world.db(tenant) as db:
        assert ledger.post(db, "capture", cause, LINES, "Seat A-01")
        assert not ledger.post(db, "capture", cause, LINES, "Seat A-01")
        assert ledger.post(db, "refund", cause, [("revenue.booking", 5), ("asset.x", -5), ("asset.y", 0)], "back")
    with world.db(tenant) as db:
        assert [(e.account, e.amount_paise) for e in ledger.entries_of(db, cause)][:3] == LINES
        balances = {b.account: b.balance_paise for b in ledger.trial_balance(db)}
        assert (balances["revenue.booking"], sum(balances.values())) == (-995, 0)
        assert ledger.differences(db) == []


@pytest.mark.parametrize("lines", [[("a", 5), ("b", -4)], [("a", 5)], [], [("a", 5), ("b", 5)]])
def test_the_database_refuses_what_does_not_sum_to_zero(world: World, lines: list[tuple[str, int]]) -> None:
    tenant = world.tenant().id
    with pytest.raises(psycopg.errors.CheckViolation), world.db(tenant) as db:
        ledger.post(db, "capture", ids.uuid7(), lines, "wrong")
    with world.db(tenant) as db:
        assert ledger.trial_balance(db) == []


def test_the_books_are_append_only(world: World) -> None:
    tenant = world.tenant().id
    with world.db(tenant) as db:
        ledger.post(db, "capture", ids.uuid7(), LINES, "Seat A-01")
    for statement in (
        "UPDATE ledger_entries SET amount_paise = 1",
        "DELETE FROM ledger_entries",
        "UPDATE ledger_transactions SET description = ''",
        "DELETE FROM ledger_transactions",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege), world.db(tenant) as db:
            db.run(statement)


def test_another_tenant_sees_no_line(world: World) -> None:
    ours, theirs = world.tenant().id, world.tenant().id
    with world.db(ours) as db:
        ledger.post(db, "capture", ids.uuid7(), LINES, "Seat A-01")
    with world.db(theirs) as db:
        assert ledger.trial_balance(db) == []
