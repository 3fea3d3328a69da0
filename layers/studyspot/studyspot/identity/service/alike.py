"""The same work for people we do not know, so that no answer's time tells them apart."""

from __future__ import annotations

from collections.abc import Callable

from studyspot.kit import outbox
from studyspot.kit.db import Db
from studyspot.kit.queues import Task


def tell(db: Db, queue: str, known: bool, message: Callable[[], None]) -> None:
    """Have somebody told something; for nobody the same is done, taken back, and a command sent that is done already.

    The consumer drops such a command unread (`Task.open`). Inside the caller's transaction, before anything that
    must last: what nobody was told rolls back all that was done so far.
    """
    message()
    if not known:
        db.rollback()
        Task(outbox.send(db, queue, {}), db.tenant, {}).done_later(db)
