"""From the day the statutory rule binds, nobody under age comes in without a guardian's consent."""

from __future__ import annotations

from datetime import UTC, date, datetime
from uuid import UUID

import pytest
from studyspot.kit import clock
from studyspot.students.models import ConsentRule
from studyspot.students.queries import people
from studyspot.students.rows import Surroundings, checked
from studyspot.students.sheets import CSV, read

from tests.world import World

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


@pytest.mark.parametrize(
    ("today", "begins"),
    [(date(2026, 12, 1), 2027), (date(2027, 5, 13), 2027), (date(2030, 1, 1), 2027), (date(2031, 1, 1), 2031)],
)
def test_a_figure_that_has_not_begun_changes_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, today: date, begins: int
) -> None:
    """An age that parliament lowers for later is not the age of today."""
    with world.db(world.tenant().id) as db, db.transaction():
        rules = {2027: ConsentRule(valid_from=date(2027, 5, 13), below_age=18)}
        rules[2031] = ConsentRule(valid_from=date(2031, 1, 1), below_age=16)
        monkeypatch.setattr(people, "RULE", people.RULE.replace("statutory_params", FIGURES))
        monkeypatch.setattr(clock, "now", lambda: datetime(today.year, today.month, today.day, 12, tzinfo=UTC))
        assert people.consent_rule(db) == rules[begins]


FIGURES = """(VALUES ('guardian_consent_required', '2031-01-01'::date, '{"below_age": 16}'::jsonb),
                     ('guardian_consent_required', '2027-05-13'::date, '{"below_age": 18}'::jsonb))
             AS statutory_params (code, valid_from, value)"""
