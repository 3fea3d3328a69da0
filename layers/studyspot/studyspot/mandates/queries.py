"""Every statement on mandates, debits and attempts."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from studyspot.kit import clock, ids
from studyspot.kit.db import Db
from studyspot.mandates.models import Debit, DebitRow, Mandate, MandateRequest, MandateRow

SHOWN = """id, kind, status, membership_id, customer_id AS student_id, gateway, max_amount_paise, valid_until,
           approved_at, revoked_at, created_at"""
ROW = f"{SHOWN}, due_id, account_id, payment_id, gateway_order_id, gateway_customer_id, token_id, ended_at"
DEBIT_ROW = """
    d.id, d.mandate_id, d.due_id, d.amount_paise, d.status, d.debit_at, d.noticed_at, d.gateway_order_id, d.payment_id,
    (SELECT count(*) FROM mandate_attempts a WHERE a.debit_id = d.id) AS tried,
    EXISTS (SELECT FROM mandate_attempts a WHERE a.debit_id = d.id AND a.result IS NULL) AS awaited"""
DEBIT = """
    d.id, d.mandate_id, d.due_id, d.amount_paise, d.status, d.noticed_at, d.debit_at, d.paid_at, d.payment_id,
    d.created_at, coalesce((SELECT jsonb_agg(jsonb_build_object('number', a.number, 'asked_at', a.asked_at,
        'result', a.result, 'reason', a.reason) ORDER BY a.number) FROM mandate_attempts a WHERE a.debit_id = d.id),
        '[]') AS attempts"""


def add(db: Db, asked: MandateRequest, student_id: UUID, due_id: UUID | None, account_id: UUID | None,
        valid_until: datetime) -> MandateRow | None:  # fmt: skip
    """None when the membership has a live one."""
    return db.maybe(
        MandateRow,
        f"""
        INSERT INTO mandates (id, customer_id, gateway, max_amount_paise, status, valid_until, kind, membership_id,
                              due_id, account_id, created_at, updated_at)
        VALUES (%(id)s, %(student)s, 'razorpay', %(most)s, 'created', %(until)s, %(kind)s, %(membership)s, %(due)s,
                %(account)s, %(now)s, %(now)s)
        ON CONFLICT DO NOTHING RETURNING {ROW}""",
        id=ids.uuid7(), student=student_id, most=asked.max_amount_paise, until=valid_until, kind=asked.kind,
        membership=asked.purpose_id, due=due_id, account=account_id, now=clock.now(),
    )  # fmt: skip


def live(db: Db, membership_id: UUID) -> MandateRow | None:
    """The mandate that stands for a membership, locked."""
    query = f"""
        SELECT {ROW} FROM mandates WHERE membership_id = %(membership)s
        AND status IN ('created','active','paused') FOR UPDATE"""
    return db.maybe(MandateRow, query, membership=membership_id)


def find(db: Db, mandate_id: UUID, lock: bool = False) -> MandateRow:
    """A student's mandate, or NotFound."""
    how = "FOR UPDATE" if lock else ""
    query = f"SELECT {ROW} FROM mandates WHERE id = %(id)s AND kind IS NOT NULL {how}"
    return db.one(MandateRow, query, id=mandate_id)


def change(db: Db, mandate_id: UUID, **columns: Any) -> MandateRow:
    """The caller holds the lock and knows the rules."""
    also = "".join(f", {name} = %({name})s" for name in columns)
    query = f"UPDATE mandates SET updated_at = %(now)s{also} WHERE id = %(id)s RETURNING {ROW}"
    return db.one(MandateRow, query, id=mandate_id, now=clock.now(), **columns)


def approve(db: Db, order_id: str, token_id: str) -> MandateRow | None:
    """The payer has confirmed it by this order. None when it is not one that waits for that."""
    query = f"""
        UPDATE mandates SET status = 'active', token_id = %(token)s, approved_at = %(now)s, updated_at = %(now)s
        WHERE gateway = 'razorpay' AND gateway_order_id = %(order)s AND kind IS NOT NULL AND status = 'created'
        RETURNING {ROW}"""
    return db.maybe(MandateRow, query, order=order_id, token=token_id, now=clock.now())


def listed(db: Db, student_id: UUID | None, status: str | None, after: Any, limit: int) -> list[Mandate]:
    """Newest first."""
    query = f"""
        SELECT {SHOWN} FROM mandates
        WHERE kind IS NOT NULL AND (%(student)s::uuid IS NULL OR customer_id = %(student)s)
          AND (%(status)s::text IS NULL OR status = %(status)s) AND (%(after)s::uuid IS NULL OR id < %(after)s)
        ORDER BY id DESC LIMIT %(limit)s"""
    return db.all(Mandate, query, student=student_id, status=status, after=after, limit=limit)


