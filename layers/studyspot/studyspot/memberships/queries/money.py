"""Every statement on what members bought, owe and are owed."""

from __future__ import annotations

import json
from datetime import date
from typing import Any
from uuid import UUID

from studyspot.kit import clock, ids
from studyspot.kit.db import Db
from studyspot.kit.models import Model
from studyspot.memberships.models import FeePlan, Membership, QuoteLine
from studyspot.memberships.models.changes import Due, DueRow, Period

PERIOD = ", ".join(Period.model_fields)
DUE = ", ".join(Due.model_fields)
DUE_ROW = ", ".join(DueRow.model_fields)
# A membership sold before periods were kept has one: the whole of it.
FIRST = """
    INSERT INTO membership_periods (id, membership_id, kind, start_date, end_date, days, fee_plan_id, fee_plan_version,
                                    price_paise, status, created_at)
    SELECT %(id)s, m.id, 'paid', m.start_date, m.end_date, m.end_date - m.start_date, m.fee_plan_id, m.fee_plan_version,
           m.price_paise, 'live', %(now)s
    FROM memberships m WHERE m.id = %(membership)s
        AND NOT EXISTS (SELECT FROM membership_periods p WHERE p.membership_id = m.id AND p.status = 'live')"""


class Payer(Model):
    """To whom a gateway shows the order."""

    name: str
    phone: str
    email: str | None


def keep_first_period(db: Db, membership_id: UUID) -> None:
    """Every membership has at least the period it began with."""
    db.run(FIRST, id=ids.uuid7(), membership=membership_id, now=clock.now())


def add_period(
    db: Db,
    membership_id: UUID,
    days: tuple[date, date],
    sold: FeePlan,
    price: int,
    status: str,
    kind: str = "paid",
    paid_days: int | None = None,
) -> Period:
    """One more stretch."""
    return db.one(
        Period,
        f"""
        INSERT INTO membership_periods (id, membership_id, kind, start_date, end_date, days, fee_plan_id,
                                        fee_plan_version, price_paise, status, created_at)
        VALUES (%(id)s, %(membership)s, %(kind)s, %(start)s::date, %(end)s::date, coalesce(%(paid_days)s::integer,
                %(end)s::date - %(start)s::date),
                %(plan)s, %(version)s, %(price)s, %(status)s, %(now)s) RETURNING {PERIOD}""",
        id=ids.uuid7(),
        membership=membership_id,
        kind=kind,
        start=days[0],
        end=days[1],
        plan=sold.id,
        version=sold.version,
        price=price,
        paid_days=paid_days,
        status=status,
        now=clock.now(),
    )


def periods(db: Db, membership_id: UUID) -> list[Period]:
    """In order of their days; what was never bought is left out."""
    query = f"""
        SELECT {PERIOD} FROM membership_periods WHERE membership_id = %(id)s AND status <> 'cancelled'
        ORDER BY start_date, id"""
    return db.all(Period, query, id=membership_id)


def period(db: Db, period_id: UUID) -> Period:
    return db.one(Period, f"SELECT {PERIOD} FROM membership_periods WHERE id = %(id)s", id=period_id)


def settle_period(db: Db, period_id: UUID, days: tuple[date, date], status: str) -> Period:
    """A period that waited for its money has its days, or will never have any."""
    return db.one(
        Period,
        f"""
        UPDATE membership_periods SET status = %(status)s, start_date = %(start)s, end_date = %(end)s
        WHERE id = %(id)s RETURNING {PERIOD}""",
        id=period_id,
        status=status,
        start=days[0],
        end=days[1],
    )


