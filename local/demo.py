"""The demo world: made on the first start, described in `.local/demo.json`, never made again.

Tenants come about as everybody's do, through the API; their two months of history are copied in. Runs in a process
of its own with a function's environment, because the product reads its settings once a process.
"""

import json
import os
import subprocess
import sys
import time
from typing import Any
from uuid import UUID

import psycopg
import requests
from psycopg import sql
from studyspot.identity import passwords
from studyspot.identity.service import directory
from studyspot.kit import cells, clock
from studyspot.kit.db import Db
from studyspot.kit.ids import PLATFORM
from studyspot.libraries import service as libraries

from local.demo_rows import Business, Size, Tables, id_at
from local.secrets import write_private
from local.stage import Stage

World = dict[str, Any]
ADMIN = {"email": "admin@studyspot.com", "password": "Admin@123"}
PASSWORD = "Reading-room-2026"
POOL = Size(libraries=2, seats=80, students=200, days=60, busy=20)
SILO = Size(libraries=1, seats=16, students=20, days=14, busy=5)
ORDER = (
    *("libraries", "zones", "seats", "fee_plans", "fee_plan_versions", "students", "student_numbers"),
    *("payments", "payment_captures", "settlements", "settlement_lines"),
    *("memberships", "bookings", "seat_occupancy", "attendance"),
)
LEDGER = ("ledger_transactions", "ledger_entries")
POST = """
    WITH opened AS (INSERT INTO ledger_transactions ({0}) SELECT {0} FROM new_ledger_transactions)
    INSERT INTO ledger_entries ({1}) SELECT {1} FROM new_ledger_entries"""
"""The database judges a posting when its statement ends, so transactions and their entries come in one."""
NOT_BUILT = {
    "marketplace": {"tenantId": None, "owner": None, "provider": None, "customer": None},
    "assistant": {"tenantId": None, "owner": None, "member": None},
}


def made_once(stage: Stage) -> World:
    """What `.local/demo.json` says, after making it true the first time."""
    file = stage.home / "demo.json"
    if not file.exists():
        environment = dict(stage.engine.pools["ProvisioningSteps"].environment)
        environment |= {"PATH": os.environ.get("PATH", os.defpath), "DEMO_ADMIN_DSN": stage.postgres.dsn("postgres")}
        environment["PYTHONPATH"] = os.pathsep.join([environment["PYTHONPATH"], str(stage.engine.template.root)])
        done = subprocess.run([sys.executable, "-m", "local.demo"], env=environment, capture_output=True, check=False)
        if done.returncode:
            raise RuntimeError(f"the demo world could not be made: {done.stderr.decode(errors='replace')[-2000:]}")
        world = json.loads(done.stdout.splitlines()[-1])
        write_private(file, json.dumps(world | {"secrets": secrets_of(stage)}, indent=2))
    known: World = json.loads(file.read_text())
    if known["baseUrl"] != stage.url:
        write_private(file, json.dumps(known | {"baseUrl": stage.url}, indent=2))
    return known | {"baseUrl": stage.url}


def secrets_of(stage: Stage) -> dict[str, str | None]:
    """What an outside sender signs with."""
    keys = stage.secrets.keys
    return {
        "razorpayWebhook": keys.razorpay_webhook_secret,
        "razorpayKeySecret": keys.razorpay_key_secret,
        "cashfreeClientSecret": keys.cashfree_client_secret,
        "paytmMerchantKey": keys.paytm_merchant_key,
        "stripeWebhook": keys.stripe_webhook_secret,
        "msg91Token": keys.msg91_webhook_token,
    }


def make() -> World:
    """In the process of its own: operator, two tenants, their people and their history."""
    base = os.environ["PUBLIC_BASE_URL"]
    with cells.core_db() as core:
        operator(core)
    api = Api(base)
    asked = [api.tenant("Riverside Study Rooms", "riverside", "pool"), api.tenant("Hilltop Library", "hilltop", "silo")]
    pool, silo = (api.active(tenant["id"]) for tenant in asked)
    hashed = passwords.hashed(PASSWORD)
    main = People(pool, hashed, POOL, 9000000000)
    other = People(silo, hashed, SILO, 9100000000)
    return {
        "baseUrl": base,
        "tenantId": pool["id"],
        "tenantSlug": pool["slug"],
        "libraryId": str(main.business.libraries[0]),
        "admin": ADMIN,
        "owner": main.owner(),
        "staff": main.staff(),
        "student": main.student(),
        "other": {"tenantId": silo["id"], "owner": other.owner()},
    } | NOT_BUILT


def operator(core: Db) -> None:
    """The first administrator. The password is a known one, shorter than anybody could choose through the API."""
    core.run(
        """INSERT INTO admin_users (id, email, password_hash, first_name, user_type, role, created_at, updated_at)
           VALUES (%(id)s, %(email)s, %(hash)s, 'Admin', 'platform_admin', 'platform_admin', %(now)s, %(now)s)
           ON CONFLICT (email) DO NOTHING""",
        id=id_at(clock.now()),
        email=ADMIN["email"],
        hash=passwords.hashed(ADMIN["password"]),
        now=clock.now(),
    )
    admin: UUID = core.value("SELECT id FROM admin_users WHERE email = %(email)s", email=ADMIN["email"])
    directory.add_identity(core, "email", ADMIN["email"], "platform_admin", PLATFORM, admin)