def debits(db: Db, mandate_id: UUID, after: Any, limit: int) -> list[Debit]:
    """Newest first."""
    query = f"""
        SELECT {DEBIT} FROM mandate_debits d
        WHERE d.mandate_id = %(mandate)s AND (%(after)s::uuid IS NULL OR d.id < %(after)s)
        ORDER BY d.id DESC LIMIT %(limit)s"""
    return db.all(Debit, query, mandate=mandate_id, after=after, limit=limit)


def debit(db: Db, debit_id: UUID, lock: bool = False) -> DebitRow:
    """One debit, or NotFound."""
    how = "FOR UPDATE OF d" if lock else ""
    return db.one(DebitRow, f"SELECT {DEBIT_ROW} FROM mandate_debits d WHERE d.id = %(id)s {how}", id=debit_id)


def shown_debit(db: Db, debit_id: UUID) -> Debit:
    """As people see it."""
    return db.one(Debit, f"SELECT {DEBIT} FROM mandate_debits d WHERE d.id = %(id)s", id=debit_id)


def live_debit(db: Db, due_id: UUID) -> DebitRow | None:
    """The debit that is under way for a sum."""
    query = f"""
        SELECT {DEBIT_ROW} FROM mandate_debits d
        WHERE d.due_id = %(due)s AND d.status IN ('opening','announced','asked') FOR UPDATE OF d"""
    return db.maybe(DebitRow, query, due=due_id)


def add_debit(db: Db, mandate_id: UUID, due_id: UUID, amount_paise: int, debit_at: datetime) -> UUID:
    """Before the gateway is asked to tell the payer."""
    debit_id = ids.uuid7()
    db.run(
        """
        INSERT INTO mandate_debits (id, mandate_id, due_id, amount_paise, status, debit_at, created_at, updated_at)
        VALUES (%(id)s, %(mandate)s, %(due)s, %(amount)s, 'opening', %(debit_at)s, %(now)s, %(now)s)""",
        id=debit_id, mandate=mandate_id, due=due_id, amount=amount_paise, debit_at=debit_at, now=clock.now(),
    )  # fmt: skip
    return debit_id


def move_debit(db: Db, debit_id: UUID, *from_: str, **columns: Any) -> bool:
    """Forward only: False when it is in none of these states any more."""
    sets = ", ".join(f"{name} = %({name})s" for name in columns)
    query = f"UPDATE mandate_debits SET {sets}, updated_at = %(now)s WHERE id = %(id)s AND status = ANY (%(from)s)"
    return db.run(query, id=debit_id, now=clock.now(), **columns, **{"from": list(from_)}) == 1


def announced(db: Db, mandate_id: UUID) -> list[UUID]:
    """The payments of debits that were announced and not asked for."""
    query = """
        SELECT payment_id FROM mandate_debits
        WHERE mandate_id = %(mandate)s AND status = 'announced' ORDER BY payment_id"""
    return [row["payment_id"] for row in db.dicts(query, mandate=mandate_id)]


def cancel_debits(db: Db, mandate_id: UUID) -> list[UUID]:
    """What was announced and not asked for is not made; answers the payments that these debits were."""
    query = """
        UPDATE mandate_debits SET status = 'cancelled', updated_at = %(now)s
        WHERE mandate_id = %(mandate)s AND status IN ('opening','announced') RETURNING payment_id"""
    return [row["payment_id"] for row in db.dicts(query, mandate=mandate_id, now=clock.now()) if row["payment_id"]]


def merchant(db: Db, debit_id: UUID) -> str:
    """For whom the money is, as the payer knows it."""
    name: str = db.value(
        "SELECT l.name FROM mandate_debits d JOIN mandates m ON m.id = d.mandate_id"
        " JOIN memberships s ON s.id = m.membership_id JOIN libraries l ON l.id = s.library_id WHERE d.id = %(id)s",
        id=debit_id,
    )
    return name


def add_attempt(db: Db, debit_id: UUID, number: int) -> None:
    """Written before the gateway is asked."""
    db.run(
        "INSERT INTO mandate_attempts (debit_id, number, asked_at) VALUES (%(debit)s, %(number)s, %(now)s)",
        debit=debit_id,
        number=number,
        now=clock.now(),
    )


def end_attempt(db: Db, debit_id: UUID, result: str, reason: str | None = None) -> None:
    """What became of the attempt that is open, if one is."""
    db.run(
        "UPDATE mandate_attempts SET result = %(result)s, reason = %(reason)s WHERE debit_id = %(debit)s"
        " AND result IS NULL",
        debit=debit_id,
        result=result,
        reason=reason,
    )


def debit_of(db: Db, payment_id: UUID) -> DebitRow | None:
    """The debit that a payment is."""
    query = f"SELECT {DEBIT_ROW} FROM mandate_debits d WHERE d.payment_id = %(payment)s"
    return db.maybe(DebitRow, query, payment=payment_id)
