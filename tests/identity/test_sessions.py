"""A session lives by rotating its refresh token, dies at once when ended, and is never shared with a thief."""

from __future__ import annotations

import base64
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from studyspot.kit import cells, ids, keyring, opaque, tokens
from studyspot.kit.ids import PLATFORM

from tests.identity.people import (
    admin_with_password,
    audited,
    owner_with_password,
    refresh,
    sign_in,
    staff_with_password,
)
from tests.world import Tenant, World


def signed_in(world: World, isolation: str = "pool") -> tuple[Tenant, dict[str, Any]]:
    tenant = world.tenant(isolation)
    return tenant, sign_in(world, owner_with_password(tenant)).data


def me(world: World, access_token: str) -> str:
    answer = world.call("auth", "GET", "/auth/me", access_token)
    return "ok" if answer.status == 200 else answer.code


def test_a_forged_a_changed_and_a_foreign_refresh_token_open_nothing(world: World) -> None:
    _, pair = signed_in(world)
    token = pair["refreshToken"]
    other = signed_in(world)[1]["refreshToken"]
    forged = base64.urlsafe_b64encode(PLATFORM.bytes + bytes(32)).decode() + "." + "0" * 32
    spliced = other.partition(".")[0] + "." + token.partition(".")[2]
    for bad in ("x", "ü.ü", ".", forged, spliced, token[:-1] + ("0" if token[-1] != "0" else "1"), token.upper()):
        answer = refresh(world, bad)
        assert (answer.status, answer.code) == (401, "unauthenticated"), bad


@pytest.mark.parametrize("isolation", ["pool", "silo"])
def test_a_refresh_token_is_replaced_and_only_hashes_are_kept(world: World, isolation: str) -> None:
    tenant, first = signed_in(world, isolation)
    second = refresh(world, first["refreshToken"]).data
    assert second["refreshToken"] != first["refreshToken"]
    assert second["user"] == first["user"]
    assert [me(world, pair["accessToken"]) for pair in (first, second)] == ["ok", "ok"]
    sids = {tokens.verify(pair["accessToken"])["sid"] for pair in (first, second)}
    assert len(sids) == 1
    with world.db(tenant.id) as db:
        kept = json.dumps(db.dicts("SELECT * FROM refresh_tokens"), default=str)
    assert first["refreshToken"] not in kept
    assert second["refreshToken"] not in kept


def test_a_lost_answer_within_30_seconds_gives_the_same_new_token(world: World) -> None:
    _, first = signed_in(world)
    second = refresh(world, first["refreshToken"]).data
    world.advance(timedelta(seconds=25))
    again = refresh(world, first["refreshToken"]).data
    assert again["refreshToken"] == second["refreshToken"]
    assert refresh(world, again["refreshToken"]).status == 200


def test_two_tabs_at_the_same_moment_get_the_same_new_token(world: World) -> None:
    from studyspot.identity.queries import sessions

    tenant, first = signed_in(world)
    token = first["refreshToken"]
    with ThreadPoolExecutor(1) as other_tab, cells.tenant_db(tenant.id) as db:
        with db.transaction():
            sessions.family_locked(db, opaque.hashed("refresh", token))
            waiting = other_tab.submit(_refresh_elsewhere, world, tenant.id, token)
            with pytest.raises(TimeoutError):
                waiting.result(timeout=0.3)
        db.commit()
        assert waiting.result(timeout=5) == opaque.successor("refresh", token)
    assert refresh(world, token).data["refreshToken"] == opaque.successor("refresh", token)