class Api:
    """The few calls an operator makes."""

    def __init__(self, base: str) -> None:
        self._base = f"{base}/api/v1"
        self._session = requests.Session()
        token = self._call("POST", "/auth/admin/login", ADMIN)["accessToken"]
        self._session.headers["Authorization"] = f"Bearer {token}"

    def tenant(self, name: str, slug: str, isolation: str) -> dict[str, Any]:
        asked = {"name": name, "slug": slug, "email": f"owner@{slug}.test", "isolation": isolation}
        return self._call("POST", "/tenants", asked)

    def active(self, tenant_id: str) -> dict[str, Any]:
        """The tenant once its machine is through."""
        deadline = time.monotonic() + 60
        while (tenant := self._call("GET", f"/tenants/{tenant_id}"))["status"] != "active":
            if time.monotonic() > deadline or tenant["status"] == "provisioning_failed":
                raise RuntimeError(f"tenant {tenant['slug']} is {tenant['status']}")
            time.sleep(0.1)
        return tenant

    def _call(self, method: str, path: str, body: dict[str, str] | None = None) -> dict[str, Any]:
        answer = self._session.request(method, self._base + path, json=body, timeout=30)
        if not answer.ok:
            raise RuntimeError(f"{method} {path}: {answer.status_code} {answer.text}")
        data: dict[str, Any] = answer.json()["data"]
        return data


class People:
    """One tenant filled, and those of its people who can sign in with a password."""

    def __init__(self, tenant: dict[str, Any], hashed: str, size: Size, phones_from: int) -> None:
        self._tenant = UUID(tenant["id"])
        self._slug = tenant["slug"]
        self._hashed = hashed
        self.business = Business(size, clock.now(), phones_from)
        place = cells.place_of(self._tenant)
        copy(self.business.tables, self._tenant, place.dbname)
        with cells.core_db() as core:
            phones = dict(self.business.students)
            directory.add_identities(core, "phone", "student", self._tenant, phones)
            with cells.tenant_db(self._tenant) as db:
                libraries.tell_codes(core, db)

    def owner(self) -> dict[str, str]:
        """The owner has accepted the invitation."""
        with cells.core_db() as core:
            owner: UUID = core.value("SELECT id FROM library_owners WHERE tenant_id = %(tenant)s", tenant=self._tenant)
            core.run(
                "UPDATE library_owners SET password_hash = %(hash)s, email_verified_at = %(now)s WHERE id = %(id)s",
                hash=self._hashed,
                now=clock.now(),
                id=owner,
            )
        return self._signs_in(f"owner@{self._slug}.test", "library_owner", owner)

    def staff(self) -> dict[str, str]:
        """One librarian for all libraries."""
        return self._user(f"staff@{self._slug}.test", "library_staff", id_at(clock.now()), "Librarian", None)

    def student(self) -> dict[str, str]:
        """The first student, who has an e-mail and a password beside the phone."""
        student, phone = self.business.students[0]
        email = f"student@{self._slug}.test"
        with cells.tenant_db(self._tenant) as db:
            db.run("UPDATE students SET email = %(email)s, user_id = %(id)s WHERE id = %(id)s", email=email, id=student)
        account = self._user(email, "student", student, "Student", phone)
        return {"id": str(student), "phone": phone} | account

    def _user(self, email: str, role: str, user: UUID, name: str, phone: str | None) -> dict[str, str]:
        with cells.tenant_db(self._tenant) as db:
            db.run(
                """INSERT INTO users (id, email, phone, password_hash, first_name, role, email_verified_at, created_at,
                                      updated_at)
                   VALUES (%(id)s, %(email)s, %(phone)s, %(hash)s, %(name)s, %(role)s, %(now)s, %(now)s, %(now)s)""",
                id=user,
                email=email,
                phone=phone,
                hash=self._hashed,
                name=name,
                role=role,
                now=clock.now(),
            )
        return self._signs_in(email, role, user)

    def _signs_in(self, email: str, user_type: str, user: UUID) -> dict[str, str]:
        with cells.core_db() as core:
            directory.add_identity(core, "email", email, user_type, self._tenant, user)
        return {"email": email, "password": PASSWORD}


def copy(tables: Tables, tenant: UUID, dbname: str) -> None:
    """All rows in one transaction, as the server's administrator: COPY does not work under row security."""
    place = psycopg.conninfo.make_conninfo(os.environ["DEMO_ADMIN_DSN"], dbname=dbname)
    with psycopg.connect(place) as conn:
        conn.execute("SELECT set_config('app.tenant', %s, true)", (str(tenant),))
        for table in ORDER:
            _fill(conn, tables, table, table)
        for table in LEDGER:
            like = "CREATE TEMP TABLE {} (LIKE {} INCLUDING DEFAULTS) ON COMMIT DROP"
            conn.execute(sql.SQL(like).format(sql.Identifier(f"new_{table}"), sql.Identifier(table)))
            _fill(conn, tables, table, f"new_{table}")
        conn.execute(sql.SQL(POST).format(*(_names(tables, table) for table in LEDGER)))


def _names(tables: Tables, table: str) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(name) for name in tables.rows[table][0].split(","))


def _fill(conn: psycopg.Connection, tables: Tables, source: str, target: str) -> None:
    _, rows = tables.rows[source]
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(target), _names(tables, source))
    with conn.cursor().copy(statement) as lines:
        for row in rows:
            lines.write_row(row)


if __name__ == "__main__":
    print(json.dumps(make()))
