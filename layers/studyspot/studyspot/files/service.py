"""Uploading, checking, linking and deleting files; storing what the product itself makes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, BinaryIO
from uuid import UUID

from studyspot.files import drawing, queries, sniffing
from studyspot.files.models import (
    IMAGES,
    PURPOSES,
    WEBP,
    BeingChecked,
    File,
    FileTooLarge,
    FileTypeNotAllowed,
    Purpose,
    Rendition,
    Stored,
    Upload,
    UploadRequest,
)
from studyspot.gateways import store as bucket
from studyspot.kit import audit, clock, ids, log, outbox, timers
from studyspot.kit.auth import Actor
from studyspot.kit.db import Db
from studyspot.kit.errors import NotFound
from studyspot.kit.models import Page
from studyspot.kit.pages import Paging

QUEUE = "files"
UPLOAD_TIMER = "file_upload"
UPLOAD_FOR = timedelta(minutes=15)
LATE = timedelta(minutes=5)
"""An upload that began in time may still be going on when its address lapses."""
LINK_FOR = timedelta(minutes=5)
CHECK_TAKES = timedelta(minutes=2)
"""Longer than any function lives that looks at an upload in a request."""
MANAGE = "files:manage"


def upload(db: Db, actor: Actor, asked: UploadRequest, owner_id: UUID | None = None) -> Upload:
    """An address for these bytes, of this type and size, for this purpose; the file is the caller's or `owner_id`'s."""
    purpose = PURPOSES[asked.purpose]
    actor.must(*purpose.upload)
    _refuse(purpose, asked.content_type, asked.size_bytes)
    file_id, until = ids.uuid7(), clock.now() + UPLOAD_FOR
    facts: dict[str, Any] = asked.model_dump() | {"permission": purpose.read, "owner_id": owner_id or actor.id}
    pending = Stored(tenant_id=db.tenant, id=file_id, status="pending", renditions=[], created_at=clock.now(), **facts)
    url = bucket.upload_address(
        pending.quarantine, asked.content_type, asked.size_bytes, int(UPLOAD_FOR.total_seconds())
    )
    with db.transaction():
        queries.add(db, file_id, "pending", **facts)
        timers.wait(db, until + LATE, UPLOAD_TIMER, file_id, "check")
        audit.note(db, "files.upload", "files", file_id, after=asked.model_dump())
    headers = {"Content-Type": asked.content_type, "Content-Length": str(asked.size_bytes)}
    return Upload(id=file_id, url=url, headers=headers, expires_at=until)


def seen_by(db: Db, actor: Actor, file_id: UUID) -> File:
    """The file with its links; one whose bytes have come is checked now, if nobody has done it yet."""
    found = _allowed(db, actor, file_id)
    if found.status == "pending":
        try:
            found = _checked(db, found)
        except BeingChecked:
            return _shown(found)
    if found.status == "rejected":
        raise FileTypeNotAllowed
    return _shown(found)


def of_owner(db: Db, paging: Paging, owner_id: UUID, purposes: list[str]) -> Page[File]:
    """What somebody has, newest first; who may ask is the caller's to say."""
    found = paging.page(queries.of_owner(db, paging, owner_id, purposes))
    return Page[File](items=[_shown(one) for one in found.items], meta=found.meta)


def delete_by(db: Db, actor: Actor, file_id: UUID) -> None:
    """By its owner, or who manages the organisation's files."""
    found = queries.read(db, file_id)
    actor.own(MANAGE, found.owner_id or actor.tenant_id)
    _forget(db, found)


def upload_lapsed(db: Db, file_id: UUID, given: dict[str, Any]) -> None:
    """Nobody can upload any more: have what came checked, and quarantine emptied."""
    outbox.send(db, QUEUE, {"fileId": file_id, "work": "settle"})


def settle_upload(db: Db, file_id: UUID) -> None:
    """After the address lapsed: what came is checked, what never came is forgotten, quarantine is empty."""
    found = queries.maybe(db, file_id)
    if found is None:
        return
    if found.status == "pending":
        found = _checked(db, found)
    bucket.delete([found.quarantine])
    if found.status == "pending":
        queries.remove(db, file_id)


def draw(db: Db, file_id: UUID) -> None:
    """The two smaller pictures of a ready image; drawn again they only overwrite themselves."""
    found = queries.maybe(db, file_id)
    if found is None or found.status != "ready":
        return
    try:
        pictures = drawing.smaller(bucket.opened(found.key))
    except (drawing.NotDrawable, bucket.NoSuchObject) as fault:
        log.warning("not_drawn", file=file_id, error=repr(fault))
        return
    for width, picture in pictures.items():
        bucket.put(found.rendition(width), picture, WEBP)
    if not queries.drawn(db, file_id, list(pictures)):
        bucket.delete([found.rendition(width) for width in pictures])  # it was deleted meanwhile


def store(
    db: Db,
    purpose: str,
    name: str,
    content: bytes | BinaryIO,
    content_type: str,
    owner_id: UUID | None = None,
    permission: str | None = None,
    file_id: UUID | None = None,
) -> UUID:
    """Keep what the product made (an export, an invoice). The bytes first, so that a row never names nothing;
    with a `file_id` of the caller's a repetition overwrites instead of adding."""
    file_id = file_id or ids.uuid7()
    size = bucket.put(f"{db.tenant}/{purpose}/{file_id}", content, content_type)
    facts = {"purpose": purpose, "name": name, "content_type": content_type, "size_bytes": size}
    queries.add(db, file_id, "ready", permission=permission, owner_id=owner_id, **facts)
    return file_id


