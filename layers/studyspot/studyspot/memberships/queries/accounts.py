"""Statements on what students owe and owed: the ledger, what is open, who is late, what was let off."""

from __future__ import annotations

from uuid import UUID

from studyspot.kit import clock, ids
from studyspot.kit.db import Db
from studyspot.kit.pages import Paging
from studyspot.memberships.models import Membership
from studyspot.memberships.models.accounts import Adjustment, AdjustmentRequest, Defaulter, Habits, LedgerEntry, OpenDue
from studyspot.memberships.queries import MEMBERSHIP, TODAY

ADJUSTMENT = "id, student_id, due_id, kind, amount_paise, reason, created_by, created_at"
# A charge is what it was before anything was let off; a sum that was dropped counts only for what was let off of it.
LEDGER = """
    WITH lines AS (
        SELECT d.created_at AS at, d.id AS reference_id, 'charge' AS kind, d.description,
               CASE WHEN d.status = 'void' THEN 0 ELSE d.amount_paise END + coalesce((
                   SELECT sum(a.amount_paise) FROM student_adjustments a WHERE a.due_id = d.id), 0)::bigint
                   AS amount_paise
        FROM membership_dues d WHERE d.student_id = %(student)s
        UNION ALL
        SELECT p.captured_at, p.id, 'charge', p.description, p.captured_paise FROM payments p
        WHERE p.student_id = %(student)s AND p.activated_at IS NOT NULL AND p.purpose NOT IN ('dues', 'membership')
        UNION ALL
        SELECT p.captured_at, p.id, 'payment', p.description, -p.captured_paise FROM payments p
        WHERE p.student_id = %(student)s AND p.captured_paise > 0
        UNION ALL
        SELECT r.succeeded_at, r.id, k.kind, r.reason, k.sign * r.amount_paise
        FROM refunds r JOIN payments p ON p.id = r.payment_id JOIN payment_captures c ON c.id = r.capture_id,
             (VALUES ('refund', 1), ('reversal', -1)) AS k (kind, sign)
        WHERE p.student_id = %(student)s AND r.status = 'succeeded' AND NOT c.surplus
          AND (k.kind = 'refund' OR p.activated_at IS NOT NULL)
        UNION ALL
        SELECT a.created_at, a.id, 'adjustment', a.reason, -a.amount_paise FROM student_adjustments a
        WHERE a.student_id = %(student)s),
    numbered AS (
        SELECT *, row_number() OVER w AS position, (sum(amount_paise) OVER w)::bigint AS balance_paise
        FROM lines WHERE amount_paise <> 0 WINDOW w AS (ORDER BY at, kind, reference_id))
    SELECT position, at, kind, reference_id, description, amount_paise, balance_paise FROM numbered
    WHERE %(after)s::bigint IS NULL OR position < %(after)s::bigint ORDER BY position DESC LIMIT %(fetch)s"""

OPEN = f"""
    SELECT d.id, d.membership_id, d.kind, d.description, d.amount_paise, d.due_on, o.days AS days_overdue,
           CASE WHEN o.days <= 0 THEN 'not_due' WHEN o.days <= 7 THEN '1_7' WHEN o.days <= 30 THEN '8_30'
                WHEN o.days <= 60 THEN '31_60' ELSE 'over_60' END AS ageing
    FROM membership_dues d, LATERAL (SELECT greatest(0, {TODAY} - d.due_on) AS days) o
    WHERE d.student_id = %(student)s AND d.status = 'open'
      AND (%(due_on)s::date IS NULL OR (d.due_on, d.id) > (%(due_on)s::date, %(id)s::uuid))
    ORDER BY d.due_on, d.id LIMIT %(fetch)s"""

DEFAULTERS = f"""
    WITH late AS (
        SELECT d.student_id, count(*) AS dues, sum(d.amount_paise)::bigint AS overdue_paise, min(d.due_on) AS oldest
        FROM membership_dues d
        WHERE d.status = 'open' AND d.due_on < {TODAY} - %(days)s::int
        GROUP BY 1)
    SELECT s.id AS student_id, s.student_code, concat_ws(' ', s.first_name, s.last_name) AS name, s.phone, s.library_id,
           l.dues, l.overdue_paise, l.oldest AS oldest_due_on, {TODAY} - l.oldest AS days_overdue
    FROM late l JOIN students s ON s.id = l.student_id
    WHERE (%(library)s::uuid IS NULL OR s.library_id = %(library)s)
      AND (%(oldest)s::date IS NULL OR (l.oldest, s.id) > (%(oldest)s::date, %(id)s::uuid))
    ORDER BY l.oldest, s.id LIMIT %(fetch)s"""


def ledger(db: Db, student_id: UUID, paging: Paging) -> list[LedgerEntry]:
    """Newest first, each with what was owed after it."""
    return db.all(LedgerEntry, LEDGER, student=student_id, after=paging.after, fetch=paging.fetch)


