"""What hangs in a library: notices with an end, pictures, and the wall."""

from __future__ import annotations

from uuid import UUID

from studyspot.attendance import service as attendance
from studyspot.files import service as files
from studyspot.files.models import Upload, UploadRequest
from studyspot.kit import audit, clock, outbox
from studyspot.kit.auth import Actor
from studyspot.kit.db import Db
from studyspot.kit.errors import Forbidden, Invalid, NotFound
from studyspot.kit.models import Page
from studyspot.kit.pages import Paging
from studyspot.libraries import service as libraries
from studyspot.spaces.models.board import (
    LONGEST,
    MOST_IMAGES,
    Board,
    ImageRequest,
    LibraryImage,
    Notice,
    NoticeRequest,
    NoticeState,
    TooManyImages,
    ZoneFree,
)
from studyspot.spaces.queries import board as queries

PUBLISH = "notices:publish"
MOST_PUBLIC = 10


def notices(db: Db, actor: Actor, library: UUID, paging: Paging, state: NoticeState) -> Page[Notice]:
    """What hangs there now; what is to come or over is for those who publish."""
    if state != "live" and not actor.may(PUBLISH):
        raise Forbidden("what does not hang yet is for who publishes it")
    libraries.seen_by(db, actor, library)
    return paging.page(queries.notices(db, library, paging, state))


def hanging(db: Db, library: UUID) -> list[Notice]:
    """What everybody may read now, newest first."""
    return queries.notices(db, library, Paging(MOST_PUBLIC), "live")


def publish(db: Db, actor: Actor, library: UUID, asked: NoticeRequest) -> Notice:
    """It hangs from its beginning to its end, and needs nobody to take it down."""
    actor.at(library)
    now = clock.now()
    starts_at = max(asked.starts_at or now, now)
    if starts_at > now + LONGEST or (asked.expires_at and not starts_at < asked.expires_at <= starts_at + LONGEST):
        raise Invalid.field("expiresAt", "a notice begins within a year, and ends after it begins, within a year")
    with db.transaction():
        libraries.open_library(db, library)
        made = queries.publish(db, library, asked, starts_at)
        audit.note(db, "notices.publish", "notices", made.id, after=made.model_dump(mode="json"))
        outbox.emit(db, "notice.published", made.id, {"libraryId": library, "startsAt": starts_at})
    return made


def withdraw(db: Db, actor: Actor, library: UUID, notice: UUID) -> None:
    """Gone from the board at once."""
    actor.at(library)
    with db.transaction():
        if not queries.withdraw(db, library, notice):
            raise NotFound
        audit.note(db, "notices.withdraw", "notices", notice)


def add_image(db: Db, actor: Actor, library: UUID, asked: ImageRequest) -> Upload:
    """Where to put the bytes; the picture is shown once they have come and were looked at."""
    actor.at(library)
    with db.transaction():
        libraries.open_library(db, library)
        upload = files.upload(
            db, actor, UploadRequest(purpose="library_image", **asked.model_dump(exclude={"caption"}))
        )
        if not queries.add_image(db, library, upload.id, asked.caption, MOST_IMAGES):
            raise TooManyImages(most=MOST_IMAGES)
    return upload


def images_seen(db: Db, actor: Actor, library: UUID) -> list[LibraryImage]:
    """Those of a library that this person may see."""
    libraries.seen_by(db, actor, library)
    return images(db, library)


def images(db: Db, library: UUID) -> list[LibraryImage]:
    """Those that are ready, with links that last."""
    found = queries.images(db, library)
    ready = {one.id: one for one in files.ready(db, [one.file_id for one in found])}
    return [LibraryImage(file=ready[one.file_id], caption=one.caption) for one in found if one.file_id in ready]


def board(db: Db, actor: Actor, library: UUID) -> Board:
    """What the wall tells at this moment, in two round trips."""
    actor.at(library)
    facts = queries.board(db, library)
    for full in attendance.occupancy(db, library):
        zones = [ZoneFree(name=zone.name, free=zone.free, seats=zone.capacity) for zone in full.zones]
        return Board(
            **facts.model_dump(),
            as_of=full.as_of,
            seats=full.capacity,
            free=full.free,
            present=full.present,
            zones=zones,
        )
    raise NotFound
