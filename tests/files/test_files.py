"""Files: who may bring what, that nothing unlooked-at is ever served, and that nobody reads another's."""

from __future__ import annotations

import io
import struct
import zlib
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest
from PIL import Image
from studyspot.files import drawing, sniffing
from studyspot.files import service as files
from studyspot.kit import clock, ids, timers

from tests.store import BUCKET
from tests.world import Answer, Tenant, World

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 64
JPEG = b"\xff\xd8\xff\xe0" + b"\0" * 64
PAGE = b"<!doctype html><script>alert(1)</script>"


def ask(world: World, token: str | None, size: int = len(PNG), **facts: Any) -> Answer:
    given = {"purpose": "student_photo", "name": "face.png", "contentType": "image/png", "sizeBytes": size}
    return world.call("developer", "POST", "/files/uploads", token, given | facts)


def bring(world: World, bucket: Any, tenant: Tenant, content: bytes = PNG, token: str | None = None, **how: Any) -> str:
    """Ask for an address, and do what its holder does."""
    upload = ask(world, token or tenant.owner, len(content), **how).data
    key = urlsplit(upload["url"]).path.lstrip("/")
    bucket.put_object(Bucket=BUCKET, Key=key, Body=content)
    file_id: str = upload["id"]
    return file_id


def read(world: World, token: str | None, file_id: object) -> Answer:
    return world.call("developer", "GET", f"/files/{file_id}", token)


def keys(bucket: Any) -> list[str]:
    return sorted(entry["Key"] for entry in bucket.list_objects_v2(Bucket=BUCKET).get("Contents", ()))


def test_nobody_uploads_without_signing_in_or_the_permission_of_the_purpose(world: World, bucket: Any) -> None:
    tenant = world.tenant()
    student = world.token("student", tenant.id)
    assert ask(world, None).status == 401
    assert ask(world, student, purpose="logo").code == "forbidden"
    assert ask(world, student, purpose="import", contentType="text/csv").code == "forbidden"
    assert ask(world, student).status == 201


def test_an_address_is_for_one_type_and_one_size(world: World, bucket: Any) -> None:
    tenant = world.tenant()
    answer = ask(world, tenant.owner, 1234)
    assert answer.headers["Location"] == f"/api/v1/files/{answer.data['id']}"
    assert answer.data["headers"] == {"Content-Type": "image/png", "Content-Length": "1234"}
    signed = parse_qs(urlsplit(answer.data["url"]).query)
    assert signed["X-Amz-SignedHeaders"] == ["content-length;content-type;host"]
    assert signed["X-Amz-Expires"] == ["900"]
    assert urlsplit(answer.data["url"]).path == f"/{tenant.id}/quarantine/{answer.data['id']}"


def test_what_a_purpose_does_not_allow_is_refused_before_it_is_sent(world: World, bucket: Any) -> None:
    tenant = world.tenant()
    assert ask(world, tenant.owner, contentType="image/svg+xml").code == "file_type_not_allowed"
    assert ask(world, tenant.owner, contentType="image/svg+xml").status == 415
    assert ask(world, tenant.owner, 5 * 1024 * 1024 + 1).code == "payload_too_large"
    assert ask(world, tenant.owner, purpose="export").status == 422


def test_a_file_is_read_by_its_owner_and_by_the_permission_of_its_purpose(world: World, bucket: Any) -> None:
    tenant = world.tenant()
    student = ids.uuid7()
    mine = world.token("student", tenant.id, student)
    file_id = bring(world, bucket, tenant, token=mine)
    for token in (mine, world.token("library_staff", tenant.id), tenant.owner):
        shown = read(world, token, file_id).data
        assert shown["status"] == "ready"
        assert f"/{tenant.id}/student_photo/{file_id}?" in shown["url"]
    assert read(world, world.token("student", tenant.id), file_id).status == 404
    assert read(world, world.tenant().owner, file_id).status == 404
    assert read(world, None, file_id).status == 401


def test_until_its_bytes_come_there_is_no_link(world: World, bucket: Any) -> None:
    tenant = world.tenant()
    file_id = ask(world, tenant.owner).data["id"]
    shown = read(world, tenant.owner, file_id).data
    assert (shown["status"], shown["url"]) == ("pending", None)


