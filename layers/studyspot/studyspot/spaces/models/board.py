"""What hangs in a library: notices, pictures, and the display at its wall."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, model_validator

from studyspot.files.models import File
from studyspot.kit.errors import Conflict
from studyspot.kit.models import Model, Moment, Text, Timestamp

MOST_IMAGES = 20
LONGEST = timedelta(days=366)
NoticeState = Literal["live", "coming", "over"]
Line = Annotated[str, Field(min_length=1, max_length=120)]


class Notice(Model):
    """Something a library tells."""

    id: UUID
    library_id: UUID
    title: str
    body: str
    on_display: bool
    starts_at: Timestamp
    expires_at: Timestamp | None
    state: NoticeState
    created_at: Timestamp


class NoticeRequest(Model):
    """What to tell, from when (now) until when (until it is withdrawn), and whether at the wall too."""

    title: Line
    body: Text
    on_display: bool = True
    starts_at: Moment | None = None
    expires_at: Moment | None = None

    @model_validator(mode="after")
    def _in_order(self) -> NoticeRequest:
        if self.starts_at and self.expires_at and self.expires_at <= self.starts_at:
            raise ValueError("expiresAt lies after startsAt")
        return self


class ImageRequest(Model):
    """A picture that is about to be uploaded."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    content_type: Annotated[str, Field(min_length=3, max_length=120)]
    size_bytes: Annotated[int, Field(ge=1, le=10 * 1024 * 1024, strict=True)]
    caption: Line | None = None


class LibraryImage(Model):
    """A picture of a library; its links last a few minutes."""

    file: File
    caption: str | None


class TooManyImages(Conflict):
    """This library has as many pictures as it may."""

    code = "too_many_images"
    fix = "Delete one of its files first."


class ShiftAhead(Model):
    """A shift, and when it begins and ends next."""

    name: str
    starts_at: Timestamp
    ends_at: Timestamp


class ZoneFree(Model):
    """How many seats of a zone are free."""

    name: str
    free: int
    seats: int


class Arrival(Model):
    """Somebody who has a seat soon, told as first name and initial."""

    name: str
    seat: str
    starts_at: Timestamp


class Board(Model):
    """What the wall tells, without a name unless the library wants names there."""

    library_id: UUID
    name: str
    as_of: Timestamp
    open_now: bool
    seats: int
    free: int
    present: int
    zones: list[ZoneFree]
    current_shift: ShiftAhead | None
    next_shift: ShiftAhead | None
    notices: list[Notice]
    mode: Literal["colour", "mono"]
    names: bool
    arrivals: list[Arrival]
