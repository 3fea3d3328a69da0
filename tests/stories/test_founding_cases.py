"""The founding cases of the product, each over HTTP against the running stack: 1-6, 8-11 and 13."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import psycopg
import pytest

from local.health import Stage as Examined
from local.health import examine, table
from local.proofs import signing
from local.proofs.people import Person, call, eventually
from local.proofs.running import Running


def payments_of(stack: Running, booking: str) -> list[str]:
    found = stack.rows("SELECT id, status FROM payments WHERE purpose_id = %s ORDER BY id", booking)
    return [str(row[0]) for row in found]


def orders_for(stack: Running, payment: str) -> int:
    found = stack.rows("SELECT reference FROM payment_attempts WHERE payment_id = %s", payment)
    references = {row[0] for row in found}
    return sum(order["reference"] in references for order in stack.sandbox.ask("GET", "/payments").data)


def test_1_pay_clicked_twice_is_one_payment(stack: Running) -> None:
    booking = stack.library.hold()["id"]
    first = stack.library.create(booking)
    second = stack.library.create(booking)
    assert (first.status, second.status, second.code) == (201, 409, "payment_in_progress")
    assert second.body["paymentId"] == first.data["id"]
    assert payments_of(stack, booking) == [first.data["id"]]


def test_1_the_same_click_sent_again_is_the_same_answer(stack: Running) -> None:
    booking, key = stack.library.hold()["id"], str(uuid4())
    first, again = stack.library.create(booking, key), stack.library.create(booking, key)
    assert (first.status, again.status, again.body) == (201, 201, first.body)
    assert payments_of(stack, booking) == [first.data["id"]]


def test_2_a_wrong_amount_creates_nothing(stack: Running) -> None:
    booking = stack.library.hold()["id"]
    for wrong in (1, stack.library.price_paise - 1, stack.library.price_paise + 1):
        refused = stack.library.create(booking, amountPaise=wrong)
        assert (refused.status, refused.code) == (400, "amount_mismatch")
    assert payments_of(stack, booking) == []
    assert stack.library.booking(booking)["status"] == "held"


def test_3_two_at_the_same_moment_are_one_payment_and_one_order(stack: Running) -> None:
    booking = stack.library.hold()["id"]
    with ThreadPoolExecutor(4) as clicks:
        answers = list(clicks.map(lambda _: stack.library.create(booking), range(4)))
    assert sorted(answer.status for answer in answers) == [201, 409, 409, 409]
    (payment,) = payments_of(stack, booking)
    assert orders_for(stack, payment) == 1


@pytest.mark.parametrize("vendor", ["razorpay", "cashfree"])
def test_4_a_webhook_from_elsewhere_is_refused(stack: Running, vendor: str) -> None:
    _, payment = stack.library.opened(gateway=vendor)
    event = signing.capture_of(stack.stage.secrets.keys, payment, stack.library.now())
    path = f"/api/v1/payments/webhook/{vendor}"
    refused = call(stack.url, "POST", path, event.body, headers=event.headers, source="127.0.0.2")
    assert (refused.status, refused.code) == (403, "ip_not_allowed")
    welcome = call(stack.url, "POST", path, event.body, headers=event.headers)
    assert (welcome.status, welcome.data) == (200, {"status": "accepted"})


@pytest.mark.parametrize("vendor", ["razorpay", "cashfree"])
def test_5_the_same_webhook_twice_changes_nothing(stack: Running, vendor: str) -> None:
    booking, payment = stack.library.opened(gateway=vendor)
    callback = stack.sandbox.pay(payment["gatewayOrderId"], webhook="duplicate")
    stack.library.verify(payment["id"], callback).must(200)

    def delivered() -> list[tuple[int]]:
        query = "SELECT deliveries FROM webhook_events WHERE convert_from(body, 'UTF8') LIKE %s AND deliveries > 1"
        return stack.core_rows(query, f"%{payment['gatewayOrderId']}%")

    eventually(delivered, "a webhook recorded as delivered twice")
    captures = stack.rows("SELECT amount_paise FROM payment_captures WHERE payment_id = %s", payment["id"])
    assert captures == [(stack.library.price_paise,)]
    assert stack.library.booking(booking)["status"] == "confirmed"


@pytest.mark.parametrize("vendor", ["razorpay", "cashfree"])
def test_5_a_wrong_signature_is_401_and_the_second_delivery_is_200(stack: Running, vendor: str) -> None:
    _, payment = stack.library.opened(gateway=vendor)
    event = signing.capture_of(stack.stage.secrets.keys, payment, stack.library.now())
    path = f"/api/v1/payments/webhook/{vendor}"
    forged = call(stack.url, "POST", path, event.body, headers=event.forged)
    assert (forged.status, forged.code) == (401, "bad_signature")
    told = [call(stack.url, "POST", path, event.body, headers=event.headers) for _ in range(2)]
    assert [(one.status, one.data["status"]) for one in told] == [(200, "accepted"), (200, "duplicate")]


def test_5_a_stale_signed_timestamp_is_401(stack: Running) -> None:
    _, payment = stack.library.opened(gateway="cashfree")
    stale = signing.capture_of(stack.stage.secrets.keys, payment, stack.library.now(), age_minutes=120)
    refused = call(stack.url, "POST", "/api/v1/payments/webhook/cashfree", stale.body, headers=stale.headers)
    assert refused.status == 401


def test_6_a_database_error_in_the_activation_is_finished_later(stack: Running) -> None:
    """The booking's row cannot be written while the money is taken: nothing is half done, and it heals by itself."""
    booking, payment = stack.library.opened()
    (cell,) = stack.core_rows(
        "SELECT c.dbname FROM tenants t JOIN cells c ON c.id = t.cell_id WHERE t.id = %s", stack.world["tenantId"]
    )[0]
    forbid = f"""
        CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'the disk is full' USING ERRCODE = 'disk_full'; END $$;
        CREATE TRIGGER broken BEFORE UPDATE ON bookings FOR EACH ROW
        WHEN (NEW.id = '{booking}' AND NEW.status = 'confirmed') EXECUTE FUNCTION broken()"""
    with psycopg.connect(stack.stage.postgres.dsn(cell), autocommit=True) as conn:
        conn.execute(forbid.encode())
        try:
            callback = stack.sandbox.pay(payment["gatewayOrderId"], webhook="lost")
            told = stack.library.verify(payment["id"], callback)
            assert (told.status, told.data["status"]) == (200, "pending")
            query = "SELECT count(*) FROM payment_captures WHERE payment_id = %s"
            assert stack.rows(query, payment["id"]) == [(0,)]
            assert stack.library.booking(booking)["status"] == "pending_payment"
        finally:
            conn.execute("DROP TRIGGER broken ON bookings; DROP FUNCTION broken()")
    stack.sandbox.advance("PT6M")
    eventually(lambda: stack.library.payment(payment["id"])["status"] == "captured", "it is captured")
    assert stack.library.booking(booking)["status"] == "confirmed"


