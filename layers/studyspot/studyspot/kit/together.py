"""Several reads in one round trip: queries are handed this instead of the handle, and their lists fill when it ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel

from studyspot.kit.db import Db, model_maker
from studyspot.kit.pipeline import RowMaker, Rows, Statement

M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")


@dataclass
class Reads(Db):
    """Takes questions for lists; whoever needs an answer at once must ask the handle itself."""

    asked: list[tuple[Statement, RowMaker[Any], list[Any]]] = field(default_factory=list)

    def all(self, model: type[M], query: str, **params: Any) -> list[M]:
        """Empty until the block ends."""
        found: list[M] = []
        self.asked.append(((query, params), model_maker(model), found))
        return found

    def _run(self, make: RowMaker[T], query: str, params: dict[str, Any]) -> Rows[T]:  # noqa: ARG002 - refused whatever it is
        raise RuntimeError("only lists are read together")


@contextmanager
def together(db: Db) -> Iterator[Reads]:
    """One round trip, at the end of the block."""
    reads = Reads(db.connection, db.tenant, db.actor)
    yield reads
    outcomes = db.side_by_side([statement for statement, _, _ in reads.asked])
    for (_, make, found), outcome in zip(reads.asked, outcomes, strict=True):
        found.extend(db.connection.rows(outcome, make).rows)
