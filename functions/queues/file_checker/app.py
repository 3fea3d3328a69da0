"""Looks at uploads whose address has lapsed, and draws the smaller pictures of images: the queue `files`."""

from __future__ import annotations

from uuid import UUID

from studyspot.files import service as files
from studyspot.kit.db import Db
from studyspot.kit.queues import Task, consumer

WORK = {"settle": files.settle_upload, "draw": files.draw}


@consumer
def handler(db: Db, task: Task) -> None:
    WORK[task.payload.get("work", "settle")](db, UUID(task.payload["fileId"]))
    task.done(db)