def test_8_health_and_the_code_on_the_console(stack: Running, capsys: pytest.CaptureFixture[str]) -> None:
    told = call(stack.url, "GET", "/health").body
    assert (told["status"], told["database"]) == ("healthy", {"status": "connected"})
    assert {"uptime", "memory", "version"} <= set(told)
    phone, here = stack.world["student"]["phone"], {"X-Tenant-Id": stack.world["tenantId"]}
    asked = call(stack.url, "POST", "/api/v1/auth/otp/request", {"phone": phone}, headers=here)
    assert asked.must(202) == {"expiresIn": 300}
    code = eventually(
        lambda: next(
            (m["variables"]["code"] for m in stack.sandbox.outbox("sms", phone) if "code" in m["variables"]), None
        ),
        "a code in the outbox",
    )
    assert f"OTP {code} → {phone}, login, 5 min" in capsys.readouterr().out


def test_9_the_seeded_admin_signs_in(stack: Running) -> None:
    account = {"email": "admin@studyspot.com", "password": "Admin@123"}
    answer = call(stack.url, "POST", "/api/v1/auth/admin/login", account)
    assert answer.body["success"] is True
    assert {"user", "accessToken", "refreshToken"} <= set(answer.must(200))
    assert answer.data["user"]["userType"] == "platform_admin"
    wrong = call(stack.url, "POST", "/api/v1/auth/admin/login", account | {"password": "Admin@124"})
    assert wrong.status == 401


