"""What the functions of the schema raise, as states of the world."""

from __future__ import annotations

import json

import psycopg

from studyspot.kit.closed import DayLocked
from studyspot.kit.errors import (
    CapacityReached,
    DuplicateRequest,
    IdempotencyKeyReused,
    LimitReached,
    RuleViolated,
)


class Replay(Exception):
    """This Idempotency-Key was answered before; `answer` is that answer as `claim_key` tells it, in JSON."""

    def __init__(self, answer: str) -> None:
        self.answer = answer
        super().__init__("answered before")


def of_world(error: psycopg.Error) -> BaseException:
    """What it stands for; an error that is none of the schema's own comes back as it is."""
    match error.sqlstate:
        case "SK001":
            return Replay(error.diag.message_detail or "{}")
        case "SK002":
            return DuplicateRequest(headers={"Retry-After": "1"})
        case "SK003":
            return IdempotencyKeyReused()
        case "SK409":
            return CapacityReached(**json.loads(error.diag.message_detail or "{}"))
        case "SK422":
            return RuleViolated("this fee plan sells no seat of that price class")
        case "SK423":
            return DayLocked(**json.loads(error.diag.message_detail or "{}"))
        case "SK402":
            facts = json.loads(error.diag.message_detail or "{}")
            return LimitReached(f"the plan includes {facts.get('allowed')} {facts.get('limit')}", **facts)
    return error
