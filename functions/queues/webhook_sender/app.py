"""Sends deliveries to organisations' own endpoints: the queue `webhook-outbound`, each until accepted or given up."""

from __future__ import annotations

from studyspot.kit.queues import consumer
from studyspot.webhooks import sending

handler = consumer(sending.send)
