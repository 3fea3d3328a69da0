"""What is explored: each bounds how often things may happen, and then everything happens in every order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Scenario:
    """`may` happen so often, `at_once` operations at most under way together, after what happened `before`."""

    name: str
    may: Mapping[str, int]
    at_once: int = 2
    before: tuple[str, ...] = field(default=())
    everywhere: bool = False
    """All processes die in every state, and what works by itself goes on from there."""


BOUGHT = ("create", "pay", "lose", "verify")
SHORT = (
    Scenario("a callback and a webhook", {"create": 1, "pay": 1, "verify": 1, "webhook": 1}),
    Scenario("a declined try, and another", {"create": 2, "decline": 1, "pay": 1, "webhook": 1}),
    Scenario("an answer is lost", {"create": 1, "fault": 1, "pay": 1}),
)
FULL = (
    Scenario("every process dies anywhere", {"create": 1, "pay": 1, "verify": 1, "webhook": 1, "command": 1},
             everywhere=True),
    Scenario("two clients and a cancellation", {"create": 2, "pay": 1, "cancel": 1, "webhook": 1, "command": 1}),
    Scenario("two payments are paid", {"create": 2, "pay": 2, "cancel": 1, "verify": 1}),
    Scenario("declined, tried again, both come in", {"create": 2, "decline": 1, "pay": 2, "webhook": 2}),
    Scenario("declined, retried, both come in", {"decline": 1, "retry": 1, "pay": 2, "webhook": 2, "command": 1},
             before=("create",)),
    Scenario("expired, and retried while the first is paid", {"expiry": 1, "retry": 1, "pay": 2, "command": 1},
             before=("create",)),
    Scenario("two answers are lost", {"create": 2, "fault": 2, "pay": 1}),
    Scenario("an answer is lost and looked up", {"create": 1, "fault": 1, "pay": 1, "command": 1}, everywhere=True),
    Scenario("the gateway is silent when asked", {"verify": 1, "sync": 1, "fault": 1, "webhook": 1},
             before=("create", "pay"), everywhere=True),
    Scenario("time runs out", {"create": 1, "pay": 1, "expiry": 1, "webhook": 1, "command": 1}),
    Scenario("expired, paid late, and paid again", {"create": 2, "expiry": 1, "pay": 2, "webhook": 1}),
    Scenario("the poller", {"verify": 1, "tick": 2, "command": 2, "lose": 1}, before=("create", "pay")),
    Scenario("webhooks twice and in any order", {"webhook": 3, "twice": 1, "command": 1, "verify": 1},
             before=("create", "pay")),
    Scenario("refunds, whole and in part", {"refund_part": 2, "refund_all": 1, "webhook": 1, "command": 1, "fault": 1},
             before=BOUGHT),
    Scenario("a refund dies anywhere", {"refund_part": 1, "webhook": 1, "fault": 1, "tick": 1, "command": 1},
             before=BOUGHT, everywhere=True),
    Scenario("three at once", {"verify": 1, "webhook": 1, "sync": 1, "cancel": 1}, at_once=3, before=("create", "pay")),
)  # fmt: skip
