"""`make kills`: payments are made while processes die, AWS dies and PostgreSQL restarts; then the books must agree.

Function processes of the payment path are killed with SIGKILL at random moments, the AWS stand-in too, PostgreSQL is
restarted. Customers behave as customers do: they try again with the same key, or leave. Afterwards time passes, and
paid <=> active, at most one net capture, the ledger balances, every command and webhook came to its end.
"""

import argparse
import contextlib
import json
import os
import random
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from local.proofs import books
from local.proofs.people import Answer, eventually
from local.proofs.running import Running, running

PATH = (
    *("PaymentsApi", "RazorpayWebhook", "CashfreeWebhook", "PaymentSettler"),
    *("FailoverSteps", "BookingsApi", "SmsServiceSender", "MinuteSchedule"),
)
WEBHOOKS = ("normal", "normal", "duplicate", "late", "reordered", "lost")
DURABLE = {"fsync": "off"}
"""What was committed survives the death of the server's processes; only the machine itself may not fail."""
TRIES = 6
NO_ANSWER = Answer(599, {}, {})


@dataclass
class Customers:
    """So many payments, made side by side, whatever dies meanwhile."""

    up: Running
    number: int
    seed: int
    bookings: list[str] = field(default_factory=list)
    paid: set[str] = field(default_factory=set)
    told: Counter[str] = field(default_factory=Counter)

    def make(self, threads: int) -> None:
        """Returns when the last customer has left."""
        numbers, drawing = iter(range(self.number)), threading.Lock()

        def work() -> None:
            while True:
                with drawing:
                    number = next(numbers, None)
                if number is None:
                    return
                self._one(random.Random(self.seed * 10_000 + number))

        crowd = [threading.Thread(target=work) for _ in range(threads)]
        for each in crowd:
            each.start()
        for each in crowd:
            each.join()

    def wait_for(self, number: int, done: threading.Event) -> None:
        """Until so many have come, or all have left."""
        eventually(lambda: done.is_set() or len(self.bookings) >= number, f"{number} customers", 300)

    def _one(self, chance: random.Random) -> None:
        """Hold, create, pay at the gateway, hand over the callback; each may fail and is tried again."""
        held = self._insist(lambda: self.up.owner.ask("POST", "/bookings", self.up.library.wish(), str(uuid4())))
        if held.status != 201:
            return self._left("before a seat")
        booking, key = held.data["id"], str(uuid4())
        self.bookings.append(booking)
        gateway = chance.choice(("razorpay", "cashfree"))
        payment = self._insist(lambda: self.up.library.create(booking, key, gateway=gateway))
        if payment.status != 201:
            return self._left(f"before an order ({payment.code or payment.status})")
        webhook, delay = chance.choice(WEBHOOKS), chance.randrange(50, 1500)
        callback = self.up.sandbox.pay(payment.data["gatewayOrderId"], webhook=webhook, delay_ms=delay)
        self.paid.add(booking)
        if chance.random() < 0.2:
            return self._left("the app was closed after paying")
        told = self._insist(lambda: self.up.library.verify(payment.data["id"], callback))
        return self._left(f"told {told.data['status'] if told.status == 200 else told.status}")

    def _left(self, how: str) -> None:
        self.told[how] += 1

    def _insist(self, ask: Callable[[], Answer]) -> Answer:
        """As an app does: again after a failure that may be repeated, with the same key."""
        answer = NO_ANSWER
        for turn in range(TRIES):
            with contextlib.suppress(OSError, AssertionError):
                answer = ask()
            if answer.status < 500 and answer.code not in ("duplicate_request", "payment_in_progress"):
                return answer
            time.sleep(0.1 * 2**turn)
        return answer


@dataclass
class Reaper:
    """Kills something every moment until it is told to stop."""

    up: Running
    seed: int
    pause: float
    killed: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reaper")

    def __enter__(self) -> "Reaper":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        chance = random.Random(self.seed)
        while not self._over.wait(chance.uniform(0.2, 1.8) * self.pause):
            # Only those at work: a process that never gets beyond its start would prove nothing.
            pools = self.up.stage.engine.pools
            name = chance.choice([each for each in PATH if pools[each].busy] or PATH)
            pids = pools[name].pids if pools[name].busy else []
            if pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(chance.choice(pids), signal.SIGKILL)
                    self.killed[name] += 1


def restart_database(up: Running) -> None:
    """All connections break; open transactions are gone."""
    up.stage.postgres.stop()
    up.stage.postgres.start()


def recover(up: Running) -> None:
    """Time passes: everything that waits is sent again, asked again, given up or finished."""
    up.sandbox.ask("DELETE", "/faults")
    with contextlib.suppress(AssertionError):  # the vendors wait ever longer: the product must manage without
        eventually(lambda: not up.stage.simulators.pending_deliveries(), "every webhook is accepted", 15)
    for step in ("PT6M", "PT15M", "PT6M", "PT2H"):
        up.sandbox.advance(step)
        if not books.left_over(up):
            return


def survive(up: Running, payments: int, threads: int, seed: int, pause: float, outages: int) -> dict[str, Any]:
    """The whole run: faults while customers pay, recovery, the books."""
    customers = Customers(up, payments, seed)
    began = time.monotonic()
    done = threading.Event()

    def customers_come() -> None:
        customers.make(threads)
        done.set()

    # The outages happen in this thread: what it starts again would end with a shorter-lived one (`local.children`).
    with Reaper(up, seed, pause) as reaper:
        crowd = threading.Thread(target=customers_come)
        crowd.start()
        for turn in range(outages):
            customers.wait_for(payments * (turn + 1) // (outages + 1), done)
            (restart_database if turn % 2 else Running.kill_stand_in)(up)
        crowd.join()
    made = time.monotonic() - began
    recover(up)
    found = books.audit(up, customers.bookings, customers.paid)
    return {
        "payments": payments,
        "seconds": round(made, 1),
        "killed": dict(reaper.killed),
        "outages": outages,
        "customers": dict(customers.told),
        "paidAtTheGateway": len(customers.paid),
        "statuses": dict(found.statuses),
        "takenPaise": found.taken_paise,
        "webhooksUnderWay": [
            {"event": each["eventId"], "attempts": each["attempts"], "status": each["status"]}
            for each in up.stage.simulators.pending_deliveries()
        ],
        "faults": found.faults,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--payments", type=int, default=150)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10_000))
    asked = parser.parse_args()
    with running(database=DURABLE) as up:
        result = survive(up, asked.payments, threads=6, seed=asked.seed, pause=0.5, outages=4)
    print(json.dumps({"seed": asked.seed, **result}, indent=2))
    return 1 if result["faults"] else 0


if __name__ == "__main__":
    sys.exit(main())
