"""Where SQL, time and another domain's tables may be touched, and how large a thing may grow."""

from __future__ import annotations

import ast
import re
import tomllib

from tests.architecture.sources import PRODUCT, ROOT, domains, everything_limited, migrations, none_of, product

LARGEST_MODULE = 300
LONGEST_FUNCTION = 40
MOST_COMPLEX = 8

SQL = re.compile(
    r"\b(SELECT\s+[\w*%(]|INSERT\s+INTO\s|UPDATE\s+\w+(\s+\w+)?\s+SET\b|DELETE\s+FROM\s|COPY\s+\w+\s*(\(|FROM|TO))"
)
SQL_TIME = re.compile(
    r"\bnow\s*\(\s*\)|\b(current_(timestamp|date|time)|localtime(stamp)?)\b"
    r"|\b(clock|statement|transaction)_timestamp\s*\(|\btimeofday\s*\(|'(now|today|tomorrow|yesterday)'",
    re.IGNORECASE,
)
WALL_CLOCKS = {
    "datetime.now", "datetime.utcnow", "datetime.today", "datetime.datetime.now", "datetime.datetime.utcnow",
    "date.today", "datetime.date.today", "time.time", "time.time_ns", "time.localtime", "time.gmtime",
    "dt.now", "uuid.uuid1", "uuid1",
}  # fmt: skip
CLOCK = PRODUCT / "kit" / "clock.py"


def test_sql_stands_only_in_queries_schema_and_kernel() -> None:
    found = [
        f"{source.name}:{line}"
        for source in product()
        if not source.holds_sql
        for line, text in source.strings()
        if SQL.search(text)
    ]
    none_of(found)


def test_the_sql_rule_knows_sql_when_it_sees_it() -> None:
    for text in ("SELECT 1", "insert INTO x".upper(), "UPDATE a SET b = 1", "DELETE FROM a", "COPY a (b) FROM STDIN"):
        assert SQL.search(text), text
    for text in ("select a seat", "Update the settings", "SELECTED", "DELETE", "COPY"):
        assert not SQL.search(text), text


def test_no_sql_of_python_asks_the_database_for_the_time() -> None:
    found = [
        f"{source.name}:{line}"
        for source in product()
        for line, text in source.strings()
        if SQL_TIME.search(text) and (SQL.search(text) or source.holds_sql)
    ]
    none_of(found)


def test_no_migration_asks_the_database_for_the_time() -> None:
    found = [f"{name}: {match.group()}" for name, text in migrations() if (match := SQL_TIME.search(text))]
    none_of(found)


def test_the_product_has_one_clock() -> None:
    found = [
        f"{source.name}:{line} {call}"
        for source in product()
        if source.path != CLOCK
        for line, call in source.calls()
        if call in WALL_CLOCKS
    ]
    none_of(found)


def test_expiry_of_tokens_is_never_the_library_s_to_judge() -> None:
    decodes = [
        node
        for source in product()
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "jwt.decode"
    ]
    assert decodes
    for call in decodes:
        options = next(k.value for k in call.keywords if k.arg == "options")
        assert isinstance(options, ast.Dict)
        told = {ast.literal_eval(k): v for k, v in zip(options.keys, options.values, strict=True) if k}
        assert ast.literal_eval(told["verify_exp"]) is False


def test_another_domain_s_queries_are_private() -> None:
    found = [
        f"{source.name}:{line} {name}"
        for source in product()
        if source.path.is_relative_to(PRODUCT)
        for line, name in source.imports()
        if (parts := name.split("."))[0] == "studyspot"
        and len(parts) > 2
        and parts[1] in domains()
        and parts[1] != source.domain
        and "queries" in parts[2:]
    ]
    none_of(found)


def test_every_domain_says_what_it_is() -> None:
    for domain in domains():
        source = next(s for s in product() if s.path == PRODUCT / domain / "__init__.py")
        assert len(ast.get_docstring(source.tree) or "") > 80, f"{domain} needs one paragraph and its states"


def test_every_module_opens_with_a_sentence() -> None:
    silent = [s.name for s in everything_limited() if s.text.strip() and not ast.get_docstring(s.tree)]
    none_of(silent)


def test_no_module_outgrows_its_limit() -> None:
    sizes = {s.name: len(s.text.splitlines()) for s in everything_limited()}
    found = [f"{name}: {lines} lines" for name, lines in sizes.items() if lines > LARGEST_MODULE]
    none_of(found)


def test_no_function_outgrows_its_limit() -> None:
    found = [
        f"{source.name}:{node.lineno} {node.name}: {lines} lines"
        for source in everything_limited()
        for node in ast.walk(source.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (lines := (node.end_lineno or 0) - node.lineno + 1) > LONGEST_FUNCTION
    ]
    none_of(found)


def test_complexity_is_held_by_the_linter() -> None:
    lint = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]["lint"]
    assert "C90" in lint["select"]
    assert lint["mccabe"]["max-complexity"] == MOST_COMPLEX
    assert not any("C90" in code for codes in lint["per-file-ignores"].values() for code in codes)


def test_each_silenced_check_has_its_reason_beside_it() -> None:
    bare = re.compile(r"#\s*(noqa(?!: [A-Z]+\d+(, ?[A-Z]+\d+)*( -|  #) \w)|type: ignore(?!\[))")
    found = [
        f"{source.name}:{number}"
        for source in everything_limited()
        for number, line in enumerate(source.text.splitlines(), 1)
        if bare.search(line)
    ]
    none_of(found)


def test_files_have_names_of_the_trade() -> None:
    vague = {"utils", "util", "helpers", "helper", "common", "manager", "managers", "base", "misc", "shared"}
    found = [s.name for s in everything_limited() if vague & set(s.path.with_suffix("").parts[-2:])]
    none_of(found)
