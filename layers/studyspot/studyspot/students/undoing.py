"""An import taken back: whom it brought and nobody has touched since goes, the others are named and stay."""

from __future__ import annotations

from uuid import UUID

from studyspot.identity import service as identity
from studyspot.kit import audit, outbox
from studyspot.kit.db import Db
from studyspot.kit.errors import StateConflict
from studyspot.students.models import Rollback
from studyspot.students.queries import imports

SHOWN = 1_000


def roll_back(db: Db, core: Db, job_id: UUID) -> Rollback:
    """Repeated, it removes nobody twice; what came of the import may be imported again."""
    with db.transaction():
        job = imports.job(db, job_id, "FOR UPDATE")
        if job.status != "done":
            raise StateConflict(f"the import is {job.status}")
        gone = imports.remove_untouched(db, job)
        kept = imports.touched(db, job)
        imports.rolled_back(db, job_id)
        outbox.emit(db, "student.import_rolled_back", job_id, {"removed": len(gone), "kept": len(kept)})
        audit.note(db, "students.import_rollback", "jobs", job_id, after={"removed": len(gone), "kept": len(kept)})
        identity.forget(core, db.tenant, gone)
    return Rollback(job_id=job_id, removed=len(gone), kept=len(kept), stayed=kept[:SHOWN])
