"""A tenant never sees another: every route, given a foreign tenant's ids, answers as if they had never existed.
Nor do staff bound to one library of a tenant see the others, whatever else they may do.

The matrix is made from the routes themselves, so a new route is in it from its first day. Each id is tried in the
path, then in the query and in the body, and the answer is compared with that to an id which nobody ever had.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import psycopg
import pytest
from pydantic import BaseModel
from studyspot.kit import ids, permissions
from studyspot.kit.api import Api, Route

from tests.architecture.furniture import Furniture, LibraryFurniture, shown
from tests.architecture.sources import apps, none_of
from tests.world import Answer, Tenant, World, function

PAIRS = [("pool", "pool"), ("silo", "pool"), ("pool", "silo")]
"""Whose things, and who reaches for them."""
SPEAKERS = ("library_owner", "library_staff", "student")

NAMES_NO_ROW = {
    "creditType": "a kind of credit, the same for everybody",
    "gateway": "a vendor, the same for everybody",
    "report": "a kind of report, the same for everybody",
}
"""Path values that are no ids of rows, each with what it is."""
PLAIN = {"report": "gst"}
"""What to put where `sms` is not one of them."""

TABLES = {
    "purposeId": "bookings",
    "endpointId": "webhook_endpoints",
    "keyId": "api_keys",
    "actorId": "users",
    "duplicateId": "students",
    "guardianId": "student_guardians",
    "dueId": "membership_dues",
    "billFileId": "files",
    "logoFileId": "files",
    "seriesId": "booking_series",
    "pauseId": "booking_pauses",
    "entryId": "waitlist_entries",
}
"""Path and body ids whose name is not that of their table."""


@dataclass(frozen=True)
class Try:
    """One route, and how its ids are called."""

    group: str
    route: Route

    @property
    def names(self) -> list[str]:
        return re.findall(r"{(\w+)}", self.route.path)

    def path(self, values: dict[str, Any]) -> str:
        return re.sub(r"{(\w+)}", lambda found: str(values[found[1]]), self.route.path)

    def table(self, name: str) -> str:
        """`libraryId` is in libraries, unless the route or this test says otherwise."""
        marked = {p.alias: self.route.signature.tables.get(p.name) for p in self.route.signature.path}
        return marked.get(name) or table_of(name)

    def speaker(self) -> str | None:
        """A kind of user who may call it at all; nobody for what only the platform may."""
        asked = self.route.signature.allow.any_of if self.route.signature.allow else ()
        return next((s for s in SPEAKERS if not asked or set(asked) & set(permissions.of([s]))), None)


def table_of(name: str) -> str:
    if name in TABLES:
        return TABLES[name]
    noun = re.sub(r"(?<=[a-z])([A-Z])", r"_\1", name.removesuffix("Id")).lower()
    return noun[:-1] + "ies" if noun.endswith("y") else f"{noun}s"


def tries(world: World) -> list[Try]:
    """Every route of every HTTP group that is not public and that a tenant's user may call."""
    groups: list[tuple[str, Api]] = [(name, function(kind, name).api) for kind, name in apps() if kind == "api"]
    found = [Try(name, route) for name, api in groups for route in api.routes if not route.public]
    return [one for one in found if one.speaker()]


class Reach:
    """One tenant's people reaching for another's things."""

    everybodys: frozenset[str] = frozenset()
    """Tables whose rows both sides see."""

    def __init__(self, world: World, theirs: str, mine: str) -> None:
        self.world = world
        self.mine: Tenant = world.tenant(mine)
        self.foreign = Furniture(world, world.tenant(theirs).id)
        self.own = Furniture(world, self.mine.id)
        people = {"library_owner": self.mine.owner_id, "library_staff": None, "student": self.own.row("students")["id"]}
        self.tokens = {who: world.proven(world.token(who, self.mine.id, person)) for who, person in people.items()}

    def call(self, one: Try, path: str, body: Any) -> Answer:
        speaker = one.speaker()
        assert speaker is not None
        key = {"idempotency_key": str(ids.uuid7())} if one.route.method == "POST" else {}
        headers: dict[str, str] = {}
        if body is None and one.route.method in ("POST", "PUT") and one.route.accepts[0] != "application/json":
            body, headers = "x", {"content_type": one.route.accepts[0]}
        return self.world.call(one.group, one.route.method, path, self.tokens[speaker], body, **key, **headers)

    def hidden(self, _: Route) -> int:
        """How a route answers what is not theirs to see."""
        return 404


