"""No credential opens what it should not: every forgery on every route, every kind of user on every foreign thing."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from studyspot.kit import clock, ids, keyring, permissions, tokens
from studyspot.kit.api import Route

from tests.architecture.furniture import Furniture
from tests.architecture.sources import apps, none_of
from tests.architecture.test_isolation import NAMES_NO_ROW, Try, bodies, same, tries
from tests.world import Answer, Tenant, World, function

USER_TYPES = sorted(permissions.USER_TABLES)
REFUSED = 401, 415
"""A body of another type than the route reads is refused before anybody is asked for."""


def inventory() -> list[Try]:
    """Every route that asks for somebody."""
    groups = [(name, function(kind, name).api) for kind, name in apps() if kind == "api"]
    return [Try(name, route) for name, api in groups for route in api.routes if not route.public]


def part(content: dict[str, Any] | bytes) -> str:
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


class Forger:
    """Somebody with a genuine token of an owner, who would like another."""

    def __init__(self, world: World, tenant: Tenant, victim: Tenant) -> None:
        self.token, self.victim = tenant.owner, victim
        self.header: dict[str, Any] = jwt.get_unverified_header(tenant.owner)
        self.claims: dict[str, Any] = tokens.verify(tenant.owner)
        self.body, self.signature = tenant.owner.split(".")[1:]
        self.own_key = ec.generate_private_key(ec.SECP256R1())
        self.published = keyring.key(self.header["kid"]).jwk.key.public_key()

    def genuine(self, **claims: Any) -> str:
        """By the product's own key: what only a fault of ours could issue."""
        key = keyring.key(self.header["kid"]).jwk.key
        return jwt.encode(self.claims | claims, key, algorithm="ES256", headers={"kid": self.header["kid"]})

    def without(self, name: str) -> str:
        left = {key: value for key, value in self.claims.items() if key != name}
        key = keyring.key(self.header["kid"]).jwk.key
        return jwt.encode(left, key, algorithm="ES256", headers={"kid": self.header["kid"]})

    def signed_by_stranger(self, **header: Any) -> str:
        return jwt.encode(self.claims, self.own_key, algorithm="ES256", headers={"kid": self.header["kid"], **header})

    def keyed_with_the_public_key(self) -> str:
        """CVE-2015-9235: the verifier's public key as an HMAC secret."""
        import hashlib
        import hmac

        how = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        signed = f"{part({**self.header, 'alg': 'HS256'})}.{self.body}"
        return f"{signed}.{part(hmac.new(self.published.public_bytes(*how), signed.encode(), hashlib.sha256).digest())}"

    def own_jwk(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(self.own_key.public_key()))
        return found


past = int((clock.now() - timedelta(hours=1)).timestamp())
FORGERIES: dict[str, Callable[[Forger], str]] = {
    "alg none": lambda f: f"{part({'alg': 'none', 'typ': 'JWT', 'kid': f.header['kid']})}.{f.body}.",
    "alg None with the signature": lambda f: f"{part({**f.header, 'alg': 'nOnE'})}.{f.body}.{f.signature}",
    "HS256 keyed with the public key": Forger.keyed_with_the_public_key,
    "another tenant under the old signature": lambda f: (
        f"{part(f.header)}.{part({**f.claims, 'tenantId': str(f.victim.id)})}.{f.signature}"
    ),
    "no signature": lambda f: f"{part(f.header)}.{f.body}.",
    "half a signature": lambda f: f"{part(f.header)}.{f.body}.{f.signature[:43]}",
    "another key": lambda f: f.signed_by_stranger(),
    "another key, brought along as jwk": lambda f: f.signed_by_stranger(jwk=f.own_jwk()),
    "another key, to be fetched from jku": lambda f: f.signed_by_stranger(jku="http://127.0.0.1:9/jwks.json"),
    "a kid nobody has": lambda f: f.signed_by_stranger(kid="unknown"),
    "a kid that is a path": lambda f: f.signed_by_stranger(kid="../../dev/null"),
    "a kid that is SQL": lambda f: f.signed_by_stranger(kid="' OR 1=1 --"),
    "expired": lambda f: f.genuine(exp=past, iat=past - 900),
    "another issuer": lambda f: f.genuine(iss="https://evil.example"),
    "another audience": lambda f: f.genuine(aud="another-api"),
    "no refresh token opens a route": lambda f: f.genuine(type="refresh"),
    "a type and table that disagree": lambda f: f.genuine(userTable="platform_admins"),
    "a platform type with a tenant's table": lambda f: f.genuine(userType="platform_admin"),
    "a type nobody has": lambda f: f.genuine(userType="root", userTable="root"),
    "a session of nobody": lambda f: f.genuine(sid=str(ids.uuid7())),
    "own session in another tenant": lambda f: f.genuine(tenantId=str(f.victim.id)),
    "a tenant that is none": lambda f: f.genuine(tenantId=str(ids.uuid7())),
    "a tenant that is no id": lambda f: f.genuine(tenantId="*"),
    "no tenant": lambda f: f.without("tenantId"),
    "no session": lambda f: f.without("sid"),
    "no expiry": lambda f: f.without("exp"),
    "not a token": lambda _: "eyJhbGciOiJFUzI1NiJ9",
    "very long": lambda f: f.token + "A" * 7000,
}


