"""The front: what every endpoint answers before and after its own work."""

from __future__ import annotations

import json
from typing import Annotated
from uuid import UUID

from studyspot.kit import clock, ids, tally
from studyspot.kit.api import Api
from studyspot.kit.auth import Actor, allow
from studyspot.kit.errors import Conflict
from studyspot.kit.models import Model, Name
from studyspot.kit.signature import Of, TenantDb

from tests.world import Answer, World, http_event

api = Api("things")


class Thing(Model):
    id: UUID
    target: Name


class NewThing(Model):
    target: Name
    fail: bool = False


class Taken(Conflict):
    """Somebody has it."""

    code = "taken"


@api.post("/things", status_code=201)
def make(request: NewThing, actor: Annotated[Actor, allow("libraries:create")], db: TenantDb) -> Thing:
    with db.transaction():
        thing = db.one(
            Thing,
            "INSERT INTO outbox (id, kind, target, payload, created_at)"
            " VALUES (%(id)s, 'event', %(target)s, '{}', %(now)s) RETURNING id, target",
            id=ids.uuid7(),
            target=request.target,
            now=clock.now(),
        )
        if request.fail:
            raise Taken
    return thing


@api.get("/things/{thingId}")
def read(thing_id: Annotated[UUID, Of("outbox")], actor: Annotated[Actor, allow()], db: TenantDb) -> Thing:
    return db.one(Thing, "SELECT id, target FROM outbox WHERE id = %(id)s", id=thing_id)


@api.put("/things/{thingId}")
def change(
    thing_id: Annotated[UUID, Of("outbox")], request: NewThing, actor: Annotated[Actor, allow()], db: TenantDb
) -> Thing:
    return db.one(
        Thing, "UPDATE outbox SET target = %(t)s WHERE id = %(id)s RETURNING id, target", id=thing_id, t=request.target
    )


def call(method: str, path: str, token: str | None, body: object = None, **headers: str) -> Answer:
    sent = {k.replace("_", "-"): v for k, v in headers.items()} | {"content-type": "application/json"}
    if token:
        sent["authorization"] = f"Bearer {token}"
    text = body if isinstance(body, str) or body is None else json.dumps(body)
    out = api.handler(http_event(method, f"/api/v1{path}", sent, text, "127.0.0.1"), None)
    return Answer(out["statusCode"], out["headers"], out["body"].encode())


def test_an_anonymous_caller_with_a_bad_body_is_401(world: World) -> None:
    assert (call("POST", "/things", None, "{").status, call("POST", "/things", "x.y.z", "{").status) == (401, 401)


def test_a_caller_without_permission_hears_403_before_anything_about_the_body(world: World) -> None:
    tenant = world.tenant()
    student = world.token("student", tenant.id)
    assert call("POST", "/things", student, "{").code == "forbidden"


def test_faults_come_in_the_promised_order(world: World) -> None:
    owner = world.tenant().owner
    assert call("POST", "/things", owner, "{").code == "malformed_json"
    assert call("POST", "/things", owner, {"target": 1, "x": 2}).code == "validation_failed"
    assert call("PUT", f"/things/{ids.uuid7()}", owner, {"bad": 1}).code == "not_found"
    assert call("PUT", "/things/17", owner, {"bad": 1}).code == "not_found"
    assert call("PATCH", "/things/17", owner).headers["Allow"] == "GET, PUT"
    assert call("GET", "/nothing", None).code == "not_found"


def test_a_write_is_two_round_trips_and_a_read_one(world: World) -> None:
    owner = world.tenant().owner
    call("POST", "/things", owner, {"target": "a"})
    made = call("POST", "/things", owner, {"target": "a"})
    assert (made.status, tally.current.trips) == (201, 2)
    assert call("GET", f"/things/{made.data['id']}", owner).data["target"] == "a"
    assert tally.current.trips == 1


def test_the_first_answer_is_repeated_and_the_effect_is_not(world: World) -> None:
    tenant = world.tenant()
    first = call("POST", "/things", tenant.owner, {"target": "a"}, idempotency_key="k1")
    again = call("POST", "/things", tenant.owner, {"target": "a"}, idempotency_key="k1")
    assert (again.status, again.raw, again.headers["Idempotency-Replayed"]) == (201, first.raw, "true")
    assert again.headers["Location"] == first.headers["Location"]
    assert call("POST", "/things", tenant.owner, {"target": "b"}, idempotency_key="k1").code == "idempotency_key_reused"
    assert len(world.outbox(tenant.id)) == 1


def test_a_refused_change_leaves_nothing_and_its_key_free(world: World) -> None:
    tenant = world.tenant()
    assert call("POST", "/things", tenant.owner, {"target": "a", "fail": True}, idempotency_key="k").code == "taken"
    assert world.outbox(tenant.id) == []
    assert call("POST", "/things", tenant.owner, {"target": "a"}, idempotency_key="k").status == 201


def test_an_ended_session_a_suspended_tenant_and_a_foreign_row(world: World) -> None:
    ours, theirs = world.tenant(), world.tenant()
    thing = call("POST", "/things", ours.owner, {"target": "a"}).data["id"]
    assert call("GET", f"/things/{thing}", theirs.owner).code == "not_found"
    with world.db(ours.id) as db:
        db.run("UPDATE tenant_gate SET status = 'suspended'")
    assert call("GET", f"/things/{thing}", ours.owner).code == "tenant_suspended"
    with world.db(theirs.id) as db:
        db.run("UPDATE sessions SET revoked_at = created_at")
    assert call("GET", f"/things/{thing}", theirs.owner).code == "token_revoked"


def test_the_count_survives_a_refusal_and_ends_in_429(world: World) -> None:
    tenant = world.tenant()
    with world.setting(rate_limit_factor="0.03"):
        codes = [call("POST", "/things", tenant.owner, {"target": "a", "fail": True}).status for _ in range(4)]
    assert codes == [409, 409, 409, 429]


def test_every_write_by_a_person_leaves_one_audit_row(world: World) -> None:
    tenant = world.tenant()
    thing = call("POST", "/things", tenant.owner, {"target": "a"}, x_request_id="req-1").data["id"]
    with world.db(tenant.id) as db:
        assert (
            db.value("SELECT count(*) FROM audit_logs WHERE resource_id = %(t)s AND request_id = 'req-1'", t=thing) == 1
        )


def test_what_is_public_is_shown_of_ones_own_tenant_unasked(world: World) -> None:
    """A signed-in caller need not name the tenant; a forged token names none."""
    tenant = world.tenant()
    library = world.call("libraries", "POST", "/libraries", tenant.owner, {"name": "Here", "code": "H1"}).data["id"]
    path = f"/libraries/{library}/hours"
    assert world.call("spaces", "GET", path).code == "bad_request"
    assert world.call("spaces", "GET", path, tenant.owner).status == 200
    assert world.call("spaces", "GET", path, world.tenant().owner).status == 404
    assert world.call("spaces", "GET", path, tenant.owner[:-4] + "AAAA").status == 401
