"""Who an organisation is in law: checked as it comes, sealed as it rests, decided by the platform alone."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from studyspot.kit import cells, ids
from studyspot.kyc import service
from studyspot.kyc.models import KycRequired, check_character

from tests.files.test_files import PAGE, ask, bring, read
from tests.world import Answer, Tenant, World

PDF = b"%PDF-1.7\n" + b"\0" * 64
KNOWN = ("27AAPFU0939F1ZV", "29AAGCB7383J1Z4", "24AAACC1206D1ZM")
"""Registered numbers that their holders publish."""
GIVEN = {"legalName": "Reading Rooms LLP", "pan": "AAPFU0939F", "gstin": KNOWN[0], "ifsc": "HDFC0001234",
         "accountNumber": "50100123456789", "accountName": "Reading Rooms LLP"}  # fmt: skip


def put(world: World, tenant: Tenant, body: Any, **headers: str) -> Answer:
    return world.call("settings", "PUT", "/tenants/me/kyc", tenant.owner, body, **headers)


def decide(world: World, tenant: Tenant, token: str, body: Any) -> Answer:
    return world.call("tenants", "POST", f"/tenants/{tenant.id}/kyc/decision", token, body)


def test_owners_give_and_operators_decide(world: World) -> None:
    tenant, other = world.tenant(), world.tenant()
    student = world.token("student", tenant.id)
    assert world.call("settings", "GET", "/tenants/me/kyc", student).code == "forbidden"
    assert world.call("settings", "PUT", "/tenants/me/kyc", student, {}).code == "forbidden"
    put(world, tenant, GIVEN)
    assert decide(world, tenant, tenant.owner, {"approve": True}).code == "forbidden"
    assert world.call("tenants", "GET", f"/tenants/{tenant.id}/kyc", tenant.owner).code == "forbidden"
    assert decide(world, other, world.admin(), {"approve": True}).code == "state_conflict"


def test_numbers_have_the_form_and_the_check_character_they_must_have(world: World) -> None:
    assert [check_character(number[:14]) for number in KNOWN] == [number[14] for number in KNOWN]
    tenant = world.tenant()
    for field, value in (
        ("pan", "AAPFU0939"), ("pan", "AAPXU0939F"), ("gstin", "27AAPFU0939F1ZW"), ("gstin", "27AAPFU0939F1YV"),
        ("ifsc", "HDFC1001234"), ("ifsc", "hdfc0001234"), ("accountNumber", "12345678"), ("accountNumber", "12345678x"),
    ):  # fmt: skip
        refused = put(world, tenant, GIVEN | {field: value})
        assert (refused.code, refused.json["errors"][0]["field"]) == ("validation_failed", field), value
    assert put(world, tenant, GIVEN | {"pan": "AAGCB7383J"}).json["errors"][0]["field"] == "gstin"
    assert world.call("settings", "GET", "/tenants/me/kyc", tenant.owner).data["status"] == "incomplete"


@pytest.mark.parametrize("isolation", ["pool", "silo"])
def test_it_is_submitted_when_complete_decided_once_and_submitted_again_by_a_change(
    world: World, isolation: str
) -> None:
    tenant = world.tenant(isolation)
    first = put(world, tenant, {"legalName": "Reading Rooms LLP"}).data
    assert first["status"] == "incomplete"
    assert first["missing"] == ["pan", "account_number", "account_name", "ifsc"]
    submitted = put(world, tenant, {k: v for k, v in GIVEN.items() if k != "legalName"}).data
    assert (submitted["status"], submitted["missing"]) == ("submitted", [])
    assert decide(world, tenant, world.admin(), {"approve": False}).code == "validation_failed"
    assert decide(world, tenant, world.admin(), {"approve": True, "version": 1}).code == "version_conflict"
    rejected = decide(world, tenant, world.admin(), {"approve": False, "reason": "the name differs"}).data
    assert (rejected["status"], rejected["reason"]) == ("rejected", "the name differs")
    assert decide(world, tenant, world.admin(), {"approve": True}).code == "state_conflict"
    again = put(world, tenant, {"accountName": "Reading Rooms"}).data
    assert (again["status"], again["reason"], again["decidedAt"]) == ("submitted", None, None)
    assert decide(world, tenant, world.admin(), {"approve": True, "version": again["version"]}).status == 200
    with cells.tenant_db(tenant.id) as db:
        service.approved(db)
    put(world, tenant, {"ifsc": "SBIN0000001"})
    with pytest.raises(KycRequired), cells.tenant_db(tenant.id) as db:
        service.approved(db)


def test_numbers_stand_nowhere_in_the_clear(world: World) -> None:
    tenant = world.tenant()
    shown = put(world, tenant, GIVEN)
    assert (shown.data["pan"], shown.data["accountNumber"]) == ("******939F", "**********6789")
    assert shown.data["gstin"] == "***********F1ZV"
    decide(world, tenant, world.admin(), {"approve": True})
    with psycopg.connect(world.postgres.dsn("pool_1")) as conn:
        for table in ("tenant_kyc", "audit_logs", "outbox"):
            row = conn.execute(f"SELECT string_agg(t::text, '') FROM {table} t WHERE tenant_id = %s", (tenant.id,))
            kept = (row.fetchone() or ("",))[0]
            assert kept
            for secret in (GIVEN["pan"], GIVEN["gstin"], GIVEN["accountNumber"]):
                assert secret not in kept, table


def test_a_stale_change_is_refused(world: World) -> None:
    tenant = world.tenant()
    seen = world.call("settings", "GET", "/tenants/me/kyc", tenant.owner).headers["ETag"]
    assert put(world, tenant, GIVEN, if_match=seen).status == 200
    assert put(world, tenant, GIVEN, if_match=seen).code == "version_conflict"


def test_documents_are_the_organisation_s_own_files_brought_for_this_and_found_good(world: World, bucket: Any) -> None:
    tenant, other = world.tenant(), world.tenant()
    document = {"purpose": "document", "name": "deed.pdf", "contentType": "application/pdf"}
    good, fresh = (bring(world, bucket, tenant, PDF, **document) for _ in range(2))
    assert read(world, tenant.owner, good).data["status"] == "ready"
    foreign = bring(world, bucket, other, PDF, **document)
    assert read(world, other.owner, foreign).data["status"] == "ready"
    picture = bring(world, bucket, tenant)
    assert read(world, tenant.owner, picture).data["status"] == "ready"
    not_brought = ask(world, tenant.owner, len(PDF), **document).data["id"]
    disguised = bring(world, bucket, tenant, PAGE, **document)
    for wrong in (foreign, str(ids.uuid7()), picture, not_brought, disguised):
        refused = put(world, tenant, GIVEN | {"documents": [good, wrong]})
        assert (refused.code, refused.json["errors"][0]["field"]) == ("validation_failed", "documents")
        assert wrong in refused.json["errors"][0]["message"] and good not in refused.json["errors"][0]["message"]
    assert world.call("settings", "GET", "/tenants/me/kyc", tenant.owner).data["status"] == "incomplete"
    taken = put(world, tenant, GIVEN | {"documents": [good, fresh]}).data
    assert (taken["documents"], taken["status"]) == ([good, fresh], "submitted"), "brought is looked at, not refused"
    assert put(world, tenant, {"documents": []}).data["documents"] == []
