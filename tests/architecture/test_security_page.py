"""`docs/security.md` cannot rot: what it names is there, nothing it owes is missing, no row shows nothing."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

from studyspot.identity.service import accounts, otp

from tests.architecture.sources import PRODUCT, ROOT, none_of

PAGE = (ROOT / "docs" / "security.md").read_text()
UP_TO_LEVEL_2 = {
    "V1.1": 2, "V1.2": 9, "V1.3": 11, "V1.4": 3, "V1.5": 2, "V2.1": 3, "V2.2": 3, "V2.3": 4, "V2.4": 1, "V3.2": 2,
    "V3.3": 4, "V3.4": 6, "V3.5": 5, "V3.7": 2, "V4.1": 3, "V4.2": 1, "V4.3": 2, "V4.4": 4, "V5.1": 1, "V5.2": 3,
    "V5.3": 2, "V5.4": 3, "V6.1": 3, "V6.2": 12, "V6.3": 4, "V6.4": 4, "V6.5": 5, "V6.6": 3, "V6.8": 4, "V7.1": 3,
    "V7.2": 4, "V7.3": 2, "V7.4": 5, "V7.5": 2, "V7.6": 2, "V8.1": 2, "V8.2": 3, "V8.3": 1, "V8.4": 1, "V9.1": 3,
    "V9.2": 4, "V10.1": 2, "V10.2": 2, "V10.3": 4, "V10.4": 11, "V10.5": 5, "V10.6": 2, "V10.7": 3, "V11.1": 2,
    "V11.2": 3, "V11.3": 3, "V11.4": 4, "V11.5": 1, "V11.6": 1, "V12.1": 3, "V12.2": 2, "V12.3": 4, "V13.1": 1,
    "V13.2": 5, "V13.3": 2, "V13.4": 5, "V14.1": 2, "V14.2": 4, "V14.3": 3, "V15.1": 3, "V15.2": 3, "V15.3": 7,
    "V16.1": 1, "V16.2": 5, "V16.3": 4, "V16.4": 3, "V16.5": 3, "V17.1": 1, "V17.2": 4, "V17.3": 2,
}  # fmt: skip
"""How many requirements of level 1 and 2 each section of ASVS 5.0.0 begins with; those of level 3 come after."""
TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
FILE = re.compile(r"`([\w.-][\w./-]*\.(?:py|sql|yaml|toml|txt|md|json))`")
REASON = re.compile(r"(not met|does not apply): .{12,}")


def sections() -> dict[str, list[list[str]]]:
    """The rows of each part's table, cell by cell, without its head."""
    found: dict[str, list[list[str]]] = {}
    for part in PAGE.split("\n## ")[1:]:
        title, _, text = part.partition("\n")
        rows = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("|")]
        found[title] = [[cell.strip() for cell in row] for row in rows[2:]]
    return found


def owing() -> dict[str, list[list[str]]]:
    """The parts whose rows have to show something."""
    return {t: rows for t, rows in sections().items() if t.startswith(("ASVS", "OWASP", "Who attacks"))}


@cache
def names_in(path: Path) -> frozenset[str]:
    tree = ast.parse(path.read_text())
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def test_every_test_it_names_exists() -> None:
    named = TEST.findall(PAGE)
    assert len(named) > 150
    none_of(
        f"{path}::{name}" for path, name in named if not (ROOT / path).is_file() or name not in names_in(ROOT / path)
    )


def test_every_file_it_names_exists() -> None:
    named = set(FILE.findall(PAGE))
    assert len(named) > 60
    none_of(name for name in sorted(named) if not (ROOT / name).is_file() and not (PRODUCT / name).is_file())


def test_every_row_shows_a_test_or_says_why_not() -> None:
    empty = []
    for title, rows in owing().items():
        for row in rows:
            shown = row[-1]
            if not (REASON.match(shown) or (TEST.match(shown) and not REASON.search(shown))):
                empty.append(f"{title}: {row[0]}")
    none_of(empty)


def test_what_is_shown_by_a_test_names_its_place_in_the_code() -> None:
    """A row of a standard that is met, in whole or in part, says where."""
    none_of(
        f"{title}: {row[0]}"
        for title, rows in owing().items()
        if not title.startswith("Who")
        for row in rows
        if not row[-1].startswith("does not apply") and not FILE.search(row[2])
    )


def test_the_top_ten_and_all_chapters_are_there() -> None:
    titles = list(sections())
    assert [t.split()[1] for t in titles if t.startswith("ASVS")] == [f"V{n}" for n in range(1, 18)]
    ten = next(rows for title, rows in sections().items() if title.startswith("OWASP API Security Top 10"))
    assert [row[0].split()[0] for row in ten] == [f"API{n}" for n in range(1, 11)]


def test_every_requirement_of_level_one_and_two_stands_once_in_its_chapter() -> None:
    assert sum(UP_TO_LEVEL_2.values()) == 253
    owed = [f"{section}.{n}" for section, most in UP_TO_LEVEL_2.items() for n in range(1, most + 1)]
    found = []
    for title, rows in sections().items():
        if title.startswith("ASVS"):
            told = [one for row in rows for one in re.findall(r"V\d+\.\d+\.\d+", row[0])]
            found += told
            none_of(f"{one} stands in {title}" for one in told if one.split(".")[0] != title.split()[1])
    none_of(sorted(set(owed).symmetric_difference(found)) + [one for one in set(found) if found.count(one) > 1])


def test_the_limits_this_page_tells_are_those_of_the_code() -> None:
    told = {row[0]: row[1] for row in sections()["The limits"]}
    by = accounts.BY_ACCOUNT
    assert {by["people"], by["admin"], by["mfa"], by["register"]} == {(10, 900)}
    assert {by["reset"], by["resend"], by["signup"]} == {(3, 3600)}
    minutes, hours = accounts.FIRST_LOCK.total_seconds() // 60, accounts.LONGEST_LOCK.total_seconds() // 3600
    (one, a_minute), (some, an_hour), (many, a_day) = otp.LIMITS
    assert (a_minute, an_hour, a_day) == (60, 3600, 86400)
    assert told["failures before an account is locked"] == (
        f"{accounts.MOST_FAILURES}, for {minutes:.0f} minutes, doubling to {hours:.0f} hours"
    )
    assert told["sign-ins, an address"] == f"{accounts.BY_ADDRESS} a minute"
    assert told["failures over all accounts, an address"] == f"{accounts.FAILURES_BY_ADDRESS} in 15 minutes"
    assert told["codes by SMS, a phone"] == f"{one} in 60 seconds, {some} an hour, {many} a day"
    assert told["tries of one code by SMS"] == str(otp.MOST_TRIES)
    assert told["sign-ins and codes of a second factor, an account"] == "10 in 15 minutes"
    assert told["resets, letters and sign-ups, an address of mail"] == "3 an hour"


def test_the_readme_leads_here() -> None:
    assert "(docs/security.md)" in (ROOT / "README.md").read_text()
