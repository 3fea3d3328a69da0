"""Any S3-compatible store: bytes in and out, and addresses signed for one upload or one download."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, BinaryIO

from studyspot.kit import settings
from studyspot.kit.errors import Unavailable

DELETED_AT_ONCE = 1000
"""As many keys as one DeleteObjects takes."""


class StoreUnreachable(Unavailable):
    """The file store does not answer; repeat the request in a moment."""


class NoSuchObject(Exception):
    """Nothing is stored under that key."""


def upload_address(key: str, content_type: str, size: int, seconds: int) -> str:
    """Where exactly `size` bytes of that type may be PUT: length and type are part of the signature."""
    given = {"ContentType": content_type, "ContentLength": size}
    return _signed("put_object", key, seconds, given)


def download_address(key: str, content_type: str, name: str, inline: bool, seconds: int) -> str:
    """Where the object may be read; the browser is told its type and never guesses."""
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "._- ") else "_" for c in name)
    shown = f'{"inline" if inline else "attachment"}; filename="{plain}"'
    return _signed(
        "get_object", key, seconds, {"ResponseContentType": content_type, "ResponseContentDisposition": shown}
    )


def put(key: str, content: bytes | BinaryIO, content_type: str) -> int:
    """Store bytes or what a file yields, in parts when it is large; answers how many bytes there are."""
    with _reached():
        if isinstance(content, bytes):
            _client().put_object(Bucket=_bucket(), Key=key, Body=content, ContentType=content_type)
            return len(content)
        _client().upload_fileobj(content, _bucket(), key, ExtraArgs={"ContentType": content_type})
        found: int = _client().head_object(Bucket=_bucket(), Key=key)["ContentLength"]
        return found


def opened(key: str) -> BinaryIO:
    """The object as a stream, or NoSuchObject."""
    with _reached():
        body: BinaryIO = _client().get_object(Bucket=_bucket(), Key=key)["Body"]
        return body


def beginning(key: str, most: int) -> tuple[bytes, int]:
    """The first bytes and the size of the whole, or NoSuchObject."""
    with _reached():
        size: int = _client().head_object(Bucket=_bucket(), Key=key)["ContentLength"]
        if not size:
            return b"", 0
        answer = _client().get_object(Bucket=_bucket(), Key=key, Range=f"bytes=0-{most - 1}")
        return answer["Body"].read(), size


def copy(source: str, target: str, content_type: str) -> None:
    """Within the bucket, without the bytes coming here; NoSuchObject when there is no source."""
    with _reached():
        _client().copy_object(
            Bucket=_bucket(),
            Key=target,
            CopySource={"Bucket": _bucket(), "Key": source},
            ContentType=content_type,
            MetadataDirective="REPLACE",
        )


def delete(keys: Iterable[str]) -> None:
    """Gone, whether they were there or not."""
    waiting = list(keys)
    with _reached():
        for start in range(0, len(waiting), DELETED_AT_ONCE):
            part = [{"Key": key} for key in waiting[start : start + DELETED_AT_ONCE]]
            answer = _client().delete_objects(Bucket=_bucket(), Delete={"Objects": part, "Quiet": True})
            if answer.get("Errors"):
                raise StoreUnreachable(f"{len(answer['Errors'])} objects were not deleted")


def below(prefix: str) -> Iterator[str]:
    """Every key that begins so."""
    with _reached():
        for page in _client().get_paginator("list_objects_v2").paginate(Bucket=_bucket(), Prefix=prefix):
            yield from (entry["Key"] for entry in page.get("Contents", ()))


def _signed(operation: str, key: str, seconds: int, given: dict[str, Any]) -> str:
    with _reached():
        params = {"Bucket": _bucket(), "Key": key, **given}
        address: str = _client().generate_presigned_url(operation, Params=params, ExpiresIn=seconds)
        return address


def _bucket() -> str:
    name = settings.get().files_bucket
    if not name:
        raise StoreUnreachable("no bucket is configured")
    return name


def _client() -> Any:
    s = settings.get()
    return _made(s.files_endpoint_url, s.files_access_key_id, s.files_secret_access_key.get_secret_value())


@cache
def _made(endpoint: str, key_id: str, secret: str) -> Any:
    """A store of another vendor has an endpoint and keys of its own; AWS needs neither."""
    import boto3
    from botocore.config import Config

    own = {"endpoint_url": endpoint} if endpoint else {}
    if key_id:
        own |= {"aws_access_key_id": key_id, "aws_secret_access_key": secret}
    limits = Config(
        connect_timeout=2,
        read_timeout=10,
        retries={"total_max_attempts": 2},
        signature_version="s3v4",
        s3={"addressing_style": "path" if endpoint else "virtual"},
        # Not every compatible store knows the newer checksums, and a signed address must not ask for one.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    return boto3.client("s3", config=limits, **own)


@contextmanager
def _reached() -> Iterator[None]:
    from botocore.exceptions import BotoCoreError, ClientError  # boto3 is loaded by those who touch a file

    try:
        yield
    except ClientError as refusal:
        if refusal.response["Error"]["Code"] in ("404", "NoSuchKey", "NotFound"):
            raise NoSuchObject from refusal
        raise StoreUnreachable from refusal
    except BotoCoreError as outage:
        raise StoreUnreachable from outage