class ReachWithin(Reach):
    """Staff bound to one library, with every right an owner can give, reaching for things of another library."""

    def __init__(self, world: World, isolation: str = "pool") -> None:
        self.world = world
        self.mine = world.tenant(isolation)
        self.own, self.foreign = (LibraryFurniture(world, self.mine.id) for _ in range(2))
        library = self.own.row("libraries")["id"]
        self.foreign.row("libraries")
        rights = sorted(permissions.OWNER)
        bound = world.proven(world.token("library_staff", self.mine.id, permissions=rights, libraryIds=[str(library)]))
        student = world.token("student", self.mine.id, self.own.row("students")["id"])
        self.tokens = {"library_owner": bound, "library_staff": bound, "student": student}
        query = """
            SELECT tablename FROM pg_tables t WHERE schemaname = 'public' AND NOT EXISTS (
                SELECT FROM pg_policies p WHERE p.tablename = t.tablename AND p.policyname = 'own_libraries')"""
        with psycopg.connect(self.own.dsn) as conn:
            self.everybodys = frozenset(name for (name,) in conn.execute(query)) | {"tenants"}

    def hidden(self, route: Route) -> int:
        """What concerns the whole organisation is closed to them, whatever is named."""
        return 403 if route.signature.allow and route.signature.allow.everywhere else 404


ABROAD = [f"{mine}-reaches-for-{theirs}" for theirs, mine in PAIRS]
WITHIN = "a-library-reaches-for-another"


def reached(world: World, how: str) -> Reach:
    return ReachWithin(world) if how == WITHIN else Reach(world, *PAIRS[ABROAD.index(how)])


@pytest.fixture(params=[*ABROAD, WITHIN])
def reach(request: pytest.FixtureRequest, world: World) -> Reach:
    return reached(world, request.param)


@pytest.fixture(params=ABROAD)
def abroad(request: pytest.FixtureRequest, world: World) -> Reach:
    return reached(world, request.param)


def same(foreign: Answer, unknown: Answer, swap: dict[str, str]) -> bool:
    """Byte for byte, but for the request's own id and what the caller wrote himself."""
    return neutral(foreign, swap) == neutral(unknown, {})


def neutral(answer: Answer, swap: dict[str, str]) -> tuple[int, dict[str, str], str]:
    apart = {"X-Request-Id", "Retry-After"}
    headers = {k: v for k, v in answer.headers.items() if k not in apart}
    text = re.sub(r'"(requestId|instance)":"[^"]*"', r'"\1":""', answer.raw.decode())
    for there, here in swap.items():
        text = text.replace(there, here)
    return answer.status, headers, text


def bodies(route: Route) -> Iterator[Any]:
    """No body; an empty one; one that the model accepts."""
    if route.signature.body is None:
        yield None
        return
    yield {}
    if (body := sample(route.signature.body[1])) is not None:
        yield body


def sample(model: type[BaseModel]) -> dict[str, Any] | None:
    """A body of the model's required fields, if one can be guessed from its schema."""
    schema = model.model_json_schema(by_alias=True)
    definitions = schema.get("$defs", {})
    body = {name: guess(schema["properties"][name], definitions) for name in schema.get("required", ())}
    try:
        model.model_validate_json(json.dumps(body))
    except ValueError:
        return None
    return body


TEXTS = {"date-time": "2031-01-06T06:30:00Z", "date": "2031-01-06", "uuid": str(UUID(int=9)), "time": "09:00",
         "email": "a@example.org"}  # fmt: skip


def guess(schema: dict[str, Any], definitions: dict[str, Any]) -> Any:
    """Some value that the schema allows."""
    if "$ref" in schema:
        return guess(definitions[schema["$ref"].rsplit("/", 1)[1]], definitions)
    if choice := next((schema[c] for c in ("anyOf", "oneOf", "allOf") if c in schema), None):
        return guess(choice[0], definitions)
    if "const" in schema or "enum" in schema:
        return schema.get("const", schema.get("enum", [None])[0])
    return plain(schema, definitions)


