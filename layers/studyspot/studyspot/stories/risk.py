"""How likely a student is to leave, or not to pay: points for what is seen, each with its reason (docs/risk.md)."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

from studyspot.attendance import service as attendance
from studyspot.kit import clock
from studyspot.kit.db import Db
from studyspot.kit.pages import Paging
from studyspot.memberships import accounts
from studyspot.memberships.models import Membership
from studyspot.memberships.models.accounts import Habits
from studyspot.stories.models import Level, Risk, RiskReason
from studyspot.students import service as students

DAY = timedelta(days=1)
RECENT = 14 * DAY
BEFORE = 28 * DAY
"""What the recent days are compared with: the four weeks ahead of them."""
DECAY_POINTS = 50
ABSENT = ((14, 20), (7, 10))
"""Days without a visit, and what they count."""
ENDING_DAYS, ENDING_POINTS, LAPSED_POINTS = 7, 15, 30
OVERDUE = ((61, 60), (31, 50), (8, 35), (1, 15))
SEVERAL_POINTS, LATE_POINTS = 10, 30
LEVELS: tuple[tuple[int, Level], ...] = ((60, "high"), (30, "medium"), (0, "low"))
LIVE = ("active", "grace", "frozen", "scheduled")
VISITS = 1_000


def of_student(db: Db, student_id: UUID) -> Risk:
    """As of today."""
    students.get(db, student_id)
    now = clock.now()
    (day,) = students.this_day(db, now)
    visits = attendance.history(db, Paging(VISITS), student_id, day.began - RECENT - BEFORE).items
    days = {(visit.check_in_at - day.began) // DAY for visit in visits}
    recent = sum(day >= -(RECENT // DAY) for day in days)
    earlier = len(days) - recent
    absent = min(((now - visit.check_in_at).days for visit in visits), default=None)
    held = accounts.memberships_of(db, student_id, None, 50)
    leaving = [*_decay(recent, earlier), *_absence(absent), *_ending(held, day.today)]
    owing = _owing(accounts.habits(db, student_id))
    churn, default = _sum(leaving), _sum(owing)
    return Risk(
        student_id=student_id,
        churn=churn,
        churn_level=_level(churn),
        default=default,
        default_level=_level(default),
        reasons=[*leaving, *owing],
    )


def _decay(recent: int, earlier: int) -> list[RiskReason]:
    """Days with a visit in two weeks, against what four weeks before would let one expect."""
    points = round(DECAY_POINTS * (1 - 2 * recent / earlier)) if earlier else 0
    text = f"here on {recent} of the last 14 days, on {earlier} of the 28 days before"
    return _reason("churn", "attendance_decay", points, text)


def _absence(days: int | None) -> list[RiskReason]:
    points = next((points for least, points in ABSENT if days is not None and days >= least), 0)
    return _reason("churn", "absent", points, f"not here for {days} days")


def _ending(held: list[Membership], today: date) -> list[RiskReason]:
    """Who never was a member leaves nothing."""
    live = [member for member in held if member.status in LIVE]
    if not live:
        return _reason("churn", "lapsed", LAPSED_POINTS if held else 0, "no membership runs any more")
    last = max(live, key=lambda member: member.end_date)
    days = (last.end_date - today).days
    near = days <= ENDING_DAYS and not last.auto_renew
    return _reason("churn", "ending", ENDING_POINTS if near else 0, f"the membership ends in {max(days, 0)} days")


def _owing(habits: Habits) -> list[RiskReason]:
    overdue = next((points for least, points in OVERDUE if habits.overdue_days >= least), 0)
    several = SEVERAL_POINTS if habits.overdue > 1 else 0
    late = round(LATE_POINTS * habits.paid_late / habits.paid) if habits.paid else 0
    return [
        *_reason("default", "overdue", overdue, f"something is owed for {habits.overdue_days} days"),
        *_reason("default", "several_overdue", several, f"{habits.overdue} sums are overdue"),
        *_reason("default", "paid_late", late, f"{habits.paid_late} of the last {habits.paid} sums were paid late"),
    ]


def _reason(of: str, code: str, points: int, text: str) -> list[RiskReason]:
    return [RiskReason.model_validate({"of": of, "code": code, "points": points, "text": text})] if points > 0 else []


def _sum(reasons: list[RiskReason]) -> int:
    return min(100, sum(reason.points for reason in reasons))


def _level(points: int) -> Level:
    return next(level for least, level in LEVELS if points >= least)
