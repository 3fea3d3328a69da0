"""Guardians who agreed to be told read when their student comes and goes."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from studyspot.attendance.queries import visits as queries
from studyspot.kit.db import Db
from studyspot.messaging import service as messaging
from studyspot.students import service as students


def tell(db: Db, visit_id: UUID, given: dict[str, Any]) -> None:
    """Each once, by a message of their own; nothing, where the library no longer does that or the visit was none."""
    found = queries.notice(db, visit_id)
    if found is None or not found.policy.tell_guardians:
        return
    at = datetime.fromisoformat(given["at"])
    said = {
        "student": found.student,
        "library": found.library,
        "time": f"{at.astimezone(ZoneInfo(found.timezone)):%H:%M}",
    }
    for one in students.guardians(db, found.student_id):
        facts = {"name": one.name, **said}
        template = "guardian_check_in" if given["direction"] == "in" else "guardian_check_out"
        messaging.send(db, template, one.phone, facts, one.user_id, "member", about=visit_id, acted_at=at)
