"""A library of the demo world with its owner: seats and times that nobody has asked for yet, and paying for them."""

import threading
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from local.proofs.people import Answer, Person, Sandbox

INDIA = ZoneInfo("Asia/Kolkata")
FIRST_DAY = 2
"""From today: tomorrow's seats are partly sold in the demo world."""
HOURS = 2


class Library:
    """Each `wish` is for another seat or day than all before, so that callers meet only where they mean to.

    The student `apart` is left to book by herself.
    """

    def __init__(self, url: str, owner: Person, apart: str) -> None:
        self.sandbox = Sandbox(url)
        self.owner = owner
        self.id = owner.ask("GET", "/libraries").must(200)[0]["id"]
        plans = owner.ask("GET", "/fee-plans").must(200)
        self.plan = next(plan for plan in plans if plan["kind"] == "hourly")
        self.seats = [seat["seatId"] for seat in self._available()]
        enrolled = owner.ask("GET", "/students?limit=200").must(200)
        self.students = [each["id"] for each in enrolled if each["id"] != apart]
        self._numbers = count()
        self._drawing = threading.Lock()

    @property
    def price_paise(self) -> int:
        """What each wish costs."""
        return int(self.plan["pricePaise"]) * HOURS

    def now(self) -> datetime:
        """The product's time."""
        return datetime.fromisoformat(self.sandbox.ask("GET", "/clock").must(200)["now"])

    def at(self, day: int, hour: int) -> datetime:
        """That hour in India, `day` days from the product's today."""
        morning = self.now().astimezone(INDIA) + timedelta(days=day)
        return morning.replace(hour=hour, minute=0, second=0, microsecond=0).astimezone(UTC)

    def wish(self) -> dict[str, Any]:
        """A booking nobody else asks for, made at the desk for one of the students."""
        with self._drawing:
            number = next(self._numbers)
        start = self.at(FIRST_DAY + number // len(self.seats), 10)
        return {
            "libraryId": self.id,
            "seatId": self.seats[number % len(self.seats)],
            "startAt": _z(start),
            "endAt": _z(start + timedelta(hours=HOURS)),
            "feePlanId": self.plan["id"],
            "studentId": self.students[number % len(self.students)],
        }

    def hold(self) -> Any:
        """A new booking that waits for money."""
        return self.owner.ask("POST", "/bookings", self.wish()).must(201)

    def create(self, booking: str, key: str | None = None, payer: Person | None = None, **more: Any) -> Answer:
        """Ask for a payment of it."""
        wanted = {"purpose": "booking", "purposeId": booking, **more}
        return (payer or self.owner).ask("POST", "/payments/create", wanted, key or str(uuid4()))

    def opened(self, **more: Any) -> tuple[str, Any]:
        """A held booking and its payment, ready for the gateway's page."""
        booking = self.hold()["id"]
        return booking, self.create(booking, **more).must(201)

    def verify(self, payment: str, callback: Any) -> Answer:
        return self.owner.ask("POST", "/payments/verify", {"paymentId": payment, "callback": callback})

    def payment(self, payment: str) -> Any:
        return self.owner.ask("GET", f"/payments/{payment}").must(200)

    def booking(self, booking: str) -> Any:
        return self.owner.ask("GET", f"/bookings/{booking}").must(200)

    def kinds(self, payment: str) -> list[str]:
        """What the payment's timeline tells, in order."""
        told = self.owner.ask("GET", f"/payments/{payment}/timeline").must(200)
        return [entry["kind"] for entry in told]

    def _available(self) -> list[dict[str, Any]]:
        start = self.at(FIRST_DAY, 10)
        span = f"from={_z(start)}&to={_z(start + timedelta(hours=1))}"
        found: list[dict[str, Any]] = self.owner.ask("GET", f"/bookings/availability?libraryId={self.id}&{span}").must(
            200
        )["seats"]
        return found


def _z(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
