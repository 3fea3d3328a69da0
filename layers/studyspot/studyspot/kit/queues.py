"""Queue consumers: at-least-once delivery in, exactly one effect out, failed messages alone come back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from studyspot.kit import cells, clock, connections, log
from studyspot.kit.db import Db

DONE = "UPDATE outbox SET done_at = %(now)s WHERE id = %(id)s AND done_at IS NULL"
OPEN = "SELECT done_at IS NULL FROM outbox WHERE id = %(id)s"


@dataclass(frozen=True)
class Task:
    """One command, known by the outbox row it came from."""

    id: UUID
    tenant_id: UUID
    payload: dict[str, Any]

    @classmethod
    def of(cls, message: dict[str, Any]) -> Task:
        payload = {k: v for k, v in message.items() if k not in ("outboxId", "tenantId")}
        return cls(UUID(message["outboxId"]), UUID(message["tenantId"]), payload)

    def open(self, db: Db) -> bool:
        """Has it had no effect yet? A cheap look before any work."""
        return bool(db.value(OPEN, id=self.id))

    def done(self, db: Db) -> bool:
        """Record the effect, in the transaction of the effect. False: another delivery was first, so undo yours."""
        return db.run(DONE, id=self.id, now=clock.now()) == 1

    def done_later(self, db: Db) -> None:
        """The same, going out with COMMIT, where the effect itself tells a duplicate."""
        db.later(DONE, id=self.id, now=clock.now())


def consumer(work: Callable[[Db, Task], None]) -> Callable[[dict[str, Any], Any], Any]:
    """A Lambda handler that gives each message to `work` with its tenant's handle, committed when it returns."""
    processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)

    def one(record: SQSRecord) -> None:
        task = Task.of(record.json_body)
        try:
            with cells.tenant_db(task.tenant_id) as db:
                if task.open(db):
                    work(db, task)
        except Exception as error:
            log.error("message_failed", task=task.id, tenantId=task.tenant_id, error=repr(error))
            raise

    def handler(event: dict[str, Any], context: Any) -> Any:
        connections.settle()
        return process_partial_response(event=event, record_handler=one, processor=processor, context=context)

    return handler
