"""Sends SMS through MSG91: the queues `sms-otp` and `sms-service`, each message once."""

from __future__ import annotations

from studyspot.gateways.msg91 import Msg91
from studyspot.kit import settings
from studyspot.kit.db import Db
from studyspot.kit.queues import Task, consumer
from studyspot.messaging import delivery
from studyspot.messaging.models import Outgoing


def carry(message: Outgoing, variables: dict[str, str]) -> str:
    return Msg91.of(settings.get()).send(message.flow_id, message.to_address, list(variables.values()))


@consumer
def handler(db: Db, task: Task) -> None:
    delivery.carry_out(db, task, "sms", carry)