def open_dues(db: Db, student_id: UUID, paging: Paging) -> list[OpenDue]:
    """The oldest first."""
    due_on, last = paging.after or (None, None)
    return db.all(OpenDue, OPEN, student=student_id, due_on=due_on, id=last, fetch=paging.fetch, now=clock.now())


def defaulters(db: Db, paging: Paging, library: UUID | None, days: int) -> list[Defaulter]:
    """Who has owed for the longest first."""
    oldest, last = paging.after or (None, None)
    return db.all(
        Defaulter,
        DEFAULTERS,
        library=library,
        days=days,
        oldest=oldest,
        id=last,
        fetch=paging.fetch,
        now=clock.now(),
    )


def owed(db: Db, student_id: UUID) -> int:
    """All that is open."""
    total: int = db.value(
        "SELECT coalesce(sum(amount_paise), 0)::bigint FROM membership_dues"
        " WHERE student_id = %(id)s AND status = 'open'",
        id=student_id,
    )
    return total


def holds_money(db: Db, student_id: UUID) -> bool:
    """Whether a deposit or credit is kept for somebody."""
    query = """
        SELECT 1 FROM member_accounts WHERE student_id = %(id)s
        GROUP BY membership_id, account HAVING sum(amount_paise) <> 0 LIMIT 1"""
    return db.value(query, id=student_id) is not None


def add(db: Db, student_id: UUID, asked: AdjustmentRequest, paise: int, by: UUID) -> Adjustment:
    return db.one(
        Adjustment,
        f"""
        INSERT INTO student_adjustments (id, student_id, due_id, kind, amount_paise, reason, created_by, created_at)
        VALUES (%(id)s, %(student)s, %(due)s, %(kind)s, %(paise)s, %(reason)s, %(by)s, %(now)s)
        RETURNING {ADJUSTMENT}""",
        id=ids.uuid7(),
        student=student_id,
        due=asked.due_id,
        kind=asked.kind,
        paise=paise,
        reason=asked.reason,
        by=by,
        now=clock.now(),
    )


def lessen(db: Db, due_id: UUID, paise: int, line: str) -> None:
    """Less is open from now on, and the lines of the sum say so."""
    db.run(
        """
        UPDATE membership_dues SET amount_paise = amount_paise - %(paise)s, lines = lines || %(line)s::jsonb
        WHERE id = %(id)s""",
        id=due_id,
        paise=paise,
        line=line,
    )


def to_move(db: Db, student_id: UUID, library_id: UUID) -> list[Membership]:
    """Those that are not over and of another library than that, locked."""
    query = f"""
        SELECT {MEMBERSHIP} FROM memberships
        WHERE student_id = %(student)s AND library_id <> %(library)s AND end_date > {TODAY}
          AND status IN ('pending_payment', 'scheduled', 'active', 'grace', 'frozen')
        ORDER BY start_date, id FOR UPDATE"""
    return db.all(Membership, query, student=student_id, library=library_id, now=clock.now())


def to_renew(db: Db, student_ids: list[UUID]) -> list[Membership]:
    """The membership of each that ends last, as far as it can go on."""
    query = f"""
        SELECT {MEMBERSHIP} FROM memberships WHERE id IN (
            SELECT DISTINCT ON (m.student_id) m.id FROM memberships m
            WHERE m.student_id = ANY (%(students)s) AND m.status IN ('active', 'grace', 'expired', 'frozen')
            ORDER BY m.student_id, m.end_date DESC, m.id)
        ORDER BY id"""
    return db.all(Membership, query, students=student_ids, now=clock.now())


def habits(db: Db, student_id: UUID) -> Habits:
    """What is late now, and how the last sums were paid."""
    return db.one(
        Habits,
        f"""
        WITH late AS (
            SELECT count(*) AS late, max({TODAY} - due_on) AS days FROM membership_dues
            WHERE student_id = %(id)s AND status = 'open' AND due_on < {TODAY}),
        paid AS (
            SELECT (paid_at AT TIME ZONE (SELECT timezone FROM tenant_gate))::date > due_on AS late
            FROM membership_dues WHERE student_id = %(id)s AND status = 'paid' ORDER BY paid_at DESC LIMIT 6)
        SELECT late.late AS overdue, coalesce(late.days, 0) AS overdue_days, (SELECT count(*) FROM paid) AS paid,
               (SELECT count(*) FROM paid WHERE paid.late) AS paid_late FROM late""",
        id=student_id,
        now=clock.now(),
    )


def memberships_of(db: Db, student_id: UUID, after: str | None, fetch: int) -> list[Membership]:
    """Newest first."""
    query = f"""
        SELECT {MEMBERSHIP} FROM memberships
        WHERE student_id = %(id)s AND (%(after)s::uuid IS NULL OR id < %(after)s::uuid)
        ORDER BY id DESC LIMIT %(fetch)s"""
    return db.all(Membership, query, id=student_id, after=after, fetch=fetch, now=clock.now())
