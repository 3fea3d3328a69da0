"""The release before this one goes on working while a migration has run: migrations add, and take nothing away."""

from __future__ import annotations

import re

from studyspot.schema import migrate

from tests.architecture.sources import none_of

SETTLED = {"tenant": 8, "core": 3}
"""Up to these there was no release before."""
TAKES_AWAY = {
    "drops a table": r"DROP\s+TABLE",
    "drops a column": r"DROP\s+COLUMN",
    "renames": r"ALTER\s+(TABLE|TYPE|FUNCTION)[^;]*\sRENAME\s",
    "changes a type": r"ALTER\s+COLUMN\s+\w+\s+(SET\s+DATA\s+)?TYPE\s",
    "forbids NULL where it was allowed": r"ALTER\s+COLUMN\s+\w+\s+SET\s+NOT\s+NULL",
    "empties a table": r"TRUNCATE\s",
    "takes a default away": r"ALTER\s+COLUMN\s+\w+\s+DROP\s+DEFAULT",
}
ADDED = re.compile(r"ADD\s+COLUMN\s+(?:IF\s+NOT\s+EXISTS\s+)?(\w+)([^,;]*)", re.IGNORECASE)
COMMENT = re.compile(r"--[^\n]*")


def since_the_release() -> list[tuple[str, str]]:
    return [
        (f"{track}/{one.name}", COMMENT.sub("", one.text))
        for track, settled in SETTLED.items()
        for one in migrate.migrations(track)
        if one.version > settled
    ]


def test_a_migration_takes_nothing_away() -> None:
    none_of(
        f"{name} {what}"
        for name, text in since_the_release()
        for what, pattern in TAKES_AWAY.items()
        if re.search(pattern, text, re.IGNORECASE)
    )


def test_an_added_column_can_be_left_out() -> None:
    """The release before does not fill it: it may be NULL, or has a default."""
    none_of(
        f"{name}: {column}"
        for name, text in since_the_release()
        for column, rest in ADDED.findall(text)
        if "NOT NULL" in rest.upper() and "DEFAULT" not in rest.upper() and "GENERATED" not in rest.upper()
    )


def test_a_function_that_goes_comes_back_with_the_arguments_it_had() -> None:
    """A result may get more columns; whoever calls it as before is answered."""
    for name, text in since_the_release():
        for function, arguments in re.findall(r"DROP\s+FUNCTION\s+(\w+)\s*\(([^)]*)\)", text, re.IGNORECASE):
            made = re.search(rf"CREATE\s+FUNCTION\s+{function}\s*\((.*?)\)\s*(?:RETURNS|LANGUAGE)", text, re.S | re.I)
            assert made, f"{name} drops {function}"
            given = [a.split() for a in made.group(1).split(",") if not a.strip().upper().startswith("OUT ")]
            types = [" ".join(words[1:]).split(" DEFAULT")[0] for words in given]
            assert types == [a.strip() for a in arguments.split(",")], f"{name}: {function}"
