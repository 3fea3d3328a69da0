"""Steps of payment_failover: look_up, terminate, poll, expire, wait, refund_late, event, finish."""

from __future__ import annotations

from studyspot.fulfilment.recovery import steps

handler = steps.handler