def test_a_page_that_calls_itself_a_picture_is_refused_and_gone(world: World, bucket: Any) -> None:
    tenant = world.tenant()
    file_id = bring(world, bucket, tenant, PAGE)
    for _ in range(2):
        answer = read(world, tenant.owner, file_id)
        assert (answer.status, answer.code) == (415, "file_type_not_allowed")
    assert keys(bucket) == []


def test_one_picture_type_does_not_pass_for_another(world: World, bucket: Any) -> None:
    tenant = world.tenant()
    assert read(world, tenant.owner, bring(world, bucket, tenant, JPEG)).code == "file_type_not_allowed"


def test_writing_again_after_the_look_changes_nothing(world: World, bucket: Any) -> None:
    """The address still works for some minutes; what it writes to is not what is served."""
    tenant = world.tenant()
    file_id = bring(world, bucket, tenant)
    served = urlsplit(read(world, tenant.owner, file_id).data["url"]).path.lstrip("/")
    bucket.put_object(Bucket=BUCKET, Key=f"{tenant.id}/quarantine/{file_id}", Body=PAGE)
    assert read(world, tenant.owner, file_id).data["status"] == "ready"
    assert bucket.get_object(Bucket=BUCKET, Key=served)["Body"].read() == PNG


def test_while_one_looks_nobody_else_copies_what_may_have_changed(world: World, bucket: Any) -> None:
    tenant = world.tenant()
    file_id = bring(world, bucket, tenant)
    with world.db(tenant.id) as db:
        db.run("UPDATE files SET checked_until = %(later)s", later=clock.now() + timedelta(seconds=60))
    assert read(world, tenant.owner, file_id).data["status"] == "pending"
    assert keys(bucket) == [f"{tenant.id}/quarantine/{file_id}"]
    world.advance(timedelta(seconds=90))
    assert read(world, tenant.owner, file_id).data["status"] == "ready"


def test_only_its_owner_or_who_manages_files_deletes_it(world: World, bucket: Any) -> None:
    tenant = world.tenant()
    file_id = bring(world, bucket, tenant, token=world.token("student", tenant.id))
    assert read(world, tenant.owner, file_id).status == 200
    staff = world.token("library_staff", tenant.id)
    assert world.call("developer", "DELETE", f"/files/{file_id}", staff).status == 404
    assert world.call("developer", "DELETE", f"/files/{file_id}", world.tenant().owner).status == 404
    assert world.call("developer", "DELETE", f"/files/{file_id}", tenant.owner).status == 204
    assert keys(bucket) == []
    assert read(world, tenant.owner, file_id).status == 404


@pytest.mark.parametrize("content", [PNG, PAGE, None], ids=["good", "bad", "never came"])
def test_when_the_address_lapses_quarantine_is_emptied(world: World, bucket: Any, content: bytes | None) -> None:
    tenant = world.tenant()
    asked = ask(world, tenant.owner).data
    file_id = asked["id"]
    if content is not None:
        bucket.put_object(Bucket=BUCKET, Key=urlsplit(asked["url"]).path.lstrip("/"), Body=content)
    world.advance(files.UPLOAD_FOR + files.LATE)
    with world.worker():
        timers.fire_due({files.UPLOAD_TIMER: files.upload_lapsed})
    messages = world.outbox(tenant.id, "files")
    assert [(m["fileId"], m["work"]) for m in messages] == [(file_id, "settle")]
    for _ in range(2):
        assert world.deliver("file_checker", *messages) == {"batchItemFailures": []}
    with world.db(tenant.id) as db:
        status = db.value("SELECT status FROM files WHERE id = %(id)s", id=UUID(file_id))
    assert status == {PNG: "ready", PAGE: "rejected", None: None}[content]
    assert keys(bucket) == ([f"{tenant.id}/student_photo/{file_id}"] if content is PNG else [])


def picture(kind: str, size: tuple[int, int]) -> bytes:
    """A photograph as a phone takes it: lying, with a note of how to hold it and where it was taken."""
    image = Image.new("RGB", size, "orange")
    notes = Image.Exif()
    notes[0x0112] = 6  # turn it clockwise
    notes[0x010F] = "A camera"
    out = io.BytesIO()
    image.save(out, kind, exif=notes)
    return out.getvalue()