def add_due(db: Db, due_id: UUID, member: Membership, lines: list[QuoteLine], **facts: Any) -> Due:
    """A sum to be paid; the lines say how it came about."""
    change = facts.pop("change", None)
    return db.one(
        Due,
        f"""
        INSERT INTO membership_dues (id, membership_id, student_id, lines, amount_paise, change,
                                     {", ".join(facts)}, created_at)
        VALUES (%(id)s, %(membership)s, %(student)s, %(lines)s::jsonb, %(amount)s, %(change)s::jsonb,
                {", ".join(f"%({name})s" for name in facts)}, %(now)s) RETURNING {DUE}""",
        id=due_id,
        membership=member.id,
        student=member.student_id,
        lines=json.dumps([line.model_dump() for line in lines]),
        amount=sum(line.total_paise for line in lines),
        change=json.dumps(change, default=str) if change else None,
        now=clock.now(),
        **facts,
    )


def due(db: Db, due_id: UUID, lock: str = "") -> DueRow:
    return db.one(DueRow, f"SELECT {DUE_ROW} FROM membership_dues WHERE id = %(id)s {lock}", id=due_id)


def dues(db: Db, membership_id: UUID) -> list[Due]:
    """Oldest first, those that were dropped left out."""
    query = f"SELECT {DUE} FROM membership_dues WHERE membership_id = %(id)s AND status <> 'void' ORDER BY due_on, id"
    return db.all(Due, query, id=membership_id)


def due_of_period(db: Db, period_id: UUID) -> Due | None:
    query = f"SELECT {DUE} FROM membership_dues WHERE period_id = %(id)s AND status = 'open' ORDER BY id LIMIT 1"
    return db.maybe(Due, query, id=period_id)


def enrolment_due(db: Db, membership_id: UUID) -> UUID | None:
    """What joining cost, paid or not."""
    query = """
        SELECT id FROM membership_dues WHERE membership_id = %(id)s AND kind = 'enrolment' AND status <> 'void'
        ORDER BY id LIMIT 1"""
    found: UUID | None = db.value(query, id=membership_id)
    return found


def due_of_freeze(db: Db, freeze_id: UUID) -> Due | None:
    """What keeping the seat costs."""
    query = f"""
        SELECT {DUE} FROM membership_dues WHERE change ->> 'freeze' = %(id)s::text AND status <> 'void'
        ORDER BY id DESC LIMIT 1"""
    return db.maybe(Due, query, id=freeze_id)


def owed(db: Db, membership_id: UUID) -> bool:
    """Is anything to be paid still?"""
    query = "SELECT EXISTS (SELECT FROM membership_dues WHERE membership_id = %(id)s AND status = 'open')"
    return bool(db.value(query, id=membership_id))


def cut_period(db: Db, one: Period, today: date, left: int, credit: int) -> None:
    """The days that were not used, and what was paid for them, are taken out of a period."""
    db.run(
        """
        UPDATE membership_periods SET end_date = CASE WHEN start_date < %(today)s THEN %(today)s ELSE end_date END,
               status = CASE WHEN start_date < %(today)s THEN 'live' ELSE 'cancelled' END,
               days = greatest(days - %(left)s, 1), price_paise = price_paise - %(credit)s
        WHERE id = %(id)s""",
        id=one.id,
        today=today,
        left=left,
        credit=credit,
    )


def pending(db: Db, due_id: UUID) -> bool:
    """Does a period wait for this money?"""
    query = """
        SELECT EXISTS (SELECT FROM membership_dues d JOIN membership_periods p ON p.id = d.period_id
                       WHERE d.id = %(id)s AND p.status = 'pending')"""
    return bool(db.value(query, id=due_id))


def goodwill_days(db: Db, membership_id: UUID, since: date) -> int:
    """What was given for nothing in the last year."""
    total: int = db.value(
        """
        SELECT coalesce(sum(days), 0)::bigint FROM membership_periods
        WHERE membership_id = %(id)s AND kind = 'goodwill' AND status = 'live' AND start_date > %(since)s""",
        id=membership_id,
        since=since,
    )
    return total


