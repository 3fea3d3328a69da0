"""The steps of a library's first day: what is asked, and every field that is promised in the answer."""

from __future__ import annotations

import io
import re
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

from local.story import Answer, Day, NotAsPromised, Step, equal, members

INDIA = ZoneInfo("Asia/Kolkata")
PASSWORD = "A-quiet-place-2026"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
PRICE_PAISE = 4000
HOURS = 2
REFUND_PAISE = 1000


def _tokens(answer: Answer, day: Day, who: str) -> None:
    """Signed in: keep the tokens under the person's name."""
    data = answer.has("user", "accessToken", "refreshToken", "expiresIn")
    members(data["user"], "id", "email", "userType", "roles", "permissions")
    equal(data["expiresIn"], 900, "expiresIn")
    day.known |= {who: data["accessToken"], f"{who}User": data["user"]}


def set_the_stage(day: Day) -> None:
    """Room for many requests, and ten o'clock in the morning."""
    day.ask("PUT", "/sandbox/limits", {"factor": 1000})
    now = datetime.fromisoformat(day.ask("GET", "/sandbox/clock").has("now")["now"]).astimezone(INDIA)
    ten = now.replace(hour=10, minute=0, second=0, microsecond=0)
    ten += timedelta(days=1) if ten <= now else timedelta()
    day.ask("POST", "/sandbox/clock", {"now": ten.isoformat()})
    mark = secrets.token_hex(4)
    day.known |= {"mark": mark, "ownerMail": f"owner-{mark}@example.org", "ten": ten.astimezone(UTC)}
    day.known["phones"] = [f"+91{9_000_000_000 + secrets.randbelow(900_000_000)}" for _ in range(4)]


def operator_signs_in(day: Day) -> None:
    """The operator signs in."""
    who = {"email": day.admin["email"], "password": day.admin["password"]}
    _tokens(day.ask("POST", "/auth/admin/login", who), day, "operator")
    equal(day["operatorUser"]["userType"], "platform_admin", "userType")


def operator_creates_a_tenant(day: Day) -> None:
    """The operator creates a tenant, which is active within seconds."""
    wanted = {"name": f"Story {day['mark']}", "email": day["ownerMail"], "isolation": day.isolation}
    made = day.ask("POST", "/tenants", wanted, status=202, token="operator")
    data = made.has("id", "name", "slug", "status", "isolation")
    equal((data["status"], data["isolation"]), ("provisioning", day.isolation), "status and isolation")
    day.known["tenant"] = data["id"]

    def active() -> bool:
        return bool(day.ask("GET", f"/tenants/{data['id']}", token="operator").has("status")["status"] == "active")

    day.until(active, "the tenant's status is active")


def another_owner_signs_up(day: Day) -> None:
    """Another owner signs up by herself and gets a mail."""
    email = f"walk-in-{day['mark']}@example.org"
    wanted = {"accountType": "owner", "email": email, "password": PASSWORD, "name": "Owner",
              "tenantName": f"Walk-in {day['mark']}"}  # fmt: skip
    data = day.ask("POST", "/auth/register", wanted, status=201).has("user", "tenant")
    members(data["tenant"], "id", "slug", "status")
    day.mail(email)


def owner_accepts_and_signs_in(day: Day) -> None:
    """The owner follows her invitation and signs in."""
    message = day.mail(day["ownerMail"])
    token = members(members(message, "variables")["variables"], "token")["token"]
    day.ask("POST", f"/auth/invitations/{token}/accept", {"password": PASSWORD})
    _tokens(day.ask("POST", "/auth/login", {"email": day["ownerMail"], "password": PASSWORD}), day, "owner")
    equal(members(day["ownerUser"], "tenantId")["tenantId"], day["tenant"], "user.tenantId")


def a_library(day: Day) -> None:
    """She sets up a library."""
    wanted = {
        "name": "Central", "code": f"C{day['mark'][:5]}".upper(), "city": "Pune", "state": "Maharashtra",
        "pincode": "411001", "latitude": 18.5204, "longitude": 73.8567, "openingTime": "06:00", "closingTime": "23:00",
    }  # fmt: skip
    data = day.ask("POST", "/libraries", wanted, status=201, token="owner").has("id", "totalSeats")
    equal(data["totalSeats"], 0, "totalSeats")
    day.known["library"] = data["id"]


def seats(day: Day) -> None:
    """Twenty seats in a silent zone."""
    wanted = {"zone": "Silent", "rows": 4, "columns": 5, "prefix": "A"}
    data = day.ask("POST", f"/libraries/{day['library']}/seats", wanted, status=201, token="owner").data
    equal(len(data), 20, "seats")
    first = members(data[0], "id", "code", "zoneId")
    equal(first["code"], "A-01", "the first seat's code")


