"""What the tests stand in: databases, tenants of either isolation, signed-in people, functions as Lambda calls them."""

from __future__ import annotations

import base64
import importlib.util
import json
import os
import secrets
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

import psycopg
from cryptography.hazmat.primitives.asymmetric import ec
from studyspot.kit import cells, clock, connections, ids, permissions, settings, tokens
from studyspot.kit.db import Db
from studyspot.schema import migrate

from local.postgres import Postgres

ROOT = Path(__file__).parent.parent
CREDITS = (
    "tenant_credit_wallets, credit_reservations, credit_ledger, credit_vendors, credit_master_wallet, credit_purchases,"
    " credit_allocations"
)
LEFT = """
    SELECT ARRAY(SELECT dbname FROM cells WHERE kind = 'silo'), EXISTS (SELECT FROM credit_master_wallet)"""
FORGET = "DELETE FROM timers; DELETE FROM outbox; DELETE FROM rate_buckets; DELETE FROM lockouts"
FORGET_CORE = """
    DELETE FROM schema_waves; DELETE FROM tenants; DELETE FROM identities; DELETE FROM cells WHERE kind = 'silo';
    DELETE FROM webhook_events; DELETE FROM message_orders;
    DELETE FROM recon_items; DELETE FROM recon_runs; DELETE FROM settlement_lines; DELETE FROM settlements;
    DELETE FROM ledger_entries e USING ledger_transactions t
        WHERE e.transaction_id = t.id AND t.kind LIKE 'settlement%';
    DELETE FROM ledger_transactions WHERE kind LIKE 'settlement%';
    DELETE FROM gateway_orders;
    DELETE FROM subscription_periods; DELETE FROM subscriptions; DELETE FROM mandates;
    DELETE FROM request_minutes; DELETE FROM request_totals; DELETE FROM cache_totals"""
FOREIGN = ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SESV2")
BEGINNING = datetime(2026, 12, 1, 4, 30, tzinfo=UTC)
"""Every test begins at this moment, a Tuesday at ten in India: what a test shows depends on no calendar but its own."""
PASSWORDS = {"app": "app-secret", "worker": "worker-secret", "migrator": "migrator-secret"}


def fresh_signing_keys() -> list[dict[str, str]]:
    """One private ES256 key as a JWK."""
    numbers = ec.generate_private_key(ec.SECP256R1()).private_numbers()

    def b64(value: int) -> str:
        return base64.urlsafe_b64encode(value.to_bytes(32)).decode().rstrip("=")

    public = numbers.public_numbers
    jwk = {"kty": "EC", "crv": "P-256", "x": b64(public.x), "y": b64(public.y), "d": b64(numbers.private_value)}
    return [jwk | {"kid": "test-1", "alg": "ES256"}]


@dataclass(frozen=True)
class Answer:
    """What an HTTP function answered."""

    status: int
    headers: dict[str, str]
    raw: bytes
    cookies: list[str] = field(default_factory=list)

    @property
    def json(self) -> Any:
        return json.loads(self.raw)

    @property
    def data(self) -> Any:
        body = self.json
        assert body.get("success"), body
        return body["data"]

    @property
    def code(self) -> str:
        code: str = self.json["code"]
        return code


@dataclass(frozen=True)
class Tenant:
    """An active tenant and its owner."""

    id: UUID
    slug: str
    owner_id: UUID
    owner: str
    """The owner's access token."""


