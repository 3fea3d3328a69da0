"""The first day of a library on the whole local stage, over HTTP, in both isolations: what `make story` walks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from local import demo
from local.first_day import STEPS
from local.postgres import FAST_AND_FORGETFUL
from local.run import healthy
from local.stage import Stage, wait_for
from local.story import ISOLATIONS, Day, walk


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, dict[str, Any]]]:
    """The stage, ready as `make run` leaves it."""
    with Stage(tmp_path_factory.mktemp("stage"), bcrypt_cost=4, database=FAST_AND_FORGETFUL) as stage:
        world = demo.made_once(stage)
        assert wait_for(lambda: healthy(stage.url), 30)
        yield stage.url, world


@pytest.mark.parametrize("isolation", ISOLATIONS)
def test_the_first_day_of_a_library(running: tuple[str, dict[str, Any]], isolation: str) -> None:
    url, world = running
    told: list[str] = []
    day = Day(url, isolation, world["admin"], say=told.append)
    walk(day, STEPS)
    day.session.close()
    assert len([line for line in told if line.lstrip()[0].isdigit()]) == len(STEPS)


def test_the_story_names_what_is_missing() -> None:
    """A walk that cannot fail shows nothing."""
    day = Day("http://127.0.0.1:9", "pool", {}, say=lambda _: None)

    def lacks(_: Day) -> None:
        from local.story import Answer

        Answer(200, {"success": True, "data": {"id": "1"}}).has("id", "status")

    with pytest.raises(Exception, match="status is missing"):
        walk(day, [lacks])