@pytest.fixture(params=["pool", "silo"])
def forger(request: pytest.FixtureRequest, world: World) -> Forger:
    return Forger(world, world.tenant(request.param), world.tenant("pool" if request.param == "silo" else "silo"))


def ask(world: World, one: Try, token: str | None, path: str | None = None, body: Any = None, **headers: str) -> Answer:
    key = {"idempotency_key": str(ids.uuid7())} if one.route.method == "POST" else {}
    if body is None and one.route.method in ("POST", "PUT") and one.route.accepts[0] != "application/json":
        body, headers = "x", {**headers, "content_type": one.route.accepts[0]}
    path = path or one.path(dict.fromkeys(one.names, ids.uuid7()))
    return world.call(one.group, one.route.method, path, token, body, **key, **headers)


def test_the_genuine_token_is_let_in(world: World, forger: Forger) -> None:
    """The positive control: without the forgery, these very requests get past the door."""
    assert world.call("tenants", "GET", "/tenants/me", forger.genuine()).status == 200


def test_no_forged_token_opens_any_route(world: World, forger: Forger) -> None:
    told = []
    for what, forge in FORGERIES.items():
        token = forge(forger)
        for one in inventory():
            answer = ask(world, one, token)
            if answer.status not in REFUSED:
                told.append(f"{one.route.name} with {what}: {answer.status} {answer.code}")
    none_of(told)


def test_nobody_at_all_opens_no_route(world: World) -> None:
    spoken = ["Basic YWRtaW46YWRtaW4=", "Bearer", "Bearer ", "bearer null", "Token x", "Bearer a b c"]
    told = []
    for one in inventory():
        told += [one.route.name for _ in [0] if ask(world, one, None).status not in REFUSED]
        for value in spoken:
            if ask(world, one, None, authorization=value).status not in REFUSED:
                told.append(f"{one.route.name} with {value}")
    none_of(told)


TRICKS = ("x-user-id", "x-forwarded-user", "x-original-url", "x-rewrite-url", "x-http-method-override", "x-role")


def test_headers_make_nobody_somebody_else(world: World, forger: Forger) -> None:
    """Proxies' and frameworks' headers change neither path nor caller; a tenant named by a tenant's user is refused."""
    victim = forger.victim
    plain = world.call("tenants", "GET", "/tenants/me", forger.token)
    tricks = {trick.replace("-", "_"): str(victim.owner_id) for trick in TRICKS}
    tricked = world.call("tenants", "GET", "/tenants/me", forger.token, **tricks)
    assert (tricked.status, tricked.data["id"]) == (200, plain.data["id"])
    for named in (str(victim.id), str(ids.PLATFORM), "*", "", "null", f"{forger.claims['tenantId']},{victim.id}"):
        refused = world.call("students", "GET", "/students", forger.token, x_tenant_id=named)
        assert refused.status == 403, named


def test_every_kind_of_user_is_refused_what_is_another_tenant_s(world: World, forger: Forger) -> None:
    """Whoever may call a route with an id in its path: foreign and unknown ids are the same, to the byte."""
    foreign = Furniture(world, forger.victim.id)
    told = []
    people = [kind for kind in USER_TYPES if not kind.startswith("platform")]
    signed_in = {kind: world.token(kind, UUID(forger.claims["tenantId"])) for kind in people}
    for one in tries(world):
        ids_there = [name for name in one.names if name not in NAMES_NO_ROW]
        for kind in people if ids_there else ():
            body = list(bodies(one.route))[-1]
            there, never = (
                ask(world, one, signed_in[kind], one.path(values), body)
                for values in chosen_ids(one, foreign, ids_there)
            )
            if there.status < 400 or not same(there, never, {}):
                told.append(f"{one.route.name} as {kind}: {there.status} {there.raw!r} / {never.status} {never.raw!r}")
    none_of(told)


def chosen_ids(one: Try, foreign: Furniture, ids_there: list[str]) -> list[dict[str, Any]]:
    words = {name: "sms" for name in one.names if name in NAMES_NO_ROW}
    return [
        words | {name: foreign.row(one.table(name))["id"] for name in ids_there},
        words | {name: ids.uuid7() for name in ids_there},
    ]


def held(route: Route, kind: str) -> bool:
    asked = route.signature.allow.any_of if route.signature.allow else ()
    return not asked or bool(set(asked) & set(permissions.of([kind])))


def test_every_kind_of_user_is_refused_what_its_role_does_not_hold(world: World) -> None:
    """Role by route, read off the permissions: 403 before anything is said of path or body."""
    tenant = world.tenant()
    told = []
    for kind in USER_TYPES:
        home = ids.PLATFORM if kind.startswith("platform") else tenant.id
        token = world.token(kind, home)
        for one in inventory():
            if held(one.route, kind):
                continue
            answer = ask(world, one, token, body=None if one.route.signature.body is None else b"{not json")
            if answer.status not in (403, 415):
                told.append(f"{one.route.name} as {kind}: {answer.status} {answer.code}")
    none_of(told)