def a_fee_plan(day: Day) -> None:
    """A price by the hour."""
    wanted = {"name": "Hourly", "kind": "hourly", "pricePaise": PRICE_PAISE, "libraryIds": [day["library"]]}
    data = day.ask("POST", "/fee-plans", wanted, status=201, token="owner").has("id", "version")
    equal(data["version"], 1, "version")
    day.known["plan"] = data["id"]


def students_from_a_spreadsheet(day: Day) -> None:
    """Students come from a spreadsheet: first tried, then imported."""
    _, one, two, three = day["phones"]
    rows = [("Student Name", "Mobile No", "Shoe size"), ("Student One", one, 38), ("Student Two", two, 41),
            ("Student Three", three, 40), ("Student Four", "12", 39)]  # fmt: skip
    text = "\n".join(",".join(map(str, row)) for row in rows).encode()
    where = f"/students/bulk-import?libraryId={day['library']}"
    tried = day.ask("POST", f"{where}&dryRun=true", text, token="owner", Content_Type="text/csv")
    data = tried.has("rows", "valid", "invalid", "errors")
    equal((data["rows"], data["valid"], data["invalid"]), (4, 3, 1), "rows, valid, invalid")
    fault = members(data["errors"][0], "line", "field", "code", "message")
    equal((fault["line"], fault["field"], fault["code"]), (5, "phone", "invalid"), "the fault")
    done = day.ask("POST", where, _sheet(rows[:-1]), token="owner", Content_Type=XLSX)
    equal(done.has("jobId", "imported")["imported"], 3, "imported")


def _sheet(rows: Sequence[Sequence[object]]) -> bytes:
    from openpyxl import Workbook

    book, out = Workbook(), io.BytesIO()
    for row in rows:
        book.active.append(row)
    book.save(out)
    return out.getvalue()


def one_student(day: Day) -> None:
    """One more student is enrolled at the desk."""
    wanted = {"firstName": "Student", "phone": day["phones"][0], "libraryId": day["library"]}
    data = day.ask("POST", "/students", wanted, status=201, token="owner").has("id", "studentCode", "status")
    equal(data["status"], "active", "status")
    day.known["studentId"] = data["id"]
    listed = day.ask("GET", f"/students?libraryId={day['library']}", token="owner").data
    equal(len(listed), 4, "students")
    day.known["otherStudent"] = next(s["id"] for s in listed if s["id"] != data["id"])


def student_signs_in_by_code(day: Day) -> None:
    """The student asks for a code and signs in with it."""
    phone = day["phones"][0]
    asked = day.ask("POST", "/auth/otp/request", {"phone": phone}, status=202, X_Tenant_Id=day["tenant"])
    equal(asked.has("expiresIn")["expiresIn"], 300, "expiresIn")
    message = day.mail(phone, "otp_login")
    code = message.get("variables", {}).get("code") or re.findall(r"\b\d{6}\b", message["body"])[0]
    proof = {"phone": phone, "code": code}
    _tokens(day.ask("POST", "/auth/otp/verify", proof, X_Tenant_Id=day["tenant"]), day, "student")
    equal(day["studentUser"]["userType"], "student", "userType")


def what_is_free(day: Day) -> None:
    """She looks at what is free for the next two hours."""
    now = datetime.fromisoformat(day.ask("GET", "/sandbox/clock").data["now"])
    start = now.replace(second=0, microsecond=0) + timedelta(minutes=1)
    day.known |= {"start": _z(start), "end": _z(start + timedelta(hours=HOURS))}
    where = f"libraryId={day['library']}&from={day['start']}&to={day['end']}"
    data = day.ask("GET", f"/bookings/availability?{where}", token="student").has("seats", "free")
    equal(data["free"], 20, "free")
    seat = members(data["seats"][0], "seatId", "code", "free")
    equal(seat["free"], True, "the first seat's free")
    day.known["seat"] = seat["seatId"]