class World:
    """See the module."""

    def __init__(self, postgres: Postgres, clock_file: Path, environment: dict[str, str]) -> None:
        self.postgres = postgres
        self.clock_file = clock_file
        admin = postgres.dsn()
        migrate.create_roles(admin, PASSWORDS)
        migrate.create_database(admin, "studyspot", owner="migrator")
        self.core = postgres.dsn("studyspot", user="migrator", password=PASSWORDS["migrator"])
        migrate.migrate_core(self.core)
        migrate.migrate_template(self.core)
        migrate.register_cell(self.core, "core", self.core)
        self.pool = migrate.register_cell(self.core, "pool", migrate.create_cell(self.core, "pool_1"))
        place = psycopg.conninfo.conninfo_to_dict(self.core)
        self._environment = environment | {
            "STUDYSPOT_CLOCK": str(clock_file),
            "CORE_DB_HOST": str(place["host"]),
            "CORE_DB_PORT": str(place["port"]),
            "CORE_DB_NAME": "studyspot",
        }
        # Superusers are not bound by row security: they see what all tenants left behind.
        self._owners = [psycopg.connect(postgres.dsn(name), autocommit=True) for name in ("studyspot", "pool_1")]
        self._directory = psycopg.connect(self.core, autocommit=True)
        for conn in (*self._owners, self._directory):
            conn.execute("SET idle_session_timeout = 0")
        self._before: dict[str, str] = {}
        self._as, self._open = "app", dict[str, dict[connections.Place, connections.Connection]]()
        os.register_at_fork(after_in_child=self._open.clear)
        self.begin()
        with cells.core_db() as db:
            db.run(
                "INSERT INTO tenant_gate (status, rate_limit, updated_at, modules)"
                " VALUES ('active', 100, %(now)s, '{library}') ON CONFLICT DO NOTHING",
                now=clock.now(),
            )
        self.end()

    def begin(self) -> None:
        """The environment of a request function, for as long as the test lasts."""
        self._before = dict(os.environ)
        for name in FOREIGN:
            os.environ.pop(name, None)
        os.environ.update(self._environment)
        clock._offset_file.cache_clear()
        self._set_ahead(BEGINNING - datetime.now(UTC))
        self._role("app")

    def end(self) -> None:
        """Nothing a test left waiting wakes up in another: no timer, no command, no tenant, no cell of its own."""
        self._role("app")
        os.environ.clear()
        os.environ.update(self._before)
        settings.get.cache_clear()
        clock._offset_file.cache_clear()
        core, pool = self._owners
        found = core.execute(LEFT).fetchone()
        assert found
        silos, sold = found
        begun_anew = f"; TRUNCATE {CREDITS} CASCADE" if sold else ""  # the count of all credits
        core.execute(f"{FORGET_CORE}; {FORGET}{begun_anew}")
        pool.execute(f"DELETE FROM tenant_gate; {FORGET}{begun_anew}")
        for name in silos:
            core.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def close(self) -> None:
        for role in PASSWORDS:
            self._role(role)
            connections.close_all()
        for conn in (*self._owners, self._directory):
            conn.close()

    def _role(self, role: str) -> None:
        """Each role keeps its connections, as each function does."""
        connections.settle()
        self._open[self._as] = dict(connections._open)
        connections._open.clear()
        connections._open.update(self._open.pop(role, {}))
        self._as = role
        os.environ["CORE_DB_USER"], os.environ["CORE_DB_PASSWORD"] = role, PASSWORDS[role]
        settings.get.cache_clear()

    @contextmanager
    def worker(self) -> Iterator[None]:
        """As the role of queues, steps and schedules."""
        self._role("worker")
        try:
            yield
        finally:
            self._role("app")

    @contextmanager
    def setting(self, **values: str) -> Iterator[None]:
        """Other settings for a while (`world.setting(razorpay_base_url=...)`)."""
        before = {k: os.environ.get(k.upper()) for k in values}
        os.environ.update({k.upper(): v for k, v in values.items()})
        settings.get.cache_clear()
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name.upper()]
                else:
                    os.environ[name.upper()] = value
            settings.get.cache_clear()

    def advance(self, by: timedelta) -> None:
        """Move the product's clock, which only goes forward."""
        (offset,) = struct.unpack("<q", self.clock_file.read_bytes())
        self._set_ahead(timedelta(microseconds=offset) + by)

    def _set_ahead(self, by: timedelta) -> None:
        with self.clock_file.open("r+b") as file:
            file.write(struct.pack("<q", by // timedelta(microseconds=1)))

    def advance_to(self, moment: datetime) -> None:
        self.advance(max(moment - clock.now(), timedelta()))

    def tenant(self, isolation: str = "pool", status: str = "active", plan: str = "trial") -> Tenant:
        """A new tenant, active, with an owner who is signed in."""
        tenant, owner = ids.uuid7(), ids.uuid7()
        slug = f"t-{tenant.hex[-12:]}"
        cell = self.pool
        if isolation == "silo":
            dsn = migrate.create_cell(self.core, f"silo_{tenant.hex}", migrate.CONNECTION_LIMIT)
            cell = migrate.register_cell(self.core, "silo", dsn)
        conn = self._directory
        with conn.pipeline():
            conn.execute(
                "INSERT INTO tenants (id, name, slug, owner_id, email, status, plan_code, isolation, cell_id,"
                " created_at, updated_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
                (tenant, f"Library {slug}", slug, owner, f"{slug}@example.org", status, plan, isolation, cell,
                 clock.now(), clock.now()),
            )  # fmt: skip
            conn.execute(
                "INSERT INTO library_owners (id, tenant_id, email, name, email_verified_at, created_at, updated_at)"
                " VALUES (%s, %s, %s, 'Owner', %s, %s, %s)",
                (owner, tenant, f"{slug}@example.org", clock.now(), clock.now(), clock.now()),
            )
        with cells.tenant_db(tenant) as db:
            db.run(
                "INSERT INTO tenant_gate (status, rate_limit, updated_at) VALUES (%(s)s, 100, %(now)s)",
                s=status,
                now=clock.now(),
            )
        return Tenant(tenant, slug, owner, self.token("library_owner", tenant, owner))

    def token(self, user_type: str, tenant: UUID, user_id: UUID | None = None, **claims: Any) -> str:
        """Signed in: a live session in the tenant's cell and a genuine token."""
        user, session = user_id or ids.uuid7(), ids.uuid7()
        now = clock.now()
        with cells.tenant_db(tenant) as db:
            db.run(
                "INSERT INTO sessions (id, user_id, user_type, family_id, created_at, last_used_at, expires_at)"
                " VALUES (%(id)s, %(user)s, %(type)s, %(id)s, %(now)s, %(now)s, %(end)s)",
                id=session, user=user, type=user_type, now=now, end=now + timedelta(days=300),
            )  # fmt: skip
        return tokens.sign(
            {
                "sub": str(user),
                "userId": str(user),
                "email": None,
                "userType": user_type,
                "tenantId": str(tenant),
                "roles": [user_type],
                "permissions": permissions.of([user_type]),
                "sid": str(session),
                "jti": secrets.token_hex(8),
                **claims,
            }
        )

    def proven(self, token: str) -> str:
        """The same session, having proved once more who it is."""
        claims = tokens.verify(token)
        with cells.tenant_db(UUID(claims["tenantId"])) as db:
            until = clock.now() + timedelta(days=300)
            db.run("UPDATE sessions SET stepped_up_until = %(until)s WHERE id = %(id)s", until=until, id=claims["sid"])
        return token

    def admin(self) -> str:
        """A signed-in platform administrator."""
        return self.token("platform_admin", ids.PLATFORM)

    @contextmanager
    def db(self, tenant: UUID) -> Iterator[Db]:
        """The tenant's rows, to look at what is there."""
        with cells.tenant_db(tenant) as db:
            yield db

    def call(
        self,
        group: str,
        method: str,
        path: str,
        token: str | None = None,
        body: Any = None,
        kind: str = "api",
        address: str = "127.0.0.1",
        **headers: str,
    ) -> Answer:
        """Through the group's real handler, as API Gateway would. `body` is JSON unless it is bytes or text."""
        sent = {name.replace("_", "-").lower(): value for name, value in headers.items()}
        if token:
            sent["authorization"] = f"Bearer {token}"
        if body is not None and not isinstance(body, bytes | str):
            body = json.dumps(body, default=str)
            sent.setdefault("content-type", "application/json")
        event = http_event(method, path if path.startswith("/api/") else f"/api/v1{path}", sent, body, address)
        answer = function(kind, group).handler(event, None)
        raw = answer.get("body") or ""
        content = base64.b64decode(raw) if answer.get("isBase64Encoded") else raw.encode()
        return Answer(answer["statusCode"], answer["headers"], content, answer.get("cookies", []))

    def deliver(self, name: str, *messages: dict[str, Any], kind: str = "queues") -> Any:
        """A batch of SQS messages to a consumer, as the worker."""
        records = [
            {"messageId": str(n), "body": json.dumps(m, default=str), "eventSource": "aws:sqs", "receiptHandle": "r"}
            for n, m in enumerate(messages)
        ]
        with self.worker():
            return function(kind, name).handler({"Records": records}, None)

    def outbox(self, tenant: UUID, target: str | None = None) -> list[dict[str, Any]]:
        """Messages as their consumer would get them, oldest first."""
        with cells.tenant_db(tenant) as db:
            rows = db.dicts("SELECT * FROM outbox WHERE done_at IS NULL ORDER BY id")
        return [
            {"outboxId": str(r["id"]), "tenantId": str(r["tenant_id"]), **r["payload"]}
            for r in rows
            if target is None or r["target"] == target
        ]


def http_event(
    method: str, path: str, headers: dict[str, str], body: bytes | str | None, address: str
) -> dict[str, Any]:
    """API Gateway's payload 2.0."""
    parts = urlsplit(path)
    query: dict[str, str] = {}
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        query[name] = f"{query[name]},{value}" if name in query else value
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": parts.path,
        "rawQueryString": parts.query,
        "headers": {k: v for k, v in headers.items() if k != "cookie"},
        "cookies": [c.strip() for c in headers.get("cookie", "").split(";") if c.strip()],
        "queryStringParameters": query,
        "requestContext": {
            "accountId": "000000000000",
            "apiId": "local",
            "domainName": "127.0.0.1",
            "http": {
                "method": method,
                "path": parts.path,
                "protocol": "HTTP/1.1",
                "sourceIp": address,
                "userAgent": "t",
            },
            "requestId": "r",
            "routeKey": "$default",
            "stage": "$default",
            "timeEpoch": 0,
        },
        "isBase64Encoded": False,
    }
    if isinstance(body, bytes):
        event |= {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}
    elif body is not None:
        event["body"] = body
    return event


@cache
def function(kind: str, name: str) -> ModuleType:
    """A function's app.py under a name of its own (every folder has the same file name)."""
    path = ROOT / "functions" / kind / name / "app.py"
    unique = f"function_{kind}_{name}"
    spec = importlib.util.spec_from_file_location(unique, path)
    assert spec and spec.loader, path
    module = importlib.util.module_from_spec(spec)
    sys.modules[unique] = module
    spec.loader.exec_module(module)
    return module
