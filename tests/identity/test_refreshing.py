"""Rotation never signs an honest client out; a token that two have used signs both out, and one is told."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from studyspot.identity.models import Tokens
from studyspot.identity.service import directory, sessions
from studyspot.kit import cells, connections, opaque
from studyspot.kit.db import Db
from studyspot.kit.ids import PLATFORM

from tests.identity.people import owner_with_password, refresh, sign_in, student_with_phone, told
from tests.identity.test_own_sessions import by_code
from tests.world import Tenant, World

PHONE = "+919300000001"


def signed_in(world: World, isolation: str = "pool") -> tuple[Tenant, str, dict[str, Any]]:
    tenant = world.tenant(isolation)
    email = owner_with_password(tenant)
    return tenant, email, sign_in(world, email, user_agent="A laptop").data


def elsewhere(tenant: UUID, token: str, at_once: threading.Barrier) -> str:
    """As another instance would rotate it: on connections of its own, all at the same moment."""
    core, own = connections.Connection(cells.core_place()), connections.Connection(cells.place_of(tenant))
    core_db, db = Db(core, PLATFORM), Db(own, tenant)
    try:
        known = sessions.queries.family(db, opaque.hashed("refresh", token))
        assert known
        who = directory.person(core_db, db, known.user_type, known.user_id)
        at_once.wait(timeout=10)
        with db.transaction():
            pair: Tokens = sessions._rotate(db, token, who, lambda *_: pytest.fail("nobody is warned"))
        db.finish()
        return pair.refresh_token
    finally:
        core.pg.close()
        own.pg.close()


@pytest.mark.parametrize("isolation", ["pool", "silo"])
def test_eight_tabs_that_refresh_in_the_same_instant_all_go_on(world: World, isolation: str) -> None:
    tenant, _, pair = signed_in(world, isolation)
    token = pair["refreshToken"]
    for _ in range(3):
        at_once = threading.Barrier(8)
        with ThreadPoolExecutor(8) as tabs:
            asked = [tabs.submit(elsewhere, tenant.id, token, at_once) for _ in range(8)]
            answers = [tab.result() for tab in asked]
        assert set(answers) == {opaque.successor("refresh", token)}
        token = answers[0]
        world.advance(timedelta(minutes=14))
    assert refresh(world, token).status == 200


def test_a_server_that_dies_before_it_commits_has_rotated_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, _, pair = signed_in(world)
    token, finish = pair["refreshToken"], Db.finish

    def dies(self: Db, *last: Any) -> None:
        if self.tenant != PLATFORM and self.waiting:
            self.rollback()
            raise OSError("gone")
        finish(self, *last)

    with monkeypatch.context() as broken:
        broken.setattr(Db, "finish", dies)
        assert refresh(world, token).status == 500
    world.advance(timedelta(hours=5))
    assert refresh(world, token).status == 200, "an hour later the old token is still the newest"


def test_a_client_that_died_before_it_kept_the_answer_goes_on_with_what_it_had(world: World) -> None:
    _, _, pair = signed_in(world)
    lost = refresh(world, pair["refreshToken"]).data["refreshToken"]
    world.advance(timedelta(seconds=29))
    kept = refresh(world, pair["refreshToken"]).data["refreshToken"]
    assert kept == lost
    world.advance(timedelta(minutes=14))
    assert refresh(world, kept).status == 200


@pytest.mark.parametrize("seed", range(6))
def test_whatever_happens_to_answers_an_honest_client_stays_signed_in(world: World, seed: int) -> None:
    """Tabs share what is kept; answers are lost or come late, requests are sent again, all within half a minute."""
    _, _, pair = signed_in(world)
    dice, kept = random.Random(seed), pair["refreshToken"]
    for _ in range(8):
        world.advance(timedelta(minutes=dice.uniform(1, 15)))
        begun_with, spent = kept, 0.0
        for _ in range(dice.randint(1, 4)):
            answer = refresh(world, begun_with)
            assert answer.status == 200, answer.json
            if dice.random() < 0.6:
                kept = answer.data["refreshToken"]
            pause = dice.uniform(0, (29 - spent) / 2)
            spent += pause
            world.advance(timedelta(seconds=pause))
        if kept == begun_with:
            kept = refresh(world, begun_with).data["refreshToken"]
    assert refresh(world, kept).status == 200


@pytest.mark.parametrize(
    "theft",
    [lambda w: w.advance(timedelta(seconds=31)), lambda w: None],
    ids=["after the half minute", "two generations old"],
)
def test_whose_token_was_used_by_two_is_told_by_mail(world: World, theft: Callable[[World], None]) -> None:
    tenant, email, pair = signed_in(world)
    second = refresh(world, pair["refreshToken"]).data
    theft(world)
    refresh(world, second["refreshToken"])
    assert refresh(world, pair["refreshToken"]).code == "refresh_reused"
    assert told(tenant.id, email)[-1] == {"device": "A laptop"}
    assert len(world.outbox(tenant.id, "email")) == 1
    assert refresh(world, pair["refreshToken"]).code == "token_revoked"
    assert len(world.outbox(tenant.id, "email")) == 1, "once, not for every try of the thief"


def test_a_student_without_a_mail_address_is_signed_out_all_the_same(world: World) -> None:
    tenant = world.tenant()
    student_with_phone(tenant, PHONE)
    pair = by_code(world, tenant, PHONE)
    refresh(world, pair["refreshToken"])
    world.advance(timedelta(seconds=31))
    assert refresh(world, pair["refreshToken"]).code == "refresh_reused"
    assert [e["subject"] for e in world.outbox(tenant.id, "user.refresh_reused")] == [pair["user"]["id"]]
