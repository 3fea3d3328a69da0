"""What the functions call: the use cases, each in a module of its own."""

from __future__ import annotations

from studyspot.fulfilment.inbox import BODY_LIMIT, Receipt, process, receive
from studyspot.fulfilment.paying import pay
from studyspot.fulfilment.refunding import (
    cancel,
    decide_refund,
    give_back,
    read_refund,
    refund,
    retry_refund,
    timeline_of,
)
from studyspot.fulfilment.resolving import resolve, retry
from studyspot.fulfilment.settling import settle
from studyspot.fulfilment.verifying import come_back, complete, sync, verify, visible

__all__ = [
    "BODY_LIMIT",
    "Receipt",
    "cancel",
    "come_back",
    "complete",
    "decide_refund",
    "give_back",
    "pay",
    "process",
    "read_refund",
    "receive",
    "refund",
    "resolve",
    "retry",
    "retry_refund",
    "settle",
    "sync",
    "timeline_of",
    "verify",
    "visible",
]
