"""Rotation of the signing key signs nobody out: a key is published a day before it signs, and verifies a day after."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import jwt
import pytest
from studyspot.identity.service import signing_keys
from studyspot.kit import cells, clock, ids, keyring
from studyspot.kit.ids import PLATFORM

from tests.world import Answer, World, fresh_signing_keys

DAY = timedelta(hours=24)


@pytest.fixture
def ring(world: World, tmp_path: Path) -> Iterator[Path]:
    """A stage whose keys are in a file, as the local one keeps them; the directory has not heard of them yet."""
    file = tmp_path / "keys.json"
    file.write_text(json.dumps([key | {"kid": f"ring-{ids.uuid7().hex[-8:]}"} for key in fresh_signing_keys()]))
    with world.setting(signing_keys=str(file)):
        yield file


def admin(world: World) -> str:
    """An administrator who has just proved who it is."""
    return world.proven(world.admin())


def rotate(world: World, token: str) -> Answer:
    return world.call("factors", "POST", "/auth/keys/rotate", token)


def kid_of(token: str) -> str:
    return str(jwt.get_unverified_header(token)["kid"])


def verified(token: str) -> bool:
    from studyspot.kit import tokens
    from studyspot.kit.errors import TokenExpired, Unauthenticated

    tokens._verified.clear()
    try:
        tokens.verify(token)
    except TokenExpired:
        return True
    except Unauthenticated:
        return False
    return True


def jwks() -> list[str]:
    from studyspot.kit import tokens

    return [key["kid"] for key in tokens.public_keys()]


def test_next_current_previous_retired(world: World, ring: Path) -> None:
    before = world.token("platform_staff", PLATFORM)
    first = kid_of(before)
    assert jwks() == [first]
    shown = rotate(world, admin(world)).data
    assert [key["status"] for key in shown] == ["current", "next"]
    second = shown[1]["kid"]
    assert jwks() == [first, second], "a day before it signs"
    assert kid_of(world.token("platform_staff", PLATFORM)) == first
    world.advance(DAY)
    after = world.token("platform_staff", PLATFORM)
    assert kid_of(after) == second, "nobody had to switch it over"
    assert jwks() == [first, second]
    assert verified(before)
    assert verified(after)
    world.advance(DAY)
    assert jwks() == [second]
    assert not verified(before)
    assert verified(after)
    third = rotate(world, admin(world)).data
    assert third[0]["kid"] == second
    assert first not in ring.read_text()
    with cells.core_db() as core:
        status = {r["kid"]: r["status"] for r in core.dicts("SELECT kid, status FROM signing_keys")}
        kept = str(core.dicts("SELECT public_jwk FROM signing_keys"))
    assert (status[first], status[second]) == ("retired", "current")
    assert "'d'" not in kept


def test_a_rotation_under_way_is_not_begun_again(world: World, ring: Path) -> None:
    token = admin(world)
    assert rotate(world, token).status == 200
    again = rotate(world, token)
    assert (again.status, again.code) == (409, "rotation_pending")
    assert len(json.loads(ring.read_text())) == 2


def test_only_administrators_who_prove_it_once_more(world: World, ring: Path) -> None:
    assert rotate(world, world.admin()).code == "step_up_required"
    assert rotate(world, world.token("platform_staff", PLATFORM)).code == "forbidden"
    assert rotate(world, world.tenant().owner).code == "forbidden"


def test_keys_in_the_environment_cannot_be_rotated_from_inside(world: World) -> None:
    assert rotate(world, admin(world)).code == "keys_fixed"
    with cells.core_db() as core:
        assert not signing_keys.rotate_when_old(core)


def test_a_process_learns_of_a_key_it_does_not_know(world: World, ring: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert verified(world.token("platform_staff", PLATFORM))
    held = keyring.ring()
    changed = keyring.Ring((*held.keys, keyring.generated(clock.now() - timedelta(seconds=1))))
    ring.write_text(changed.text())  # another process rotated
    signer = changed.signer()
    claims = jwt.decode(world.token("platform_staff", PLATFORM), options={"verify_signature": False})
    token = jwt.encode(claims, signer.jwk.key, algorithm="ES256", headers={"kid": signer.kid})
    assert not verified(token), "not read again for every invented kid"
    monkeypatch.setattr(keyring, "UNKNOWN_SECONDS", -1)
    assert verified(token)


def test_the_day_s_check_rotates_a_key_that_is_old(world: World, ring: Path) -> None:
    with cells.core_db() as core:
        assert not signing_keys.rotate_when_old(core)
    world.advance(timedelta(days=90, seconds=1))
    with world.worker():
        with cells.core_db() as core:
            assert signing_keys.rotate_when_old(core)
        with cells.core_db() as core:
            assert not signing_keys.rotate_when_old(core)
    assert len(jwks()) == 2


def test_a_deployed_stage_keeps_its_other_secrets(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from studyspot.kit import aws, settings

    kept = {"SIGNING_KEYS": json.dumps(fresh_signing_keys()), "HMAC_KEY": "x"}
    written: list[dict[str, str]] = []

    class Vault:
        def put_secret_value(self, **named: str) -> None:
            assert named["SecretId"] == "arn:vault"
            written.append(json.loads(named["SecretString"]))

    monkeypatch.setattr(settings, "secret", lambda arn: dict(kept))
    monkeypatch.setattr(aws, "client", lambda service: Vault())
    with world.setting(app_secret_arn="arn:vault", signing_keys=kept["SIGNING_KEYS"]):
        keyring.write(keyring.reread().with_next())
    assert written[0]["HMAC_KEY"] == "x"
    assert len(json.loads(written[0]["SIGNING_KEYS"])) == 2