def plain(schema: dict[str, Any], definitions: dict[str, Any]) -> Any:
    """A value of the schema's type."""
    match schema.get("type"):
        case "object":
            return {name: guess(schema["properties"][name], definitions) for name in schema.get("required", ())}
        case "array":
            return [guess(schema["items"], definitions)] * schema.get("minItems", 0)
        case "integer" | "number":
            return max(schema.get("minimum", 1), schema.get("exclusiveMinimum", 0) + 1)
        case "boolean":
            return True
    text = "+919812345678" if "+" in str(schema.get("pattern", "")) else "x" * max(1, schema.get("minLength", 1))
    return TEXTS.get(schema.get("format", ""), text)


def test_every_id_of_a_path_is_known_to_this_matrix(world: World) -> None:
    furniture = Furniture(world, world.tenant().id)
    lost = []
    for one in tries(world):
        for name in one.names:
            if f"{one.route.name} {name}" not in NAMES_NO_ROW and name not in NAMES_NO_ROW:
                try:
                    furniture.row(one.table(name))
                except Exception as error:  # noqa: BLE001 - whatever is missing is what this test reports
                    lost.append(f"{one.route.name} {name}: {error}")
    none_of(lost)


def test_a_foreign_id_in_the_path_never_existed(world: World, reach: Reach) -> None:
    told = []
    for one in tries(world):
        ids_there = [name for name in one.names if name not in NAMES_NO_ROW]
        for name in ids_there:
            if one.table(name) in reach.everybodys:
                continue
            own = reach.own
            others = {n: shown(own.row(one.table(n))["id"]) for n in ids_there if n != name}
            others |= {n: "sms" for n in one.names if n in NAMES_NO_ROW}
            foreign = reach.foreign.row(one.table(name))["id"]
            for body in bodies(one.route):
                there = reach.call(one, one.path(others | {name: foreign}), body)
                never = reach.call(one, one.path(others | {name: ids.uuid7()}), body)
                if there.status != reach.hidden(one.route) or not same(there, never, {}):
                    told.append(f"{one.route.name} {name}: {there.status} {there.raw!r} / {never.status} {never.raw!r}")
    none_of(told)


def test_a_foreign_id_in_the_query_never_existed(world: World, reach: Reach) -> None:
    told = []
    for one in tries(world):
        own = reach.own
        path = one.path(
            {n: PLAIN.get(n, "sms") if n in NAMES_NO_ROW else own.row(one.table(n))["id"] for n in one.names}
        )
        for p in one.route.signature.query:
            if p.adapter.json_schema().get("format") != "uuid" and "uuid" not in json.dumps(p.adapter.json_schema()):
                continue
            if table_of(p.alias) in reach.everybodys:
                continue
            given = {"from": "2031-01-06T06:30:00Z", "to": "2031-01-06T08:30:00Z"}
            asked = "&".join(f"{q.alias}={given[q.alias]}" for q in one.route.signature.query if q.alias in given)
            foreign, unknown = reach.foreign.row(table_of(p.alias))["id"], ids.uuid7()
            there = reach.call(one, f"{path}?{p.alias}={foreign}&{asked}", None)
            never = reach.call(one, f"{path}?{p.alias}={unknown}&{asked}", None)
            if not same(there, never, {str(foreign): str(unknown)}):
                told.append(f"{one.route.name} ?{p.alias}: {there.status} {there.raw!r} / {never.status} {never.raw!r}")
    none_of(told)


def test_a_foreign_id_in_the_body_never_existed(world: World, reach: Reach) -> None:
    told = []
    for one in tries(world):
        if one.route.signature.body is None or (body := sample(one.route.signature.body[1])) is None:
            continue
        own = reach.own
        path = one.path(
            {n: PLAIN.get(n, "sms") if n in NAMES_NO_ROW else own.row(one.table(n))["id"] for n in one.names}
        )
        for field in [name for name, value in body.items() if value == TEXTS["uuid"]]:
            if table_of(field) in reach.everybodys:
                continue
            foreign, unknown = reach.foreign.row(table_of(field))["id"], ids.uuid7()
            there = reach.call(one, path, body | {field: str(foreign)})
            never = reach.call(one, path, body | {field: str(unknown)})
            if not same(there, never, {str(foreign): str(unknown)}):
                told.append(f"{one.route.name} {field}: {there.status} {there.raw!r} / {never.status} {never.raw!r}")
    none_of(told)


