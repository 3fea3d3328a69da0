"""Looks at uploads nobody asked for any more, and empties quarantine: the queue `files`."""

from __future__ import annotations

from uuid import UUID

from studyspot.files import service as files
from studyspot.kit.db import Db
from studyspot.kit.queues import Task, consumer


@consumer
def handler(db: Db, task: Task) -> None:
    files.settle_upload(db, UUID(task.payload["fileId"]))
    task.done(db)
