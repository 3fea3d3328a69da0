"""From the day the statutory rule binds, nobody under age comes in without a guardian's consent."""

from __future__ import annotations

from datetime import date
from uuid import UUID

import pytest
from studyspot.students.models import ConsentRule
from studyspot.students.rows import Surroundings, checked
from studyspot.students.sheets import CSV, read

LIBRARY = UUID(int=1)
RULE = ConsentRule(valid_from=date(2027, 5, 13), below_age=18)
FILE = b"name,phone,dateOfBirth\nStudent 1,9876543210,2010-05-13\nStudent 2,9876543211,2009-05-13\n"


@pytest.mark.parametrize(
    ("today", "warned", "refused"), [(date(2027, 5, 12), [2, 3], []), (date(2027, 5, 13), [], [2])]
)
def test_the_day_decides(today: date, warned: list[int], refused: list[int]) -> None:
    around = Surroundings({}, LIBRARY, None, RULE, today)
    found = checked(read(FILE, CSV, None), around)
    assert [notice.line for notice in found.notices] == warned
    assert [(fault.line, fault.code) for fault in found.faults] == [(n, "guardian_consent_required") for n in refused]
