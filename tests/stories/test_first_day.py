"""The first day of a library over HTTP against the running stack, in both isolations: what `make story` walks."""

from __future__ import annotations

import pytest

from local.first_day import STEPS
from local.proofs.running import Running
from local.story import ISOLATIONS, Answer, Day, NotAsPromised, walk


@pytest.mark.parametrize("isolation", ISOLATIONS)
def test_the_first_day_of_a_library(stack: Running, isolation: str) -> None:
    told: list[str] = []
    day = Day(stack.url, isolation, stack.world["admin"], say=told.append)
    with day.session:
        walk(day, STEPS)
    assert any("token_revoked" in line for line in told[-2:])


def test_the_story_ends_at_the_first_answer_that_is_not_as_promised() -> None:
    """A walk that cannot fail shows nothing."""

    def lacks(_: Day) -> None:
        """An answer without its status."""
        Answer(200, {"success": True, "data": {"id": "1"}}).has("id", "status")

    with pytest.raises(NotAsPromised, match="status is missing"):
        walk(Day("http://127.0.0.1:9", "pool", {}, say=lambda _: None), [lacks])
