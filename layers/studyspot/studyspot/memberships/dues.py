"""What members owe, charged line by line and lessened by the credit that is kept for them."""

from __future__ import annotations

from datetime import date
from typing import Any

from studyspot.kit import ids
from studyspot.kit.db import Db
from studyspot.ledger import models as accounts
from studyspot.ledger import service as ledger
from studyspot.memberships.models import Membership, QuoteLine
from studyspot.memberships.models.changes import Due
from studyspot.memberships.queries import money

CREDIT = "liability.member_credit"
SOLD = accounts.revenue("dues")


def charge(db: Db, member: Membership, kind: str, lines: list[QuoteLine], due_on: date, **facts: Any) -> Due | None:
    """Open a sum; credit kept for the student is used up first. None: nothing is left to pay."""
    due_id, total = ids.uuid7(), sum(line.total_paise for line in lines)
    if total <= 0:
        return None
    used = min(money.balance(db, member.student_id, "credit"), total - facts.get("deposit_paise", 0))
    if used > 0:
        lines = [*lines, QuoteLine(description="Credit", amount_paise=-used, gst_paise=0, total_paise=-used)]
        money.enter(db, member, "credit", -used, "spent", due_id)
        ledger.post(db, "credit_spent", due_id, [(CREDIT, used), (SOLD, -used)], "Credit of a member")
    if used == total:
        return None
    description = lines[0].description
    return money.add_due(db, due_id, member, lines, kind=kind, description=description, due_on=due_on, **facts)


def void(db: Db, member: Membership, dues: list[Due]) -> None:
    """No longer owed; credit that went towards it is the student's again."""
    money.void(db, [due.id for due in dues])
    for due in dues:
        used = money.spent_on(db, due.id)
        if used > 0:
            money.enter(db, member, "credit", used, "returned", due.id)
            ledger.post(db, "credit_returned", due.id, [(CREDIT, -used), (SOLD, used)], "Credit of a member")


def give_credit(db: Db, member: Membership, paise: int, cause: str) -> None:
    """What was paid for days that will not be used is kept for the next dues."""
    reference = ids.uuid7()
    money.enter(db, member, "credit", paise, cause, reference)
    ledger.post(db, "credit_given", reference, [(SOLD, paise), (CREDIT, -paise)], "Credit of a member")
