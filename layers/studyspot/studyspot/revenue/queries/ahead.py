"""Statements on what is to come: who has to renew when, and who did so far."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from studyspot.kit.db import Db
from studyspot.kit.models import Model

# A month's renewals: every membership that lives, as many periods later as lie between its end and that month.
RENEWALS = """
    WITH living AS (
        SELECT m.price_paise, (extract(year FROM m.end_date) * 12 + extract(month FROM m.end_date))::int AS ends,
               CASE p.kind WHEN 'monthly' THEN 1 WHEN 'quarterly' THEN 3 WHEN 'half_year' THEN 6 WHEN 'yearly' THEN 12
                    END AS every
        FROM memberships m JOIN fee_plans p ON p.id = m.fee_plan_id
        WHERE m.status IN ('active', 'grace', 'frozen') AND (%(library)s::uuid IS NULL OR m.library_id = %(library)s)),
    due AS (
        SELECT price_paise, (%(month)s - ends) / every + 1 AS times FROM living
        WHERE every IS NOT NULL AND %(month)s >= ends AND (%(month)s - ends) %% every = 0)
    SELECT times, count(*) AS members, sum(price_paise)::bigint AS paise FROM due GROUP BY times ORDER BY times"""
STAYED = """
    SELECT (SELECT count(*) FROM membership_periods p JOIN memberships m ON m.id = p.membership_id
            WHERE p.kind = 'paid' AND p.status = 'live' AND p.start_date > m.start_date AND p.start_date >= %(from)s
              AND p.start_date < %(to)s AND (%(library)s::uuid IS NULL OR m.library_id = %(library)s)) AS stayed,
           (SELECT count(*) FROM memberships m
            WHERE m.status IN ('expired', 'cancelled') AND m.end_date >= %(from)s AND m.end_date < %(to)s
              AND (%(library)s::uuid IS NULL OR m.library_id = %(library)s)) AS ended"""
SEASONS = """
    SELECT to_char(t.day, 'YYYY-MM') AS month, (-sum(e.amount_paise))::bigint AS paise
    FROM ledger_entries e JOIN ledger_transactions t ON t.id = e.transaction_id
    WHERE e.account LIKE 'revenue.%%' AND t.kind = 'capture' AND t.day < date_trunc('month', %(to)s::date)
      AND t.day >= date_trunc('month', %(to)s::date) - interval '12 months'
      AND (%(library)s::uuid IS NULL OR t.library_id = %(library)s)
    GROUP BY 1 ORDER BY 1"""


class Renewals(Model):
    """Memberships that have to be renewed for the n-th time from now in one month."""

    times: int
    members: int
    paise: int


def renewals(db: Db, first: date, library: UUID | None) -> list[Renewals]:
    """Of the month that begins on that day."""
    return db.all(Renewals, RENEWALS, month=first.year * 12 + first.month, library=library)


def stayed(db: Db, since: date, until: date, library: UUID | None) -> tuple[int, int]:
    """How many went on, and how many did not."""
    facts = {"from": since, "to": until, "library": library}
    (row,) = db.dicts(STAYED, **facts)
    return row["stayed"], row["ended"]


def seasons(db: Db, today: date, library: UUID | None) -> dict[str, int]:
    """What came in month by month, of the twelve that are over."""
    return {row["month"]: row["paise"] for row in db.dicts(SEASONS, to=today, library=library)}
