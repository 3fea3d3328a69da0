"""Files of students: how they are taken, what came of them, and what can be wrong with them."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from pydantic import BaseModel

from studyspot.kit.errors import Conflict, RuleViolated
from studyspot.kit.models import Model


class ImportOptions(Model):
    """How a file is to be taken."""

    dry_run: bool = False
    atomic: bool = False
    notify: bool = False
    force: bool = False
    library_id: UUID | None = None


class StoredOptions(ImportOptions):
    """The options of a job, with what its request knew besides."""

    charset: str | None = None
    bound_to: list[UUID] | None = None


class RowFault(Model):
    """What is wrong with one row; `line` is the file's own, its header being line 1."""

    line: int
    field: str
    code: Literal[
        "required", "invalid", "duplicate_in_file", "phone_exists", "guardian_consent_required", "limit_reached"
    ]
    message: str


class RowNotice(Model):
    """What is worth knowing about a row that is taken."""

    line: int
    field: str
    code: Literal["guardian_consent_missing"]
    message: str


class ImportReport(Model):
    """What came, or would come, of a file."""

    job_id: UUID | None = None
    status: Literal["queued", "running", "done", "failed", "cancelled"] = "done"
    rows: int = 0
    valid: int = 0
    imported: int = 0
    invalid: int = 0
    errors: list[RowFault] = []
    errors_omitted: int = 0
    """How many more there are; GET the job with `errorsFrom` for them."""
    warnings: list[RowNotice] = []
    ignored_columns: list[str] = []


class ImportJob(BaseModel):
    """An import and how far it is; `options` also names the libraries its uploader is bound to."""

    id: UUID
    status: Literal["queued", "running", "done", "failed", "cancelled"]
    options: StoredOptions
    file: bytes | None
    file_type: str
    result: ImportReport | None
    first_id: UUID | None
    last_id: UUID | None


class Newcomer(BaseModel):
    """Whom an import brought."""

    id: UUID
    first_name: str
    phone: str
    email: str | None
    student_code: str
    library_id: UUID


class KnownPhone(BaseModel):
    """A number that is some student's."""

    phone: str


class Gone(BaseModel):
    """Somebody who was removed."""

    id: UUID


class Reference(BaseModel):
    """A table, and its column that names a student."""

    name: str
    column: str


class LineOfFile(BaseModel):
    """A line of the file that is imported."""

    line: int


class ImportFileDuplicate(Conflict):
    """This very file was imported before."""

    code = "import_file_duplicate"
    fix = "Repeat with force=true if that is what you want; known phone numbers are refused row by row either way."


class ImportFileInvalid(RuleViolated):
    """The file cannot be read."""

    code = "import_file_invalid"


class RowsInvalid(RuleViolated):
    """Rows are invalid, and with atomic=true that refuses the file."""

    code = "row_invalid"


class Stayed(Model):
    """Somebody whom the import brought and who is left alone, with why."""

    student_id: UUID
    student_code: str
    name: str
    why: Literal["changed", "used"]


class Rollback(Model):
    """What came of taking an import back: how many went, how many stayed, and the first thousand of those."""

    job_id: UUID
    removed: int
    kept: int
    stayed: list[Stayed]
