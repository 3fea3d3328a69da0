"""The gate counts a caller, a tenant and a route, each apart from the others."""

from __future__ import annotations

from studyspot.kit import ids

from tests.world import Answer, Tenant, World


def look(world: World, token: str) -> Answer:
    return world.call("students", "GET", "/students", token)


def limited(world: World, tenant: Tenant, most: int | None) -> None:
    with world.db(tenant.id) as db:
        db.run("UPDATE tenant_gate SET tenant_rate_limit = %(most)s", most=most)


def test_all_callers_of_a_tenant_share_its_limit_and_no_other_tenant_does(world: World) -> None:
    noisy, quiet = world.tenant(), world.tenant()
    people = [noisy.owner, *(world.token("library_staff", noisy.id) for _ in range(2))]
    with world.setting(rate_limit_factor="1"):
        limited(world, noisy, 6)
        limited(world, quiet, 6)
        answers = [look(world, people[n % 3]) for n in range(7)]
        assert [a.status for a in answers] == [200] * 6 + [429]
        assert answers[-1].code == "rate_limited"
        assert answers[-1].headers["RateLimit-Policy"] == '"tenant";q=6;w=60'
        assert look(world, quiet.owner).status == 200


def test_one_caller_alone_cannot_use_up_what_the_tenant_has(world: World) -> None:
    tenant = world.tenant()
    other = world.token("library_staff", tenant.id)
    with world.db(tenant.id) as db:
        db.run("UPDATE tenant_gate SET rate_limit = 3, tenant_rate_limit = 5")
    with world.setting(rate_limit_factor="1"):
        answers = [look(world, tenant.owner) for _ in range(10)]
        assert [a.status for a in answers] == [200] * 3 + [429] * 7
        assert answers[-1].headers["RateLimit-Policy"] == '"default";q=3;w=60'
        assert look(world, other).status == 200


def test_payments_are_opened_ten_a_minute_by_one_caller(world: World) -> None:
    tenant = world.tenant()
    other = world.token("library_staff", tenant.id)
    body = {"purpose": "booking", "purposeId": str(ids.uuid7())}
    with world.setting(rate_limit_factor="1"):
        tried = [world.call("payments", "POST", "/payments/create", tenant.owner, body) for _ in range(11)]
        assert {a.status for a in tried[:10]} == {404}, tried[0].json
        assert tried[-1].status == 429
        assert tried[-1].headers["RateLimit-Policy"] == '"route";q=10;w=60'
        assert look(world, tenant.owner).status == 200
        assert world.call("payments", "POST", "/payments/create", other, body).status == 404


def test_without_a_limit_of_the_tenant_nothing_is_counted_for_it(world: World) -> None:
    tenant = world.tenant()
    look(world, tenant.owner)
    with world.db(tenant.id) as db:
        assert db.value("SELECT count(*) FROM rate_buckets WHERE bucket = 'tenant'") == 0


def test_a_release_that_knows_fewer_columns_still_reads_the_gate(world: World) -> None:
    tenant = world.tenant()
    with world.db(tenant.id) as db:
        (row,) = db.dicts("SELECT * FROM gate(%(t)s, NULL, 'address:1', now())", t=tenant.id)
    assert {"status", "scope", "modules", "rate_limit", "session_live", "taken", "resets_at"} <= set(row)
