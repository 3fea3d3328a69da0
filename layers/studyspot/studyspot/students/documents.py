"""A student's photo and id proofs: brought by the desk or the student, and the student's in every way."""

from __future__ import annotations

from uuid import UUID

from studyspot.files import service as files
from studyspot.files.models import File, Upload, UploadRequest
from studyspot.kit.auth import Actor
from studyspot.kit.db import Db
from studyspot.kit.models import Page
from studyspot.kit.pages import Paging
from studyspot.students import service
from studyspot.students.models import DocumentRequest, StudentNotActive
from studyspot.students.queries import people

PURPOSES = {"photo": "student_photo", "id_proof": "id_proof"}


def bring(db: Db, actor: Actor, student_id: UUID, asked: DocumentRequest) -> Upload:
    """Where to PUT it. Whoever brings it, the file is the student's: it goes when they are erased."""
    service.must_concern(actor, "students:update", student_id)
    if people.student(db, student_id).status == "archived":
        raise StudentNotActive
    facts = asked.model_dump(exclude={"kind"}) | {"purpose": PURPOSES[asked.kind]}
    return files.upload(db, actor, UploadRequest.model_validate(facts), student_id)


def listed(db: Db, actor: Actor, paging: Paging, student_id: UUID, kind: str | None) -> Page[File]:
    """With links, as far as they have been looked at and are what they should be."""
    service.must_concern(actor, "students:read", student_id)
    wanted = [PURPOSES[kind]] if kind else list(PURPOSES.values())
    return service.of_somebody(db, student_id, files.of_owner(db, paging, student_id, wanted))
