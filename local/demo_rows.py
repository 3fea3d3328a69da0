"""A library business of some size as rows: places, plans, people, and two months of what they did and paid."""

import os
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from studyspot.bookings.models import Policy
from studyspot.ledger.models import BANK, GATEWAY_FEES, GST_INPUT, receivable, revenue

INDIA = ZoneInfo("Asia/Kolkata")
HOURLY_PAISE = 2000
MONTHLY_PAISE = 150_000
SLOTS = (time(9), time(14))
SLOT_HOURS = 4
FEES = {"cashfree": (150, 300), "razorpay": (200, 0)}
"""Basis points and fixed paise, as the fee rows of the schema have them."""

Row = tuple[object, ...]


@dataclass(frozen=True)
class Size:
    """How large the world is; `days` of history, `seats` and `students` in all."""

    libraries: int
    seats: int
    students: int
    days: int
    busy: int
    """Seats taken in every slot."""


@dataclass
class Tables:
    """Rows by table, in the order in which foreign keys allow them in."""

    rows: dict[str, tuple[str, list[Row]]] = field(default_factory=dict)

    def add(self, table: str, columns: str, rows: Iterable[Row]) -> None:
        self.rows.setdefault(table, (columns, []))[1].extend(rows)


def id_at(moment: datetime) -> UUID:
    """A UUID version 7 of that moment."""
    millis = int(moment.timestamp() * 1000)
    noise = int.from_bytes(os.urandom(10), "big") & ((1 << 74) - 1)
    return UUID(int=(millis << 80) | (0x7 << 76) | ((noise >> 62) << 64) | (0b10 << 62) | (noise & ((1 << 62) - 1)))


