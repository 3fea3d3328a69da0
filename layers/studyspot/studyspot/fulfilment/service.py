"""What the functions call: the use cases, each in a module of its own."""

from __future__ import annotations

from studyspot.fulfilment.inbox import BODY_LIMIT, Receipt, process, receive
from studyspot.fulfilment.paying import pay
from studyspot.fulfilment.refunding import cancel, give_back, refund, timeline_of
from studyspot.fulfilment.settling import settle
from studyspot.fulfilment.verifying import come_back, complete, sync, verify, visible

__all__ = [
    "BODY_LIMIT",
    "Receipt",
    "cancel",
    "come_back",
    "complete",
    "give_back",
    "pay",
    "process",
    "receive",
    "refund",
    "settle",
    "sync",
    "timeline_of",
    "verify",
    "visible",
]