@pytest.mark.parametrize("isolation", ["pool", "silo"])
def test_the_same_ids_are_there_for_their_own_tenant(world: World, isolation: str) -> None:
    """The positive control: what the matrix reaches for does exist."""
    tenant = world.tenant(isolation)
    own = Furniture(world, tenant.id)
    lost = []
    for one in tries(world):
        if one.route.method == "GET" and one.speaker() == "library_owner" and one.names:
            path = one.path(
                {n: PLAIN.get(n, "sms") if n in NAMES_NO_ROW else own.row(one.table(n))["id"] for n in one.names}
            )
            if world.call(one.group, "GET", path, tenant.owner).status == 404:
                lost.append(one.route.name)
    none_of(lost)


def test_a_header_or_token_names_no_other_tenant(world: World, abroad: Reach) -> None:
    told, reach = [], abroad
    for one in tries(world):
        path = one.path(dict.fromkeys(one.names, ids.uuid7()))
        if "core" in one.route.signature.handles.values() and "tenant" not in one.route.signature.handles.values():
            continue
        speaker = one.speaker()
        assert speaker is not None
        answer = world.call(
            one.group, one.route.method, path, reach.tokens[speaker], x_tenant_id=str(reach.foreign.tenant)
        )
        if answer.status not in (403, 415):
            told.append(f"{one.route.name}: {answer.status}")
    none_of(told)


@pytest.mark.parametrize("isolation", ["pool", "silo"])
def test_no_list_shows_a_bound_member_of_staff_another_library(world: World, isolation: str) -> None:
    """Every table is furnished for both libraries, every list is read: nothing of the other library is in it."""
    reach = ReachWithin(world, isolation)
    tables = sorted(scoped_tables(reach))
    for side in (reach.own, reach.foreign):
        for table in tables:
            side.row(table)
    secret = {str(row["id"]): table for table, row in reach.foreign.rows.items() if table in tables and "id" in row}
    secret |= {reach.foreign.number: "the other library's number"}
    window = {"from": "2026-01-06T06:30:00Z", "to": "2026-01-06T08:30:00Z", "month": "2026-01"}
    told, shown_own = [], set()
    own = {str(row["id"]): table for table, row in reach.own.rows.items() if "id" in row}
    for one in tries(world):
        if one.route.method != "GET":
            continue
        path = one.path(
            {n: PLAIN.get(n, "sms") if n in NAMES_NO_ROW else reach.own.row(one.table(n))["id"] for n in one.names}
        )
        needed = {
            p.alias: window.get(p.alias) or own_id(reach, p.alias) for p in one.route.signature.query if p.required
        }
        answer = reach.call(one, f"{path}?{urlencode(needed)}", None)
        assert answer.status < 500 or answer.code == "unavailable", one.route.name
        text = answer.raw.decode(errors="replace")
        told += [f"{one.route.name} shows {what}" for value, what in secret.items() if value in text]
        shown_own |= {what for value, what in own.items() if value in text}
    none_of(told)
    assert {"libraries", "students", "bookings", "memberships", "attendance", "payments"} <= shown_own


UNFURNISHED = {"audit_logs", "invoices", "invoice_items", "credit_notes", "credit_note_items",
               "ledger_transactions", "ledger_entries"}  # fmt: skip
"""A trail that holds only what was done, and figures that have to add up."""


def scoped_tables(reach: Reach) -> set[str]:
    """Whatever is bound to libraries, and can be furnished from the catalogue alone."""
    with psycopg.connect(reach.own.dsn) as conn:
        query = "SELECT tablename FROM pg_policies WHERE policyname = 'own_libraries'"
        return {name for (name,) in conn.execute(query)} - UNFURNISHED


def own_id(reach: Reach, alias: str) -> str:
    return str(reach.own.row(table_of(alias))["id"])