def test_an_image_gets_two_smaller_upright_pictures(world: World, bucket: Any) -> None:
    tenant = world.tenant()
    photo = picture("JPEG", (2000, 1000))
    file_id = bring(world, bucket, tenant, photo, contentType="image/jpeg")
    assert read(world, tenant.owner, file_id).data["renditions"] == []
    commands = world.outbox(tenant.id, "files")
    assert world.deliver("file_checker", *commands) == {"batchItemFailures": []}
    shown = read(world, tenant.owner, file_id).data["renditions"]
    assert [one["width"] for one in shown] == [320, 1280]
    for one in shown:
        key = urlsplit(one["url"]).path.lstrip("/")
        with Image.open(bucket.get_object(Bucket=BUCKET, Key=key)["Body"]) as drawn:
            assert (drawn.format, drawn.width) == ("WEBP", min(one["width"], 1000))
            assert drawn.height == 2 * drawn.width
            assert not drawn.getexif()
    assert world.call("developer", "DELETE", f"/files/{file_id}", tenant.owner).status == 204
    assert keys(bucket) == []


def test_what_cannot_be_drawn_stays_as_it_is(world: World, bucket: Any) -> None:
    tenant = world.tenant()
    file_id = bring(world, bucket, tenant)
    assert read(world, tenant.owner, file_id).data["status"] == "ready"
    assert world.deliver("file_checker", *world.outbox(tenant.id, "files")) == {"batchItemFailures": []}
    assert read(world, tenant.owner, file_id).data["renditions"] == []


def test_an_image_that_unpacks_to_gigabytes_is_not_unpacked() -> None:
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + b"IHDR" + header + struct.pack(">I", zlib.crc32(b"IHDR" + header))
    with pytest.raises(drawing.NotDrawable, match="pixels"):
        drawing.smaller(io.BytesIO(b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", 0) + b"IDAT" + bytes(4)))


def test_the_product_keeps_opens_and_links_what_it_makes(world: World, bucket: Any) -> None:
    tenant, owner = world.tenant(), ids.uuid7()
    with world.db(tenant.id) as db:
        one = files.store(db, "export", "rows.csv", b"a,b\n", "text/csv", owner, "students:read")
        two = files.store(db, "export", "rows.zip", io.BytesIO(b"PK" * 10), "application/zip")
        again = files.store(db, "export", "rows.csv", b"a,c\n", "text/csv", owner, file_id=one)
        assert again == one
        assert files.opened(db, one).read() == b"a,c\n"
        assert "attachment" in parse_qs(urlsplit(files.link(db, two)).query)["response-content-disposition"][0]
    assert read(world, world.token("student", tenant.id, owner), one).data["sizeBytes"] == 4
    assert read(world, world.token("library_staff", tenant.id), two).status == 404


def test_erasing_a_tenant_leaves_nothing_of_it_and_everything_of_others(world: World, bucket: Any) -> None:
    mine, other = world.tenant(), world.tenant()
    kept = bring(world, bucket, other)
    bring(world, bucket, mine)
    bucket.put_object(Bucket=BUCKET, Key=f"{mine.id}/export/orphan", Body=b"x")
    with world.db(mine.id) as db:
        assert files.delete_all(db) == 2
        assert db.value("SELECT count(*) FROM files") == 0
    assert keys(bucket) == [f"{other.id}/quarantine/{kept}"]


def test_without_the_store_the_answer_is_to_come_back(world: World) -> None:
    tenant = world.tenant()
    assert ask(world, tenant.owner).status == 503
    with world.db(tenant.id) as db:
        assert db.value("SELECT count(*) FROM files") == 0


@pytest.mark.parametrize(
    ("beginning", "kind"),
    [
        (PNG, "image/png"),
        (JPEG, "image/jpeg"),
        (b"RIFF\x10\0\0\0WEBPVP8 ", "image/webp"),
        (b"%PDF-1.7", "application/pdf"),
        (b"PK\x03\x04" + b"\0" * 26 + b"xl/workbook.xml", sniffing.XLSX),
        (b"PK\x03\x04" + b"\0" * 26 + b"payload.exe", None),
        (b"\xef\xbb\xbfname,phone\r\n", "text/csv"),
        (b"  <svg onload=alert(1)>", None),
        (b"MZ\x90\0", None),
        (b"", None),
    ],
)  # fmt: skip
def test_a_type_is_told_by_the_beginning(beginning: bytes, kind: str | None) -> None:
    assert sniffing.type_of(beginning) == kind
