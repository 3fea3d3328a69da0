"""Every column of every table says what it tells of a person; a new one fails here until it does."""

from __future__ import annotations

from collections import Counter

import psycopg
import pytest
from studyspot.kit import audit
from studyspot.privacy import datamap

from tests.architecture.sources import none_of
from tests.world import World

COLUMNS = """
    SELECT c.relname, array_agg(a.attname::text), array_agg(a.attname::text) FILTER (WHERE EXISTS (
        SELECT FROM pg_index i WHERE i.indrelid = c.oid AND a.attnum = ANY (i.indkey) AND i.indisunique))
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace GROUP BY 1"""
WHERE = "classify it in layers/studyspot/studyspot/privacy/datamap.toml"
UNMASKED = {"checkout", "claims", "workinghours", "name", "reason", "ipaddress", "device", "sealed", "detail",
            "changes", "answer", "city", "state", "pincode", "examtarget", "before", "after",
            "appeal", "liftreason", "reasons", "country"}  # fmt: skip
"""Personal columns the trail may name: masked where the resource is a person, or never told to the trail at all."""


@pytest.fixture
def columns(world: World) -> dict[str, set[str]]:
    """Tables of a cell and of the core, as they are."""
    found: dict[str, set[str]] = {}
    for name in ("pool_1", "studyspot"):
        with psycopg.connect(world.postgres.dsn(name)) as conn:
            found |= {table: set(names) for table, names, _ in conn.execute(COLUMNS)}
    return found


def test_every_column_is_classified_once(columns: dict[str, set[str]]) -> None:
    declared = {name: table.columns for name, table in datamap.tables().items()}
    none_of(
        f"{table}.{column}: {WHERE}"
        for table, names in sorted(columns.items())
        for column in sorted(names - set(declared.get(table, ())))
    )
    none_of(
        f"{table}.{column} is declared {times} times"
        for table, names in declared.items()
        for column, times in Counter(names).items()
        if times > 1
    )


def test_nothing_is_classified_that_does_not_exist(columns: dict[str, set[str]]) -> None:
    none_of(
        f"{name}.{column}"
        for name, table in datamap.tables().items()
        for column in (*table.columns, *table.unique, *filter(None, (table.person, table.value)))
        if column not in columns.get(name, ())
    )


def test_what_is_personal_says_whose_it_is(columns: dict[str, set[str]]) -> None:
    """Or is of an organisation, which has an end of its own."""
    of_organisations = {"admin_users", "library_owners", "signups", "tenants", "tenant_kyc"}
    none_of(
        name
        for name, table in datamap.tables().items()
        if table.personal and not (table.person or table.value) and name not in of_organisations
    )


def test_what_cannot_be_changed_is_declared_so_and_nothing_else_is(world: World) -> None:
    query = """
        SELECT table_name, array_agg(privilege_type::text) FROM information_schema.role_table_grants
        WHERE grantee = 'app' AND table_schema = 'public' GROUP BY 1"""
    with psycopg.connect(world.postgres.dsn("pool_1")) as conn:
        rights = {str(table): set(found) for table, found in conn.execute(query)}
    for name, table in datamap.tables().items():
        if name in rights and (table.free or table.personal):
            changeable = bool({"UPDATE", "DELETE"} & rights[name])
            assert (table.erased == "kept") is not changeable, name


def test_the_trail_masks_what_the_map_calls_personal() -> None:
    personal = {column for table in datamap.tables().values() if table.person for column in table.personal}
    plain = {column.replace("_", "") for column in personal if audit.masked({column: "x"}, "things") != {column: "***"}}
    assert plain <= UNMASKED
    for column in datamap.tables()["students"].personal:
        assert audit.masked({"deep": [{column: "x"}]}, "students") == {"deep": [{column: "***"}]}, column


def test_the_trail_masks_numbers_and_addresses_wherever_they_are_written() -> None:
    told = audit.masked({"reason": "mother, +91 98765 43210 or mail a.b@example.org", "id": "9f026d81"}, "bookings")
    assert told == {"reason": "mother, *** or mail ***", "id": "9f026d81"}