def _refresh_elsewhere(world: World, tenant: UUID, token: str) -> str:
    """As another instance: on a connection of its own."""
    from studyspot.identity.service import directory, sessions
    from studyspot.kit import connections
    from studyspot.kit.db import Db

    core, own = connections.Connection(cells.core_place()), connections.Connection(cells.place_of(tenant))
    core_db, db = Db(core, PLATFORM), Db(own, tenant)
    try:
        known = sessions.queries.family(db, opaque.hashed("refresh", token))
        assert known
        who = directory.person(core_db, db, known.user_type, known.user_id)
        with db.transaction():
            pair = sessions._rotate(db, token, who, lambda *_: None)
        db.finish()
        return pair.refresh_token
    finally:
        core.pg.finish() if hasattr(core.pg, "finish") else core.pg.close()
        own.pg.finish() if hasattr(own.pg, "finish") else own.pg.close()


def test_the_preceding_token_after_the_grace_ends_the_session(world: World) -> None:
    tenant, first = signed_in(world)
    second = refresh(world, first["refreshToken"]).data
    world.advance(timedelta(seconds=31))
    reused = refresh(world, first["refreshToken"])
    assert (reused.status, reused.code) == (401, "refresh_reused")
    assert refresh(world, second["refreshToken"]).code == "token_revoked"
    assert me(world, second["accessToken"]) == "token_revoked"
    assert len(audited(tenant.id, "auth.refresh_reused", actor_id=tenant.owner_id)) == 1
    assert [e["subject"] for e in world.outbox(tenant.id, "user.refresh_reused")] == [str(tenant.owner_id)]


def test_a_token_two_generations_old_ends_the_session_even_within_the_grace(world: World) -> None:
    _, first = signed_in(world)
    second = refresh(world, first["refreshToken"]).data
    third = refresh(world, second["refreshToken"]).data
    assert refresh(world, first["refreshToken"]).code == "refresh_reused"
    assert refresh(world, third["refreshToken"]).code == "token_revoked"


def test_reuse_in_one_session_leaves_the_others_alone(world: World) -> None:
    tenant = world.tenant()
    email = owner_with_password(tenant)
    phone, laptop = sign_in(world, email).data, sign_in(world, email).data
    refresh(world, phone["refreshToken"])
    world.advance(timedelta(minutes=1))
    assert refresh(world, phone["refreshToken"]).code == "refresh_reused"
    assert refresh(world, laptop["refreshToken"]).status == 200


def test_logout_revokes_both_tokens_at_once_and_nothing_else(world: World) -> None:
    tenant = world.tenant()
    email = owner_with_password(tenant)
    here, there = sign_in(world, email).data, sign_in(world, email).data
    assert world.call("auth", "POST", "/auth/logout").code == "unauthenticated"
    out = world.call("auth", "POST", "/auth/logout", here["accessToken"])
    assert (out.status, out.raw) == (204, b"")
    assert me(world, here["accessToken"]) == "token_revoked"
    assert refresh(world, here["refreshToken"]).code == "token_revoked"
    assert me(world, there["accessToken"]) == "ok"
    assert audited(tenant.id, "auth.logout", actor_id=tenant.owner_id)


def test_an_administrator_logs_out_of_tenant_zero_whatever_tenant_he_looks_into(world: World) -> None:
    email = f"admin-{ids.uuid7()}@example.org"
    admin_with_password(email)
    body = {"email": email, "password": "a quiet reading room"}
    pair = world.call("auth", "POST", "/auth/admin/login", None, body).data
    assert refresh(world, pair["refreshToken"]).status == 200
    tenant = world.tenant()
    out = world.call("auth", "POST", "/auth/logout", pair["accessToken"], x_tenant_id=str(tenant.id))
    assert out.status == 204
    assert me(world, pair["accessToken"]) == "token_revoked"


def test_an_access_token_lives_15_minutes_by_the_products_clock(world: World) -> None:
    _, pair = signed_in(world)
    world.advance(timedelta(minutes=14))
    assert me(world, pair["accessToken"]) == "ok"
    world.advance(timedelta(minutes=1, seconds=1))
    assert me(world, pair["accessToken"]) == "token_expired"
    assert me(world, refresh(world, pair["refreshToken"]).data["accessToken"]) == "ok"


