"""The ground that every request, answer and row model stands on, and the types they share."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    model_validator,
)
from pydantic.alias_generators import to_camel

M = TypeVar("M")

MAX_PAISE = 10**13


class Model(BaseModel):
    """camelCase outside, snake_case inside, unknown fields refused, frozen; built when first used, not on import."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        extra="forbid",
        frozen=True,
        str_strip_whitespace=True,
        defer_build=True,
    )

    @model_validator(mode="before")
    @classmethod
    def _refuse_nul(cls, data: Any) -> Any:
        """PostgreSQL text cannot hold NUL; refusing it here names no column of ours."""
        if isinstance(data, dict) and any(isinstance(v, str) and "\x00" in v for v in data.values()):
            raise ValueError("text must not contain NUL characters")
        return data


class Change(Model):
    """The body of a PUT: fields sent are changed, absent ones stay, `null` clears."""

    def changes(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.model_fields_set}


def _utc(value: datetime) -> datetime:
    return value.astimezone(UTC)


def _zulu(value: datetime) -> str:
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _aware(value: Any) -> Any:
    if isinstance(value, int | float):
        raise ValueError("expected an RFC 3339 timestamp")
    return value


PHONE = re.compile(r"\+91[6-9][0-9]{9}")
EMAIL = re.compile(
    r"[^@\x00-\x1f\x7f\s\"(),:;<>\[\\\]]{1,64}"
    r"@[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9-]+)+"
)


def _phone(value: str) -> str:
    """An Indian mobile number in E.164, as operators assign them (providers' rule ^91[6-9]...)."""
    number = re.sub(r"[\s()-]", "", value)
    number = f"+91{number}" if re.fullmatch(r"[6-9][0-9]{9}", number) else number
    if not PHONE.fullmatch(number):
        raise ValueError("not an Indian mobile number")
    return number


def _email(value: str) -> str:
    if len(value) > 254 or not EMAIL.fullmatch(value) or ".." in value:
        raise ValueError("not a valid e-mail address")
    return value.lower()


Timestamp = Annotated[datetime, BeforeValidator(_aware), PlainSerializer(_zulu, return_type=str, when_used="json")]
"""In rows and answers: always UTC with `Z`."""
Moment = Annotated[AwareDatetime, BeforeValidator(_aware), AfterValidator(_utc)]
"""In requests: any offset, but an offset."""
Paise = Annotated[int, Field(ge=0, le=MAX_PAISE, strict=True)]
Phone = Annotated[str, AfterValidator(_phone)]
Email = Annotated[str, AfterValidator(_email)]
Name = Annotated[str, Field(min_length=1, max_length=200)]
Text = Annotated[str, Field(min_length=1, max_length=2000)]


class Meta(Model):
    """What a list says about itself."""

    next_cursor: str | None
    limit: int


class Page(Model, Generic[M]):
    """A part of a list and where the next part begins."""

    items: Sequence[M]
    meta: Meta