def paid(db: Db, due_id: UUID, payment_id: UUID) -> None:
    db.run(
        "UPDATE membership_dues SET status = 'paid', payment_id = %(payment)s, paid_at = %(now)s WHERE id = %(id)s",
        id=due_id,
        payment=payment_id,
        now=clock.now(),
    )


def deliver(db: Db, due_id: UUID, before: dict[str, Any], after: dict[str, Any]) -> None:
    """What this money changed, for as long as it can be undone."""
    told = json.dumps({"before": before, "after": after}, default=str)
    db.run("UPDATE membership_dues SET delivered = %(told)s::jsonb WHERE id = %(id)s", id=due_id, told=told)


def reopen(db: Db, due_id: UUID) -> None:
    """Owed again, as if it had never been paid."""
    db.run(
        "UPDATE membership_dues SET status = 'open', payment_id = NULL, paid_at = NULL, delivered = NULL"
        " WHERE id = %(id)s",
        id=due_id,
    )


def void(db: Db, due_ids: list[UUID]) -> None:
    """No longer owed: money that comes for it all the same goes back."""
    db.run(
        "UPDATE membership_dues SET status = 'void' WHERE id = ANY (%(ids)s::uuid[]) AND status = 'open'", ids=due_ids
    )


def payer(db: Db, student_id: UUID) -> Payer:
    query = "SELECT concat_ws(' ', first_name, last_name) AS name, phone, email FROM students WHERE id = %(id)s"
    return db.one(Payer, query, id=student_id)


def balance(db: Db, student_id: UUID, account: str, membership_id: UUID | None = None) -> int:
    """What is kept for a student. The student's row is locked, so what is spent is spent once."""
    db.run("SELECT 1 FROM students WHERE id = %(id)s FOR NO KEY UPDATE", id=student_id)
    total: int = db.value(
        """
        SELECT coalesce(sum(amount_paise), 0)::bigint FROM member_accounts WHERE student_id = %(id)s
            AND account = %(account)s AND (%(membership)s::uuid IS NULL OR membership_id = %(membership)s)""",
        id=student_id,
        account=account,
        membership=membership_id,
    )
    return total


def kept(db: Db, student_id: UUID, account: str, membership_id: UUID | None = None) -> int:
    """The same, only to be shown."""
    total: int = db.value(
        """
        SELECT coalesce(sum(amount_paise), 0)::bigint FROM member_accounts WHERE student_id = %(id)s
            AND account = %(account)s AND (%(membership)s::uuid IS NULL OR membership_id = %(membership)s)""",
        id=student_id,
        account=account,
        membership=membership_id,
    )
    return total


def enter(db: Db, member: Membership, account: str, paise: int, cause: str, reference: UUID) -> None:
    """Into, or out of, what is kept for the student."""
    db.run(
        """
        INSERT INTO member_accounts (id, student_id, membership_id, account, amount_paise, cause, reference_id,
                                     created_by, created_at)
        VALUES (%(id)s, %(student)s, %(membership)s, %(account)s, %(paise)s, %(cause)s, %(reference)s, %(by)s,
                %(now)s)""",
        id=ids.uuid7(),
        student=member.student_id,
        membership=member.id,
        account=account,
        paise=paise,
        cause=cause,
        reference=reference,
        by=db.actor.id if db.actor else None,
        now=clock.now(),
    )


def spent_on(db: Db, due_id: UUID) -> int:
    """Credit that was put towards a sum."""
    total: int = db.value(
        """
        SELECT coalesce(-sum(amount_paise), 0)::bigint FROM member_accounts
        WHERE account = 'credit' AND reference_id = %(id)s AND cause IN ('spent', 'returned')""",
        id=due_id,
    )
    return total


def savepoint(db: Db) -> None:
    """From here on it can be undone alone."""
    db.run("SAVEPOINT step")


def undo(db: Db) -> None:
    """Back to the savepoint."""
    db.run("ROLLBACK TO SAVEPOINT step")
