"""Signing up by oneself: nothing is made before the address is proved, and nobody learns whose address is known."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from studyspot.identity.models import LinkInvalid
from studyspot.kit import aws, cells, clock, ids
from studyspot.kit.db import Db
from studyspot.messaging import sealing
from studyspot.subscriptions import service as subscriptions
from studyspot.tenants import signing_up
from studyspot.tenants.models import SignUpConfirmed

from tests.alongside import at_once
from tests.world import Answer, World

PASSWORD = "Lantern-Harbour-42"


@pytest.fixture(autouse=True)
def ground(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for call in ("send_message", "start_execution", "put_event"):
        monkeypatch.setattr(aws, call, lambda *_: None)
    with cells.core_db() as core:
        subscriptions.seed_plans(core)


def address() -> str:
    return f"{ids.uuid7().hex[-12:]}@example.org"


def ask(world: World, email: str, **more: Any) -> Answer:
    body = {"name": "Owner", "email": email, "tenantName": "Reading Room", **more}
    return world.call("tenants", "POST", "/tenants/signup", None, body)


def confirm(world: World, token: str, password: str = PASSWORD) -> Answer:
    return world.call("tenants", "POST", "/tenants/signup/confirm", None, {"token": token, "password": password})


def letters(email: str) -> list[tuple[str, str | None]]:
    """Template and token of every mail to that address."""
    with cells.core_db() as core:
        rows = core.dicts(
            "SELECT id, template_id, sealed FROM communications WHERE to_address = %(to)s ORDER BY id", to=email
        )
    return [(row["template_id"], sealing.unseal(row["sealed"], row["id"]).get("token")) for row in rows]


def organisations(email: str) -> int:
    with cells.core_db() as core:
        return int(core.value("SELECT count(*) FROM tenants WHERE email = %(email)s", email=email))


def test_nothing_is_made_before_the_mailed_link_comes_back(world: World) -> None:
    email = address()
    assert ask(world, email).status == 202
    assert organisations(email) == 0
    ((template, token),) = letters(email)
    assert template == "signup_confirm"
    assert token
    made = confirm(world, token)
    assert made.status == 201
    assert made.data["status"] == "provisioning"
    assert organisations(email) == 1
    with cells.core_db() as core:
        proved = core.value("SELECT email_verified_at FROM library_owners WHERE email = %(email)s", email=email)
    assert proved is not None
    assert confirm(world, token).code == "link_invalid"
    assert organisations(email) == 1


def test_a_known_address_is_answered_the_same_and_told_so_by_mail_alone(world: World) -> None:
    known = world.tenant()
    there, nobody = f"{known.slug}@example.org", address()
    first, second = ask(world, there), ask(world, nobody)
    assert (first.status, first.json) == (second.status, second.json)
    assert letters(there) == [("account_exists", None)]
    assert organisations(there) == 1


def test_the_link_ends_after_a_day_and_the_password_must_be_strong(world: World) -> None:
    email = address()
    ask(world, email)
    ((_, token),) = letters(email)
    assert token
    weak = confirm(world, token, "password")
    assert weak.code == "weak_password"
    assert organisations(email) == 0
    assert confirm(world, token[:-2] + "xx").code == "link_invalid"
    world.advance(timedelta(hours=24, minutes=1))
    assert confirm(world, token).code == "link_invalid"
    ask(world, address())
    with cells.core_db() as core:
        assert core.value("SELECT count(*) FROM signups WHERE expires_at <= %(now)s", now=clock.now()) == 0


def test_two_clicks_at_once_make_one_organisation(world: World) -> None:
    email = address()
    ask(world, email)
    ((_, token),) = letters(email)
    assert token

    def click(core: Db, number: int) -> bool:
        try:
            signing_up.confirm(core, SignUpConfirmed(token=token, password=PASSWORD))
        except LinkInvalid:
            return False
        return True

    assert sum(at_once(ids.PLATFORM, click, range(4), clients=4)) == 1
    assert organisations(email) == 1


def test_three_an_hour_for_an_address_and_a_taken_code_at_once(world: World) -> None:
    email, taken = address(), world.tenant().slug
    assert ask(world, address(), slug=taken).code == "slug_taken"
    with world.setting(rate_limit_factor="1"):
        answers = [ask(world, email) for _ in range(4)]
    assert [a.status for a in answers] == [202, 202, 202, 429]
    assert 0 < int(answers[3].headers["Retry-After"]) <= 3600


@pytest.mark.parametrize("body", [{}, {"email": "nobody"}, {"tenantName": ""}, {"tenantId": str(UUID(int=1))}])
def test_what_is_wrong_is_refused(world: World, body: dict[str, Any]) -> None:
    whole = {"name": "Owner", "email": address(), "tenantName": "Reading Room"}
    sent = whole | body if body else {}
    assert world.call("tenants", "POST", "/tenants/signup", None, sent).code == "validation_failed"


def test_no_token_stands_in_the_clear(world: World) -> None:
    email = address()
    ask(world, email)
    ((_, token),) = letters(email)
    assert token
    with cells.core_db() as core:
        for table in ("signups", "communications", "outbox", "audit_logs"):
            kept = core.value(f"SELECT string_agg(t::text, ' ') FROM {table} t") or ""
            assert token not in kept, table
    assert re.fullmatch(r"[A-Za-z0-9_.-]{30,}", token)