@pytest.mark.parametrize("isolation", [{}, {"isolation": "pool"}], ids=["as it comes", "pool"])
def test_10_a_tenant_of_two_fields_is_provisioned(stack: Running, isolation: dict[str, str]) -> None:
    wanted = {"name": "Test Library", "email": f"test-{uuid4().hex[:8]}@test.com"}
    assert call(stack.url, "POST", "/api/v1/tenants", wanted).status == 401
    made = stack.admin.ask("POST", "/tenants", wanted | isolation)
    assert made.must(202)["status"] == "provisioning"
    tenant = made.data["id"]
    eventually(lambda: stack.admin.ask("GET", f"/tenants/{tenant}").data["status"] == "active", "an active tenant")
    shown = stack.admin.ask("GET", f"/tenants/{tenant}").data
    assert shown["isolation"] == isolation.get("isolation", "silo")
    assert stack.rows("SELECT status FROM tenant_gate WHERE tenant_id = %s", tenant, tenant=tenant) == [("active",)]


def test_11_one_command_checks_every_group_in_phases(stack: Running) -> None:
    lines = examine(Examined(stack.url, stack.world["admin"]))
    assert [line for line in lines if line.verdict == "failed"] == []
    assert list(dict.fromkeys(line.phase for line in lines)) == [
        "connectivity",
        "routing",
        "authentication",
        "databases",
    ]
    checked = {line.check for line in lines if line.phase == "routing"}
    assert {"auth", "tenants", "students", "libraries", "bookings", "attendance", "payments", "messaging"} <= checked
    shown = table(lines, colour=True)
    assert "\033[3" in shown
    assert "summary" in shown


def paths_of(stack: Running, group: str) -> list[tuple[str, str, list[str]]]:
    document = call(stack.url, "GET", f"/api/v1/{group}/openapi.json").body
    return [
        (method, path, re.findall(r"\{(\w+)\}", path))
        for path, methods in document["paths"].items()
        for method in methods
    ]


def test_13_an_owner_reads_nothing_of_another_tenant_through_any_route(stack: Running) -> None:
    """Every GET with ids of the inventory: a foreign id answers as an unknown one does, to the byte."""
    stranger = Person(stack.url, stack.world["other"]["owner"])
    booking, payment = stack.library.opened()
    known = {
        "library": stack.library.id, "seat": stack.library.seats[0], "student": stack.library.students[0],
        "feeplan": stack.library.plan["id"], "booking": booking, "payment": payment["id"], "id": payment["id"],
        "tenant": stack.world["tenantId"],
    }  # fmt: skip
    tried = 0
    for group in call(stack.url, "GET", "/").body["groups"]:
        for method, path, names in paths_of(stack, group):
            if method != "get" or not names or {"token", "code"} & set(names):
                continue  # what a sealed address tells, it tells everybody who has it
            theirs, nobody = path, path
            for name in names:
                bare = name.lower().removesuffix("id") or "id"
                theirs = theirs.replace(f"{{{name}}}", known.get(bare, payment["id"]))
                nobody = nobody.replace(f"{{{name}}}", str(uuid4()))
            foreign, unknown = (stranger.ask("GET", where.removeprefix("/api/v1")) for where in (theirs, nobody))
            assert foreign.status == unknown.status, (path, foreign.body, unknown.body)
            assert foreign.status in (403, 404), (path, foreign.body)
            assert _bare(foreign.body) == _bare(unknown.body), path
            tried += 1
    assert tried >= 8
    for listing in ("libraries", "students", "bookings", "payments", "fee-plans"):
        own = {row["id"] for row in stack.owner.ask("GET", f"/{listing}?limit=200").data}
        assert own
        assert not own & {row["id"] for row in stranger.ask("GET", f"/{listing}?limit=200").data}, listing


def _bare(body: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in body.items() if name not in ("requestId", "instance")}


def test_requests_of_every_process_are_counted_by_the_minute(stack: Running) -> None:
    """The log's request lines go through the subscription that the template declares."""
    counted = "SELECT coalesce(sum(requests), 0) FROM request_totals WHERE route = 'GET /api/v1/libraries'"
    before = stack.core_rows(counted)[0][0]
    for _ in range(3):
        assert stack.owner.ask("GET", "/libraries").status == 200
    eventually(lambda: stack.core_rows(counted)[0][0] >= before + 3, "the requests are counted")
