"""The product's own sources, parsed once, for the tests that read code instead of running it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PRODUCT = ROOT / "layers" / "studyspot" / "studyspot"
FUNCTIONS = ROOT / "functions"
NOT_DOMAINS = {"kit", "gateways", "schema"}
SQL_COMMENT = re.compile(r"--[^\n]*")


@dataclass(frozen=True)
class Source:
    """One Python file."""

    path: Path
    text: str
    tree: ast.Module

    @property
    def name(self) -> str:
        return str(self.path.relative_to(ROOT))

    @property
    def domain(self) -> str | None:
        """The domain it belongs to; None for kernel, gateways, schema and functions."""
        if not self.path.is_relative_to(PRODUCT):
            return None
        first = self.path.relative_to(PRODUCT).parts[0]
        return first if first not in NOT_DOMAINS and first != "__init__.py" else None

    @property
    def holds_sql(self) -> bool:
        """May this file talk to tables? Only kernel, schema and a domain's queries may."""
        if not self.path.is_relative_to(PRODUCT):
            return False
        parts = self.path.relative_to(PRODUCT).with_suffix("").parts
        return parts[0] in {"kit", "schema"} or "queries" in parts[1:]

    def strings(self) -> Iterator[tuple[int, str]]:
        """Every string constant but docstrings, by line."""
        prose = {id(expression.value) for expression in ast.walk(self.tree) if isinstance(expression, ast.Expr)}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
                yield node.lineno, node.value

    def calls(self) -> Iterator[tuple[int, str]]:
        """Every dotted call (`datetime.now`), by line."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call):
                yield node.lineno, ast.unparse(node.func)

    def imports(self) -> Iterator[tuple[int, str]]:
        """Every name imported, with its module in front, by line."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from ((node.lineno, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def _read(*roots: Path) -> list[Source]:
    files = sorted(path for root in roots for path in root.rglob("*.py"))
    return [Source(path, text := path.read_text(), ast.parse(text)) for path in files]


@cache
def product() -> list[Source]:
    """What is deployed: the code layer and the functions."""
    return _read(PRODUCT, FUNCTIONS)


@cache
def everything_limited() -> list[Source]:
    """What the limits of size bind: all that is deployed, the local stage and the benchmarks."""
    return [*product(), *_read(ROOT / "local", ROOT / "bench")]


@cache
def domains() -> list[str]:
    """The domains there are."""
    return sorted({source.domain for source in product() if source.domain})


def migrations() -> Iterator[tuple[str, str]]:
    """Name and statements of every migration, comments taken out."""
    for path in sorted((PRODUCT / "schema").rglob("*.sql")):
        yield str(path.relative_to(ROOT)), SQL_COMMENT.sub("", path.read_text())


def apps() -> list[tuple[str, str]]:
    """Kind and name of every function."""
    return sorted((path.parent.parent.name, path.parent.name) for path in FUNCTIONS.glob("*/*/app.py"))


def none_of(found: Iterable[object]) -> None:
    """Fails with one line for each thing found."""
    lines = [str(thing) for thing in found]
    assert not lines, "\n".join(["", *lines])