def exists(db: Db, file_id: UUID, purpose: str) -> bool:
    """Whether something was brought, or is being brought, for that purpose."""
    found = queries.maybe(db, file_id)
    return found is not None and found.purpose == purpose and found.status != "rejected"


def is_ready(db: Db, file_id: UUID, purpose: str) -> bool:
    """Whether the organisation has it, brought for that purpose, looked at and found good. Looked at now, if its
    bytes have come and nobody has; call it while no transaction is open."""
    found = queries.maybe(db, file_id)
    if found is None or found.purpose != purpose:
        return False
    if found.status == "pending":
        found = _checked(db, found)
    return found.status == "ready"


def ready(db: Db, file_ids: list[UUID]) -> list[File]:
    """Those of them that were looked at and found good, with their links."""
    return [_shown(found) for found in queries.ready(db, file_ids)] if file_ids else []


def brought(db: Db, actor: Actor, file_id: UUID, purpose: str) -> tuple[bytes, str]:
    """All of a file that this person brought for that purpose, and its type. No transaction may be open."""
    found = _allowed(db, actor, file_id)
    if found.purpose != purpose or not is_ready(db, file_id, purpose):
        raise NotFound
    with bucket.opened(found.key) as stream:
        return stream.read(), found.content_type


def opened(db: Db, file_id: UUID) -> BinaryIO:
    """A ready file's bytes as a stream, or NotFound."""
    return bucket.opened(_ready(db, file_id).key)


def link(db: Db, file_id: UUID, lasts: timedelta = LINK_FOR) -> str:
    """Where a ready file can be read for a while by whoever has the link."""
    found = _ready(db, file_id)
    return _address(found.key, found.content_type, found.name, lasts)


def delete(db: Db, file_id: UUID) -> None:
    """Bytes first: what is killed in between is repeated, and nothing is left that no row names."""
    found = queries.maybe(db, file_id)
    if found:
        _forget(db, found)


def delete_all(db: Db) -> int:
    """Everything of this tenant, whether a row names it or not; answers how many objects there were."""
    keys = list(bucket.below(f"{db.tenant}/"))
    bucket.delete(keys)
    queries.remove_all(db)
    return len(keys)


def _ready(db: Db, file_id: UUID) -> Stored:
    found = queries.read(db, file_id)
    if found.status == "pending":
        found = _checked(db, found)
    if found.status != "ready":
        raise NotFound
    return found


def _allowed(db: Db, actor: Actor, file_id: UUID) -> Stored:
    found = queries.read(db, file_id)
    if found.owner_id != actor.id and not actor.may(MANAGE) and not (found.permission and actor.may(found.permission)):
        raise NotFound
    return found


def _refuse(purpose: Purpose, content_type: str, size: int) -> None:
    if content_type not in purpose.types:
        raise FileTypeNotAllowed(f"accepted are {', '.join(purpose.types)}")
    if size > purpose.largest:
        raise FileTooLarge(f"at most {purpose.largest} bytes are accepted")


def _checked(db: Db, found: Stored) -> Stored:
    """Out of the sender's reach first, by one at a time, then judged: what is looked at is what will be served."""
    with db.transaction():
        mine = queries.take_check(db, found.id, CHECK_TAKES)
    db.commit()
    if not mine:
        found = queries.read(db, found.id)
        if found.status == "pending":
            raise BeingChecked
        return found
    try:
        bucket.copy(found.quarantine, found.key, found.content_type)
    except bucket.NoSuchObject:
        queries.leave_check(db, found.id)
        return found
    beginning, size = bucket.beginning(found.key, sniffing.ENOUGH)
    if sniffing.type_of(beginning) != found.content_type or size > PURPOSES[found.purpose].largest:
        bucket.delete([found.key, found.quarantine])
        with db.transaction():
            queries.reject(db, found.id)
        db.commit()
        return found.model_copy(update={"status": "rejected"})
    with db.transaction():
        if queries.accept(db, found.id, size) and found.content_type in IMAGES:
            outbox.send(db, QUEUE, {"fileId": found.id, "work": "draw"})
    return found.model_copy(update={"status": "ready", "size_bytes": size})


def _forget(db: Db, found: Stored) -> None:
    db.commit()
    bucket.delete(found.keys)
    queries.remove(db, found.id)


def _shown(found: Stored) -> File:
    facts = found.model_dump(include=set(File.model_fields) - {"renditions"})
    if found.status != "ready":
        return File(**facts)
    smaller = [
        Rendition(width=width, url=_address(found.rendition(width), WEBP, f"{width}.webp", LINK_FOR))
        for width in found.renditions
    ]
    url = _address(found.key, found.content_type, found.name, LINK_FOR)
    return File(**facts, url=url, renditions=smaller, expires_at=clock.now() + LINK_FOR)


def _address(key: str, content_type: str, name: str, lasts: timedelta) -> str:
    return bucket.download_address(key, content_type, name, content_type in IMAGES, int(lasts.total_seconds()))
