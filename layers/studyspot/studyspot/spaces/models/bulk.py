"""One change of many seats at once: looked at first, then made for exactly those that were looked at."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import Field, model_validator

from studyspot.kit.errors import Conflict
from studyspot.kit.models import Model
from studyspot.libraries.fields import PriceClass, Tags
from studyspot.libraries.models import SeatKind
from studyspot.spaces.models import Impact


class WhichSeats(Model):
    """Every seat that fits all that is said; nothing said: all of the library."""

    seat_ids: Annotated[list[UUID], Field(min_length=1, max_length=2000)] | None = None
    zone_id: UUID | None = None
    kind: SeatKind | None = None
    price_class: PriceClass | None = None
    attribute: Annotated[str, Field(min_length=1, max_length=60)] | None = None


class SeatsEdit(Model):
    """What is set on each of them; attributes are set, or some added and some taken away."""

    zone_id: UUID | None = None
    kind: SeatKind | None = None
    price_class: PriceClass | None = None
    attributes: Tags | None = None
    add_attributes: Tags = []
    remove_attributes: Tags = []

    @model_validator(mode="after")
    def _something(self) -> SeatsEdit:
        if not any(getattr(self, name) is not None for name in self.model_fields_set):
            raise ValueError("say what to change")
        if self.attributes is not None and (self.add_attributes or self.remove_attributes):
            raise ValueError("either attributes, or addAttributes and removeAttributes")
        return self


class BulkSeats(Model):
    """Without `expected` it is a preview; with it, exactly so many seats must still fit."""

    filter: WhichSeats
    change: SeatsEdit
    expected: Annotated[int, Field(ge=1, le=100_000)] | None = None


class SeatsChanged(Model):
    """How many seats fit and how many change, and who has time on those."""

    preview: bool
    count: int
    changed: int
    codes: list[str]
    """Of the seats that change; the first hundred."""
    impact: Impact


class SeatsMoved(Conflict):
    """Other seats fit the filter than when it was previewed."""

    code = "seats_moved"
    fix = "Look at the preview again, and send its count as `expected`."
