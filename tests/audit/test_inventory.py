"""Every write by somebody signed in leaves its row, and so does every look of the platform into a tenant.

Made from the routes themselves: each is called with ids of the tenant's own rows and a body its model accepts. Whatever
succeeds must have left a row under its request id; what a made-up body cannot bring to succeed is left to the
structure, which is tested below: the answer and the row are one commit.
"""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

import psycopg
import pytest
from pydantic import BaseModel
from studyspot.kit import ids, permissions
from studyspot.kit.api import Api, Route
from studyspot.kit.auth import Actor, allow
from studyspot.kit.errors import StateConflict
from studyspot.kit.signature import TenantDb

from tests.architecture.furniture import Furniture, shown
from tests.architecture.sources import apps, none_of
from tests.architecture.test_isolation import NAMES_NO_ROW, Try, bodies
from tests.world import Tenant, World, function, http_event

FEWEST = 40
"""Writes that succeed with a made-up body; fewer would mean this test tries nothing any more."""


def routes() -> list[tuple[str, Route]]:
    """Every route of the API that somebody signed in may call."""
    groups = [(name, function(kind, name).api) for kind, name in apps() if kind == "api"]
    return [(name, route) for name, api in groups for route in api.routes if route.signature.allow]


def rows_of(world: World, request_id: str) -> list[tuple[UUID, str, str]]:
    """In whatever database: tenant, actor type and action."""
    found = []
    for name in ("pool_1", "studyspot"):
        with psycopg.connect(world.postgres.dsn(name)) as conn:
            query = "SELECT tenant_id, actor_type, action FROM audit_logs WHERE request_id = %s"
            found += conn.execute(query, (request_id,)).fetchall()
    return found


class Caller:
    """One of each kind of user, and a tenant with one of everything."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.tenant: Tenant = world.tenant()
        self.own = Furniture(world, self.tenant.id)
        self.people = {
            "library_owner": self.tenant.owner_id,
            "library_staff": ids.uuid7(),
            "student": self.own.row("students")["id"],
        }

    def token(self, route: Route) -> str | None:
        """A fresh session: some routes end the one they are called with."""
        assert route.signature.allow is not None
        asked = set(route.signature.allow.any_of)
        for who, person in self.people.items():
            if not asked or asked & set(permissions.of([who])):
                return self.world.token(who, self.tenant.id, person)
        return self.world.admin() if asked & set(permissions.of(["platform_admin"])) else None

    def path(self, group: str, route: Route) -> str | None:
        one = Try(group, route)
        values: dict[str, Any] = {}
        for name in one.names:
            if name in NAMES_NO_ROW or f"{route.name} {name}" in NAMES_NO_ROW:
                return None
            try:
                values[name] = shown(self.own.row(one.table(name))["id"])
            except (psycopg.Error, KeyError):
                return None
        return one.path(values)


def test_whatever_write_succeeds_has_left_a_row(world: World) -> None:
    silent, succeeded = [], 0
    for group, route in routes():
        if route.method == "GET" or "application/json" not in route.accepts:
            continue
        caller = Caller(world)
        token, path = caller.token(route), caller.path(group, route)
        if token is None or path is None:
            continue
        for body in bodies(route):
            request_id = f"inventory-{ids.uuid7().hex}"
            key = {"idempotency_key": request_id} if route.method == "POST" else {}
            answer = world.call(group, route.method, path, token, body, x_request_id=request_id, **key)
            if answer.status < 300:
                succeeded += 1
                if not rows_of(world, request_id):
                    silent.append(f"{route.name}: {answer.status}")
    none_of(sorted(set(silent)))
    assert succeeded >= FEWEST, succeeded


def test_whatever_look_of_the_platform_succeeds_has_left_a_row_in_the_tenant(world: World) -> None:
    caller, admin = Caller(world), world.admin()
    silent, succeeded = [], 0
    for group, route in routes():
        handles = set(route.signature.handles.values())
        path = caller.path(group, route)
        if route.method != "GET" or "tenant" not in handles or path is None:
            continue
        request_id = f"look-{ids.uuid7().hex}"
        answer = world.call(group, "GET", path, admin, x_tenant_id=str(caller.tenant.id), x_request_id=request_id)
        if answer.status == 200:
            succeeded += 1
            told = [(tenant, who) for tenant, who, _ in rows_of(world, request_id)]
            if told != [(caller.tenant.id, "platform_admin")]:
                silent.append(f"{route.name}: {told}")
    none_of(silent)
    assert succeeded >= 20, succeeded


class Nothing(BaseModel):
    """No fields."""


def test_the_answer_and_its_row_are_one_commit(world: World) -> None:
    """Whatever a route does or forgets: it answers with its row, or leaves neither change nor row."""
    api = Api("sample")
    insert = "INSERT INTO timers (id, due_at, machine, subject, resume) VALUES (%(id)s, 'infinity', 'm', %(id)s, '')"

    def added(db: Any) -> None:
        with db.transaction():
            db.run(insert, id=ids.uuid7())

    def works(actor: Annotated[Actor, allow()], db: TenantDb) -> None:
        added(db)

    def refuses(actor: Annotated[Actor, allow()], db: TenantDb) -> None:
        added(db)
        raise StateConflict

    for method in (api.post, api.put, api.delete):
        method(f"/sample/works-{method.__name__}")(works)
        method(f"/sample/refuses-{method.__name__}")(refuses)
    tenant = world.tenant()
    for route in api.routes:
        request_id = f"sample-{ids.uuid7().hex}"
        headers = {"authorization": f"Bearer {tenant.owner}", "x-request-id": request_id}
        event = http_event(route.method, route.path, headers, None, "127.0.0.1")
        status = api.handler(event, None)["statusCode"]
        assert len(rows_of(world, request_id)) == (1 if status < 300 else 0), route.name
    with world.db(tenant.id) as db:
        assert db.value("SELECT count(*) FROM timers") == 3


@pytest.mark.parametrize("way", ["good", "bad"])
def test_every_sign_in_good_or_bad_leaves_its_row(world: World, way: str) -> None:
    tenant = world.tenant()
    phone = "+919812388888"
    world.call("students", "POST", "/students", tenant.owner, {"firstName": "S", "phone": phone})
    world.call("auth", "POST", "/auth/otp/request", None, {"phone": phone}, x_tenant_id=str(tenant.id))
    with world.db(tenant.id) as db:
        from studyspot.messaging import sealing

        (row,) = db.dicts("SELECT id, sealed FROM communications ORDER BY id DESC LIMIT 1")
        code = sealing.unseal(row["sealed"], row["id"])["code"]
    tried = code if way == "good" else f"{(int(code) + 1) % 10**6:06d}"
    request_id = f"sign-in-{ids.uuid7().hex}"
    answer = world.call(
        "auth", "POST", "/auth/otp/verify", None, {"phone": phone, "code": tried},
        x_tenant_id=str(tenant.id), x_request_id=request_id,
    )  # fmt: skip
    assert (answer.status == 200) is (way == "good")
    (told,) = rows_of(world, request_id)
    assert told[2] == ("auth.login" if way == "good" else "auth.login_failed")
