"""docs/architecture.md tells the order of the domains as the import rules enforce it."""

from __future__ import annotations

import re
import tomllib

from tests.architecture.sources import ROOT


def names(text: str) -> list[set[str]]:
    return [set(re.findall(r"\w+", level)) - {"and"} for level in text.split("·")]


def test_the_documented_order_of_domains_is_the_enforced_one() -> None:
    rules = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (order,) = [rule["layers"] for rule in rules if rule.get("exhaustive")]
    lines = (ROOT / "docs" / "architecture.md").read_text().splitlines()
    (told,) = [line for line in lines if line.startswith(order[0]) and "·" in line]
    assert names(told) == [set(level.split(" | ")) for level in order]
