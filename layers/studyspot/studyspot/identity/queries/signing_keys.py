"""The public record of signing keys in core: which there were, and since when."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from studyspot.kit import clock
from studyspot.kit.db import Db

ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtext('signing_keys'))"
# A key without a beginning of its own began when it was first seen.
RECORD = """
    INSERT INTO signing_keys AS k (kid, alg, public_jwk, status, not_before, not_after)
    VALUES (%(kid)s, %(alg)s, %(jwk)s::jsonb, %(status)s, greatest(%(not_before)s, %(first_seen)s), %(not_after)s)
    ON CONFLICT (kid) DO UPDATE SET status = EXCLUDED.status, not_after = EXCLUDED.not_after
    RETURNING not_before"""
GONE = (
    "UPDATE signing_keys SET status = 'retired', not_after = coalesce(not_after, %(now)s) WHERE kid <> ALL (%(kids)s)"
)


def one_at_a_time(core: Db) -> None:
    """Two rotations follow one another until COMMIT."""
    core.run(ONE_AT_A_TIME)


def record(core: Db, kid: str, jwk: dict[str, Any], status: str, begins: datetime, ends: datetime | None) -> datetime:
    """As the ring has it; answers since when the key is known."""
    now = clock.now()
    began: datetime = core.value(
        RECORD, kid=kid, alg=jwk["alg"], jwk=json.dumps(jwk), status=status, not_before=begins, not_after=ends,
        first_seen=begins if begins.year > 2000 else now,
    )  # fmt: skip
    return began


def retire_all_but(core: Db, kids: list[str]) -> None:
    """Those that left the ring."""
    core.run(GONE, kids=kids, now=clock.now())
