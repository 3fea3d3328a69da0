"""A suspension reaches everything at once, as far as its scope goes: tokens already out, messages already queued."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest
from studyspot.messaging import service

from tests.messaging.conftest import (
    PHONE,
    Vendor,
    daytime,
    deliver,
    library,
    receipt,
    standing_queues,
    vendor,
    wallet,
)
from tests.world import Answer, Tenant, World, function

__all__ = ["daytime", "library", "standing_queues", "vendor"]


def turn(world: World, tenant: Tenant, verb: str, **body: Any) -> Answer:
    return world.call("tenants", "POST", f"/tenants/{tenant.id}/{verb}", world.admin(), body or None)


def suspend(world: World, tenant: Tenant, scope: str) -> None:
    assert turn(world, tenant, "suspend", reason="unpaid", scope=scope).status == 200


def read(world: World, token: str) -> Answer:
    return world.call("libraries", "GET", "/libraries", token)


def write(world: World, token: str) -> Answer:
    return world.call("settings", "PUT", "/tenants/me/settings", token, {"booking": {"holdMinutes": 5}})


@pytest.mark.parametrize("isolation", ["pool", "silo"])
@pytest.mark.parametrize(
    ("scope", "reads", "writes"), [("all", 403, 403), ("writes", 200, 403), ("messaging", 200, 200)]
)
def test_each_scope_reaches_tokens_already_out_in_less_than_five_seconds(
    world: World, isolation: str, scope: str, reads: int, writes: int
) -> None:
    tenant, other = world.tenant(isolation), world.tenant()
    student = world.token("student", tenant.id)
    assert (read(world, tenant.owner).status, read(world, student).status) == (200, 200)
    started = time.monotonic()
    suspend(world, tenant, scope)
    seen = read(world, tenant.owner).status, read(world, student).status, write(world, tenant.owner).status
    assert time.monotonic() - started < 5
    assert seen == (reads, reads, writes)
    assert (read(world, other.owner).status, write(world, other.owner).status) == (200, 200)
    assert turn(world, tenant, "reactivate").status == 200
    assert (read(world, student).status, write(world, tenant.owner).status) == (200, 200)


@pytest.mark.parametrize("scope", ["messaging", "all"])
def test_messages_already_queued_are_held_and_leave_once_afterwards(
    world: World, library: Tenant, vendor: Vendor, scope: str
) -> None:
    receipt(world, library)
    (command,) = world.outbox(library.id, "sms-service")
    suspend(world, library, scope)
    world.deliver("sms_sender", command)
    world.deliver("sms_sender", command)
    assert vendor.sent == []
    assert wallet(world, library) == (19, 1, 0)
    for _ in range(3):
        world.advance(timedelta(hours=24, minutes=1))
        minute(world)
        deliver(world, library)
    assert vendor.sent == []
    turn(world, library, "reactivate")
    world.advance(timedelta(minutes=16))
    minute(world)
    deliver(world, library)
    world.deliver("sms_sender", command)
    assert len(vendor.sent) == 1
    assert wallet(world, library) == (19, 0, 1)


def test_a_scope_of_writes_leaves_messages_alone(world: World, library: Tenant, vendor: Vendor) -> None:
    receipt(world, library)
    suspend(world, library, "writes")
    deliver(world, library)
    assert len(vendor.sent) == 1


def test_codes_to_sign_in_go_out_while_messages_are_stopped(world: World, library: Tenant, vendor: Vendor) -> None:
    suspend(world, library, "messaging")
    with world.db(library.id) as db:
        service.send(db, "otp_login", PHONE, {"code": "482913"})
    deliver(world, library, "sms-otp")
    assert len(vendor.sent) == 1


def minute(world: World) -> None:
    with world.worker():
        function("schedules", "minute").handler({}, None)