class Business:
    """Makes the rows; `chance` is seeded, so that every demo world looks the same."""

    def __init__(self, size: Size, now: datetime, phones_from: int) -> None:
        self.size = size
        self.now = now
        self.founded = now - timedelta(days=size.days + 5)
        self.tables = Tables()
        self.chance = random.Random(size.students)
        self.policy = Policy().written()
        self._phones_from = phones_from
        self.libraries = [id_at(self.founded) for _ in range(size.libraries)]
        self.seats: list[tuple[UUID, UUID]] = []
        self.students: list[tuple[UUID, str]] = []
        self.paid_out: dict[tuple[str, date], list[tuple[Row, int, int, int]]] = {}
        self.hourly, self.monthly = id_at(self.founded), id_at(self.founded)
        self._places()
        self._plans()
        self._people()
        self._memberships()
        self._history()
        self._tomorrow()
        self._payouts()

    def _places(self) -> None:
        made = self.founded
        each = self.size.seats // self.size.libraries
        for number, library in enumerate(self.libraries, 1):
            name = f"Reading Hall {number}"
            place = (name, f"RH{number}", "Pune", "Maharashtra", f"41100{number}", 18.52 + number / 100, 73.85)
            row: Row = (library, *place, each, time(6), time(23), made, made)
            columns = "id,name,code,city,state,pincode,latitude,longitude,total_seats,opening_time,closing_time"
            self.tables.add("libraries", f"{columns},created_at,updated_at", [row])
            zone = id_at(made)
            row = (zone, library, "Silent", "silent", made, made)
            self.tables.add("zones", "id,library_id,name,kind,created_at,updated_at", [row])
            seats = [id_at(made) for _ in range(each)]
            self.seats += [(seat, library) for seat in seats]
            columns = "id,library_id,zone_id,code,row_no,column_no,created_at,updated_at"
            numbered = [(seat, *divmod(place, 8)) for place, seat in enumerate(seats)]
            self.tables.add(
                "seats",
                columns,
                [(s, library, zone, f"{chr(65 + r)}-{c + 1:02d}", r + 1, c + 1, made, made) for s, r, c in numbered],
            )

    def _plans(self) -> None:
        made = self.founded
        for plan, kind, name, price, policy in (
            (self.hourly, "hourly", "By the hour", HOURLY_PAISE, "any"),
            (self.monthly, "monthly", "Monthly", MONTHLY_PAISE, "flexi"),
        ):
            self.tables.add("fee_plans", "id,kind,created_at,updated_at", [(plan, kind, made, made)])
            terms = (plan, 1, name, price, True, 18, 0, 0, policy, 3, made)
            columns = "fee_plan_id,version,name,price_paise,tax_included,gst_rate,registration_fee_paise,deposit_paise"
            self.tables.add("fee_plan_versions", f"{columns},seat_policy,grace_days,created_at", [terms])

    def _people(self) -> None:
        rows: list[Row] = []
        for number in range(1, self.size.students + 1):
            made = self.founded + timedelta(minutes=number)
            student, phone = id_at(made), f"+91{self._phones_from + number}"
            self.students.append((student, phone))
            library = self.libraries[number % len(self.libraries)]
            rows.append((student, library, f"S-{number:05d}", "Student", f"{number:03d}", phone, "active", made, made))
        columns = "id,library_id,student_code,first_name,last_name,phone,status,created_at,updated_at"
        self.tables.add("students", columns, rows)
        self.tables.add("student_numbers", "last", [(self.size.students,)])

    def _memberships(self) -> None:
        """Three of five students are members, their months spread over the last thirty days."""
        columns = "id,student_id,library_id,fee_plan_id,fee_plan_version,start_date,end_date,price_paise,status"
        for number, (student, phone) in enumerate(self.students):
            if number % 5 > 2:
                continue
            began = self.now - timedelta(days=number % 30, hours=1)
            membership, start = id_at(began), began.astimezone(INDIA).date()
            payment = self._paid(student, phone, "membership", membership, MONTHLY_PAISE, began)
            terms = (start, start + timedelta(days=30), MONTHLY_PAISE, "active", payment, began, began)
            row = (membership, student, self.libraries[number % len(self.libraries)], self.monthly, 1, *terms)
            self.tables.add("memberships", f"{columns},payment_id,created_at,updated_at", [row])

    def _history(self) -> None:
        today = self.now.astimezone(INDIA).date()
        for back in range(self.size.days, 0, -1):
            for slot in SLOTS:
                start = datetime.combine(today - timedelta(days=back), slot, INDIA).astimezone(UTC)
                for (seat, library), (student, phone) in self._crowd():
                    self._visit(seat, library, student, phone, start)

    def _crowd(self) -> Iterator[tuple[tuple[UUID, UUID], tuple[UUID, str]]]:
        seats = self.chance.sample(self.seats, self.size.busy)
        return zip(seats, self.chance.sample(self.students, self.size.busy), strict=True)

    def _visit(self, seat: UUID, library: UUID, student: UUID, phone: str, start: datetime) -> None:
        end = start + timedelta(hours=SLOT_HOURS)
        booked = start - timedelta(hours=self.chance.randint(2, 48))
        came = self.chance.random() < 0.93
        booking = self._booking(seat, library, student, phone, start, "completed" if came else "no_show", booked)
        if not came:
            return
        arrived = start + timedelta(minutes=self.chance.randint(0, 14))
        left = end - timedelta(minutes=self.chance.randint(0, 40))
        columns = "id,student_id,library_id,booking_id,seat_id,check_in_at,check_out_at,method,created_at"
        row = (id_at(arrived), student, library, booking, seat, arrived, left, "qr", arrived)
        self.tables.add("attendance", columns, [row])

    def _tomorrow(self) -> None:
        """Seats already sold for tomorrow morning, with their claims."""
        day = self.now.astimezone(INDIA).date() + timedelta(days=1)
        start = datetime.combine(day, SLOTS[0], INDIA).astimezone(UTC)
        end = start + timedelta(hours=SLOT_HOURS)
        for (seat, library), (student, phone) in self._crowd():
            booked = self.now - timedelta(hours=1)
            booking = self._booking(seat, library, student, phone, start, "confirmed", booked)
            claim = (booking, seat, f"[{start.isoformat()},{end.isoformat()})", "booking", booking)
            self.tables.add("seat_occupancy", "id,seat_id,during,kind,source_id", [claim])

    def _booking(
        self, seat: UUID, library: UUID, student: UUID, phone: str, start: datetime, status: str, booked: datetime
    ) -> UUID:
        booking, amount = id_at(booked), HOURLY_PAISE * SLOT_HOURS
        payment = self._paid(student, phone, "booking", booking, amount, booked)
        end = start + timedelta(hours=SLOT_HOURS)
        changed = end if end < self.now else booked
        row = (booking, student, library, seat, start, end, status, payment, self.hourly, amount, self.policy)
        columns = "id,student_id,library_id,seat_id,start_at,end_at,status,payment_id,fee_plan_id,amount_paise,policy"
        self.tables.add("bookings", f"{columns},created_by,created_at,updated_at", [(*row, student, booked, changed)])
        return booking

    def _paid(self, student: UUID, phone: str, purpose: str, about: UUID, amount: int, opened: datetime) -> UUID:
        """A captured payment with its capture and what the ledger says of it."""
        gateway = self.chance.choice(("cashfree", "razorpay"))
        basis_points, fixed = FEES[gateway]
        fee = (amount * basis_points + 5000) // 10_000 + fixed
        tax = (fee * 18 + 50) // 100
        payment, at = id_at(opened), opened + timedelta(minutes=1)
        order, vendor_id = f"demo_order_{payment.hex}", f"demo_pay_{payment.hex}"
        settled = at + timedelta(days=2)
        row: Row = (payment, student, purpose, about, amount, gateway, order, vendor_id, "upi", "captured", fee + tax)
        more = (opened, at, purpose.capitalize(), phone, opened + timedelta(minutes=15), amount, at, at)
        columns = (
            "id,student_id,purpose,purpose_id,amount_paise,gateway,gateway_order_id,gateway_payment_id,method,status"
        )
        columns += ",fee_paise,created_at,updated_at,description,payer_phone,expires_at,captured_paise,captured_at"
        self.tables.add(
            "payments",
            f"{columns},activated_at,settled_at",
            [(*row, *more, settled if settled < self.now else None)],
        )
        capture = id_at(at)
        row = (capture, payment, gateway, order, vendor_id, amount, fee + tax, tax, True, False, at, at)
        columns = "id,payment_id,gateway,gateway_order_id,gateway_payment_id,amount_paise,fee_paise,tax_paise,fee_known"
        self.tables.add("payment_captures", f"{columns},surplus,captured_at,created_at", [row])
        if settled < self.now:
            told: Row = (payment, capture, vendor_id, order)
            self.paid_out.setdefault((gateway, settled.astimezone(INDIA).date()), []).append((told, amount, fee, tax))
        lines = [(receivable(gateway), amount - fee - tax), (GATEWAY_FEES, fee), (GST_INPUT, tax)]
        self._booked("capture", capture, f"{purpose} paid", [*lines, (revenue(purpose), -amount)], at)
        return payment

    def _payouts(self) -> None:
        """What the gateways have paid out by now, a transfer a day."""
        for (gateway, day), sold in sorted(self.paid_out.items()):
            at = min(datetime.combine(day, time(12), INDIA), self.now)
            settlement, name = id_at(at), f"setl_demo_{day:%Y%m%d}"
            columns = "id,gateway,gateway_settlement_id,utr,settled_on,source,created_at"
            row: Row = (settlement, gateway, name, f"DEMO{day:%Y%m%d}", day, "api", at)
            self.tables.add("settlements", columns, [row])
            for (payment, capture, vendor_id, order), amount, fee, tax in sold:
                line, net = id_at(at), amount - fee - tax
                row = (line, settlement, gateway, "payment", vendor_id, 1, "counted", payment, capture, order, "INR")
                columns = (
                    "id,settlement_id,gateway,kind,entity_id,occurrence,standing,payment_id,capture_id,"
                    "gateway_order_id,currency,gross_paise,fee_paise,gst_paise,net_paise,expected_gross_paise,"
                    "expected_fee_paise,expected_gst_paise,due_on,created_at"
                )
                figures = (amount, fee, tax, net, amount, fee, tax, day, at)
                self.tables.add("settlement_lines", columns, [(*row, *figures)])
                booked = [(BANK, net), (receivable(gateway), -net)]
                self._booked("settlement", line, "Paid out by the gateway", booked, at)

    def _booked(self, kind: str, about: UUID, words: str, lines: list[tuple[str, int]], at: datetime) -> None:
        entry = id_at(at)
        columns = "id,kind,reference_id,description,created_at"
        self.tables.add("ledger_transactions", columns, [(entry, kind, about, words, at)])
        columns = "id,transaction_id,account,amount_paise,created_at"
        self.tables.add("ledger_entries", columns, [(id_at(at), entry, *line, at) for line in lines])
