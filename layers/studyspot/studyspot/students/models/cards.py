"""A student's ID card, and a student list as a file."""

from __future__ import annotations

from datetime import date
from typing import Literal
from uuid import UUID

from studyspot.kit.models import Model
from studyspot.students.models.people import Status


class CardFacts(Model):
    """What a card shows."""

    student_id: UUID
    student_code: str
    name: str
    photo_url: str | None
    library: str | None
    seat: str | None
    valid_until: date | None
    """The last day that is covered."""
    status: Status


class IdCard(CardFacts):
    """The card: its facts, what its QR code says, and the whole of it as a picture."""

    qr: str
    svg: str = ""


class ExportRequest(Model):
    """Which students, and in which kind of file."""

    format: Literal["csv", "xlsx"] = "csv"
    library_id: UUID | None = None
    fee_plan_id: UUID | None = None
    status: Status | None = None


class Exported(Model):
    """The export is being made; GET /jobs/{jobId} tells when its file is there."""

    job_id: UUID
