"""What the desk keeps of a student besides, duplicates, and what is done to many at once."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, Field, model_validator

from studyspot.kit.errors import Conflict
from studyspot.kit.models import Model, Name, Phone, Text, Timestamp
from studyspot.students.models.people import Status

TAG_TEXT = r"^[^=+\-@,\s][^,\t\n]*$"
Tag = Annotated[str, Field(min_length=1, max_length=40, pattern=TAG_TEXT)]


def _distinct(tags: list[str]) -> list[str]:
    return sorted({tag.lower() for tag in tags})


Tags = Annotated[list[Tag], Field(max_length=20), AfterValidator(_distinct)]


class TagsRequest(Model):
    """All the tags a student has from now on."""

    tags: Tags


class NoteRequest(Model):
    """What the desk wants to remember."""

    note: Text


class Note(Model):
    """A note of the desk; the student does not see it."""

    id: UUID
    student_id: UUID
    note: str
    author_id: UUID | None
    created_at: Timestamp

    @property
    def location(self) -> str:
        return f"/api/v1/students/{self.student_id}/timeline"


class GuardianRequest(Model):
    """Who may know of a student, and who agreed to that: an adult student, or the guardian of a minor."""

    name: Name
    phone: Phone
    relation: Literal["father", "mother", "guardian", "spouse", "sibling", "other"] = "guardian"
    agreed_by: Literal["student", "guardian"]


class Guardian(Model):
    """Somebody who signs in by this phone and reads what the student may read."""

    id: UUID
    student_id: UUID
    user_id: UUID
    name: str
    phone: str
    relation: str
    agreed_by: Literal["student", "guardian"]
    created_at: Timestamp


class MergeRequest(Model):
    """Two students who are one. The first is kept, the second is archived; `preview` only looks."""

    student_id: UUID
    duplicate_id: UUID
    preview: bool

    @model_validator(mode="after")
    def _two(self) -> MergeRequest:
        if self.student_id == self.duplicate_id:
            raise ValueError("a student is no duplicate of themselves")
        return self


class Merge(Model):
    """What is moved (rows by table), and what the kept student learns from the other."""

    student_id: UUID
    duplicate_id: UUID
    preview: bool
    moved: dict[str, int]
    learnt: list[str]


class Filter(Model):
    """Which students: all that fit every field that is sent, or these."""

    ids: Annotated[list[UUID], Field(max_length=500)] | None = None
    library_id: UUID | None = None
    fee_plan_id: UUID | None = None
    status: Status | None = None
    tag: Tag | None = None
    expiring_days: Annotated[int, Field(ge=0, le=366)] | None = None


class BulkRequest(Model):
    """One thing done to many. Without `expected` it is a preview; with it, exactly so many must still fit."""

    action: Literal["tag", "untag", "suspend", "reactivate", "message", "renew"]
    filter: Filter
    tag: Tag | None = None
    reason: Text | None = None
    template_id: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    variables: Annotated[dict[str, str], Field(max_length=20)] = {}
    expected: Annotated[int, Field(ge=1, le=500)] | None = None

    @model_validator(mode="after")
    def _complete(self) -> BulkRequest:
        needed = {"tag": self.tag, "untag": self.tag, "suspend": self.reason, "message": self.template_id}
        if self.action in needed and needed[self.action] is None:
            field = {"suspend": "reason", "message": "templateId"}.get(self.action, "tag")
            raise ValueError(f"{field} is required to {self.action}")
        return self


class DocumentRequest(Model):
    """A photo or an id proof that is about to be uploaded."""

    kind: Literal["photo", "id_proof"]
    name: Annotated[str, Field(min_length=1, max_length=200)]
    content_type: Annotated[str, Field(min_length=3, max_length=120)]
    size_bytes: Annotated[int, Field(ge=1, le=5 * 1024 * 1024, strict=True)]


class Bulk(Model):
    """How many fit, what messages would cost at most, and how many it was done to."""

    action: str
    preview: bool
    count: int
    sms_credits: int
    cost_paise: int
    done: int


class StudentsCollide(Conflict):
    """Both students have something at the same time that only one of them can have."""

    code = "students_collide"
    fix = "End the overlapping membership, booking or visit of one of them, then merge."


class FilterMoved(Conflict):
    """Other students fit the filter than when it was previewed."""

    code = "filter_moved"
    fix = "Look at the preview again, and send its count as `expected`."
