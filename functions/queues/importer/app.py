"""Works off student imports of more than 500 rows: the queue `imports`, each file once."""

from __future__ import annotations

from uuid import UUID

from studyspot.kit import cells
from studyspot.kit.db import Db
from studyspot.kit.queues import Task, consumer
from studyspot.students import importing


@consumer
def handler(db: Db, task: Task) -> None:
    with cells.core_db() as core:
        importing.work_off(db, core, UUID(task.payload["jobId"]))
    task.done(db)
