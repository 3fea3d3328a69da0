"""Sends mail through Amazon SES: the queue `email`, each message once."""

from __future__ import annotations

from studyspot.gateways import ses
from studyspot.kit import settings
from studyspot.kit.db import Db
from studyspot.kit.queues import Task, consumer
from studyspot.messaging import delivery
from studyspot.messaging.models import Outgoing


@consumer
def handler(db: Db, task: Task) -> None:
    def carry(message: Outgoing, variables: dict[str, str]) -> str:
        subject, text = delivery.compose_mail(message, variables)
        tags = {"template": message.template_id, "tenant": str(db.tenant), "message": str(message.id)}
        return ses.send_email(settings.get(), message.to_address, subject, text, tags)

    delivery.carry_out(db, task, "email", carry)
