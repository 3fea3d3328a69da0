"""Figures of law whose day a test chooses: the clock of a run is wherever the tests before have left it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import psycopg
import pytest
from studyspot.kit import clock

from tests.world import World


@pytest.fixture
def binding(world: World) -> Iterator[date]:
    """The rule binds tomorrow, whatever day it is; afterwards it binds on its own day again."""
    tomorrow = clock.now().astimezone(clock.INDIA).date() + timedelta(days=1)
    turn = "UPDATE statutory_params SET valid_from = %s WHERE code = 'guardian_consent_required'"
    with psycopg.connect(world.postgres.dsn("pool_1"), autocommit=True) as admin:
        own = admin.execute(
            "SELECT valid_from FROM statutory_params WHERE code = 'guardian_consent_required'"
        ).fetchone()
        assert own is not None
        admin.execute(turn, (tomorrow,))
        try:
            yield tomorrow
        finally:
            admin.execute(turn, own)