def _z(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def hold_a_seat(day: Day) -> None:
    """She holds a seat; who comes second is told what else is free."""
    wanted = {"libraryId": day["library"], "seatId": day["seat"], "startAt": day["start"], "endAt": day["end"],
              "feePlanId": day["plan"]}  # fmt: skip
    data = day.ask("POST", "/bookings", wanted, status=201, token="student").has(
        "id", "seatId", "status", "amountPaise", "holdExpiresAt"
    )
    equal((data["status"], data["seatId"]), ("held", day["seat"]), "status and seat")
    equal(data["amountPaise"], PRICE_PAISE * HOURS, "amountPaise")
    day.known["booking"] = data["id"]
    late = wanted | {"studentId": day["otherStudent"]}
    lost = day.ask("POST", "/bookings", late, status=409, token="owner")
    equal(lost.body["code"], "seat_taken", "code")
    equal(bool(members(lost.body, "alternatives")["alternatives"]), True, "alternatives")


def pay(day: Day) -> None:
    """She pays through the gateway that is cheapest."""
    day.known["balance"] = _wallet(day)["balance"]
    wanted = {"purpose": "booking", "purposeId": day["booking"], "gateway": "auto"}
    made = day.ask("POST", "/payments/create", wanted, status=201, token="student", Idempotency_Key=str(uuid4()))
    data = made.has("id", "status", "amountPaise", "currency", "gateway", "gatewayOrderId", "checkout", "routing",
                    "expiresAt")  # fmt: skip
    equal((data["status"], data["currency"]), ("created", "INR"), "status and currency")
    equal(data["amountPaise"], PRICE_PAISE * HOURS, "amountPaise")
    members(data["routing"], "reason", "feePaise", "candidates")
    day.known |= {"payment": data["id"], "order": data["gatewayOrderId"]}


def the_customer_pays_and_the_app_confirms(day: Day) -> None:
    """At the gateway's page she pays; the app hands the callback over."""
    callback = day.ask("POST", f"/sandbox/payments/{day['order']}/pay", {"outcome": "success"}).data
    proof = {"paymentId": day["payment"], "callback": callback}
    data = day.ask("POST", "/payments/verify", proof, token="student").has("id", "status")
    equal((data["id"], data["status"]), (day["payment"], "captured"), "id and status")


def booking_is_confirmed(day: Day) -> None:
    """The booking is confirmed."""
    data = day.ask("GET", f"/bookings/{day['booking']}", token="student").has("status", "paymentId")
    equal((data["status"], data["paymentId"]), ("confirmed", day["payment"]), "status and paymentId")


def receipt_left(day: Day) -> None:
    """A receipt left by SMS, and the wallet is one segment lower."""
    day.mail(day["phones"][0], "payment_receipt")

    def settled() -> bool:
        wallet = _wallet(day)
        return bool(wallet["balance"] == day["balance"] - 1 and not wallet["reserved"])

    day.until(settled, "the wallet is one segment lower")


def _wallet(day: Day) -> dict[str, int]:
    sms: dict[str, int] = members(
        day.ask("GET", "/credits/wallet", token="owner").has("sms")["sms"], "balance", "reserved"
    )
    return sms


def scan_in(day: Day) -> None:
    """At the door she scans the library's code."""
    shown = day.ask("GET", f"/attendance/qr?libraryId={day['library']}", token="owner").has("code", "expiresAt")
    data = day.ask("POST", "/attendance/scan", {"code": shown["code"]}, token="student").has(
        "decision", "direction", "attendanceId"
    )
    equal((data["decision"], data["direction"]), ("allow", "in"), "decision and direction")


def who_is_in(day: Day) -> None:
    """The owner sees who is in."""
    data = day.ask("GET", "/libraries/realtime-occupancy", token="owner").data
    mine = next((entry for entry in data if entry.get("libraryId") == day["library"]), None)
    told = members(mine, "libraryId", "capacity", "present", "booked", "allotted", "free", "asOf", "zones")
    equal((told["capacity"], told["present"]), (20, 1), "capacity and present")


def refund(day: Day) -> None:
    """Ten rupees go back."""
    wanted = {"amountPaise": REFUND_PAISE, "reason": "The lamp was broken"}
    made = day.ask(
        "POST", f"/payments/{day['payment']}/refund", wanted, status=201, token="owner", Idempotency_Key=str(uuid4())
    )
    data = made.has("id", "status", "amountPaise")
    equal(data["status"] in ("pending", "succeeded"), True, f"status {data['status']}")
    equal(data["amountPaise"], REFUND_PAISE, "amountPaise")


def the_ledger_agrees(day: Day) -> None:
    """The payment's timeline tells it all, in order."""
    promised = {"created", "attempt", "webhook", "captured", "ledger", "refund"}

    def told() -> bool:
        entries = day.ask("GET", f"/payments/{day['payment']}/timeline", token="owner").data
        for entry in entries:
            members(entry, "at", "kind")
        moments = [datetime.fromisoformat(entry["at"]) for entry in entries]
        if moments != sorted(moments):
            raise NotAsPromised("the timeline is not in order")
        return promised <= {entry["kind"] for entry in entries}

    day.until(told, f"the timeline shows {', '.join(sorted(promised))}")


def sign_out(day: Day) -> None:
    """She signs out, and her token is worth nothing at once."""
    day.ask("POST", "/auth/logout", status=204, token="student")
    refused = day.ask("GET", f"/bookings/{day['booking']}", status=401, token="student")
    equal(refused.body["code"], "token_revoked", "code")


STEPS: list[Step] = [
    *(set_the_stage, operator_signs_in, operator_creates_a_tenant, another_owner_signs_up, owner_accepts_and_signs_in),
    *(a_library, seats, a_fee_plan, students_from_a_spreadsheet, one_student, student_signs_in_by_code),
    *(what_is_free, hold_a_seat, pay, the_customer_pays_and_the_app_confirms, booking_is_confirmed, receipt_left),
    *(scan_in, who_is_in, refund, the_ledger_agrees, sign_out),
]