def test_a_session_ends_a_week_after_its_last_use(world: World) -> None:
    _, pair = signed_in(world)
    world.advance(timedelta(days=7, seconds=1))
    assert refresh(world, pair["refreshToken"]).code == "token_expired"


def test_a_session_ends_thirty_days_after_the_sign_in_however_it_is_used(world: World) -> None:
    _, pair = signed_in(world)
    for _ in range(4):
        world.advance(timedelta(days=6))
        pair = refresh(world, pair["refreshToken"]).data
    world.advance(timedelta(days=5, hours=23))
    pair = refresh(world, pair["refreshToken"]).data
    world.advance(timedelta(hours=2))
    assert refresh(world, pair["refreshToken"]).code == "token_expired"
    assert me(world, pair["accessToken"]) == "token_expired"


def test_a_refresh_tells_the_truth_of_today(world: World) -> None:
    tenant, email = world.tenant(), f"staff-{ids.uuid7()}@example.org"
    staff = staff_with_password(tenant, email)
    pair = sign_in(world, email).data
    with world.db(tenant.id) as db:
        db.run("UPDATE users SET permissions = '{payments:refund}' WHERE id = %(id)s", id=staff)
    pair = refresh(world, pair["refreshToken"]).data
    assert "payments:refund" in tokens.verify(pair["accessToken"])["permissions"]
    with world.db(tenant.id) as db:
        db.run("UPDATE users SET status = 'suspended' WHERE id = %(id)s", id=staff)
    assert refresh(world, pair["refreshToken"]).code == "account_suspended"
    assert me(world, pair["accessToken"]) == "token_revoked"


def _forged(pair: dict[str, Any], **changes: Any) -> dict[str, str]:
    head, claims, signature = pair["accessToken"].split(".")
    known = json.loads(base64.urlsafe_b64decode(claims + "=="))
    changed = {**known, **changes}
    thief = ec.generate_private_key(ec.SECP256R1())
    body = base64.urlsafe_b64encode(json.dumps(changed).encode()).decode().rstrip("=")
    public = str(tokens.public_keys()[0]["x"])
    return {
        "changed claims, old signature": f"{head}.{body}.{signature}",
        "alg none": jwt.encode(changed, None, algorithm="none", headers={"kid": "test-1"}),
        "public key as a shared secret": jwt.encode(
            changed, public.ljust(64), algorithm="HS256", headers={"kid": "test-1"}
        ),
        "a key of one's own": jwt.encode(changed, thief, algorithm="ES256", headers={"kid": "test-1"}),
        "an unknown key": jwt.encode(changed, thief, algorithm="ES256", headers={"kid": "../../etc/passwd"}),
        "no signature": f"{head}.{claims}.",
    }


def test_a_token_that_is_not_ours_word_for_word_opens_nothing(world: World) -> None:
    _, pair = signed_in(world)
    victim = world.tenant()
    for how, token in _forged(pair, tenantId=str(victim.id), userId=str(victim.owner_id)).items():
        assert me(world, token) == "unauthenticated", how


def test_a_genuine_token_whose_table_and_type_disagree_is_refused(world: World) -> None:
    _, pair = signed_in(world)
    claims = tokens.verify(pair["accessToken"])
    signer = keyring.ring().signer()
    for changes in (
        {"userTable": "platform_admins"},
        {"userType": "platform_admin"},
        {"type": "refresh"},
        {"aud": "x"},
    ):
        bad = jwt.encode({**claims, **changes}, signer.jwk.key, algorithm="ES256", headers={"kid": signer.kid})
        assert me(world, bad) == "unauthenticated", changes


def test_a_genuine_token_is_verified_with_its_claims(world: World) -> None:
    _, pair = signed_in(world)
    assert world.call("auth", "POST", "/auth/verify").code == "unauthenticated"
    answer = world.call("auth", "POST", "/auth/verify", pair["accessToken"]).data
    assert answer == {"valid": True, "claims": tokens.verify(pair["accessToken"])}
