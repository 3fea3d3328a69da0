"""payment-settler - stored webhooks become settled payments, and what could not be finished is finished."""

from __future__ import annotations

from uuid import UUID

from studyspot.fulfilment import service
from studyspot.kit.db import Db
from studyspot.kit.queues import Task, consumer
from studyspot.settlements import service as settlements


@consumer
def handler(db: Db, task: Task) -> None:
    if "eventId" in task.payload:
        service.process(db, UUID(task.payload["eventId"]))
    elif "refundOf" in task.payload:
        service.give_back(db, UUID(task.payload["refundOf"]), task.payload["reason"])
    elif "reconcile" in task.payload:
        settlements.carry_out(db, UUID(task.payload["reconcile"]))
    else:
        service.complete(db, UUID(task.payload["paymentId"]))
    task.done_later(db)
