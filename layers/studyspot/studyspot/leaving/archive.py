"""The archive of a tenant: written with bounded memory; believed only when every byte is as its manifest says."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import IO, Any, BinaryIO

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from studyspot.kit.crypto import keyed_hash, same
from studyspot.leaving.models import ArchiveRefused

FORMAT = "studyspot-export/1"
MANIFEST = "manifest.json"
SEAL = "manifest.seal"
CHUNK = 1024 * 1024
LARGEST_MANIFEST = 64 * CHUNK
LONGEST_LINE = 16 * CHUNK
"""A row holds at most an upload of 4 MiB; more is no row of ours."""
DAMAGE = (zipfile.BadZipFile, zlib.error, KeyError, EOFError, NotImplementedError, RuntimeError, OSError, ValueError)
DANGEROUS = ("=", "+", "-", "@", "\t", "\r")
"""A cell that begins so is a formula to a spreadsheet."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")

    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    size: int = Field(ge=0)


class TablePart(_Part):
    """A table's JSON lines."""

    rows: int = Field(ge=0)
    columns: list[str]


class FilePart(_Part):
    """A file's bytes; its row is among those of the table `files`."""

    path: str


class Manifest(BaseModel):
    """What an archive holds, and by which its reader knows that it is whole."""

    model_config = ConfigDict(extra="forbid")

    format: str
    schema_version: int
    tenant: dict[str, Any]
    made_at: str
    tables: dict[str, TablePart]
    files: dict[str, FilePart]
    left_out: dict[str, str]
    """Tables that stayed behind, each with its reason."""

    def members(self) -> dict[str, _Part | None]:
        """Every name the archive must have, and no other; what is told for people alone has no checksum of its own."""
        told: dict[str, _Part | None] = {MANIFEST: None, SEAL: None}
        for name, part in self.tables.items():
            told |= {data_of(name): part, table_of(name): None}
        return told | {part.path: part for part in self.files.values()}


def data_of(table: str) -> str:
    return f"data/{table}.jsonl"


def table_of(table: str) -> str:
    return f"csv/{table}.csv"


class Writer:
    """An archive that is being written."""

    def __init__(self, target: IO[bytes]) -> None:
        self.zip = zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=6, allowZip64=True)
        self.tables: dict[str, TablePart] = {}
        self.files: dict[str, FilePart] = {}

    def table(self, name: str, lines: Callable[[], Iterable[str]], columns: list[str]) -> None:
        """Twice over the same rows: exact for machines, as a sheet for people."""
        digest, size, rows = hashlib.sha256(), 0, 0
        with self.zip.open(data_of(name), "w", force_zip64=True) as part:
            for line in lines():
                told = line.encode() + b"\n"
                part.write(told)
                digest.update(told)
                size, rows = size + len(told), rows + 1
        self.tables[name] = TablePart(rows=rows, columns=columns, sha256=digest.hexdigest(), size=size)
        with self.zip.open(table_of(name), "w", force_zip64=True) as part:
            sheet = csv.DictWriter(io.TextIOWrapper(part, "utf-8", newline="", write_through=True), columns)
            sheet.writeheader()
            for line in lines():
                sheet.writerow({column: _cell(value) for column, value in json.loads(line).items()})

    def file(self, name: str, path: str, content: BinaryIO) -> None:
        digest, size = hashlib.sha256(), 0
        with self.zip.open(path, "w", force_zip64=True) as part:
            while chunk := content.read(CHUNK):
                part.write(chunk)
                digest.update(chunk)
                size += len(chunk)
        self.files[name] = FilePart(path=path, sha256=digest.hexdigest(), size=size)

    def close(self, schema_version: int, tenant: dict[str, Any], made_at: str, left_out: dict[str, str]) -> Manifest:
        manifest = Manifest(
            format=FORMAT, schema_version=schema_version, tenant=tenant, made_at=made_at, tables=self.tables,
            files=self.files, left_out=left_out,
        )  # fmt: skip
        told = manifest.model_dump_json(indent=1)
        self.zip.writestr(MANIFEST, told)
        self.zip.writestr(SEAL, keyed_hash("export-manifest", told))
        self.zip.close()
        return manifest


def _cell(value: Any) -> Any:
    if isinstance(value, str):
        return f"'{value}" if value.startswith(DANGEROUS) else value
    return json.dumps(value) if isinstance(value, dict | list) else value


class Reader:
    """An archive that came from outside: nothing in it is a path to write to, and nothing is longer than it says."""

    def __init__(self, source: IO[bytes]) -> None:
        with _refusing():
            self.zip = zipfile.ZipFile(source)
            self.manifest = self._manifest()
        members = self.manifest.members()
        found = [entry.filename for entry in self.zip.infolist()]
        if sorted(found) != sorted(members):
            raise ArchiveRefused("the archive does not hold what its manifest names")
        self.parts = {path: part for path, part in members.items() if part}

    def _manifest(self) -> Manifest:
        if self.zip.getinfo(MANIFEST).file_size > LARGEST_MANIFEST:
            raise ArchiveRefused("the manifest is too large")
        with self.zip.open(MANIFEST) as part, self.zip.open(SEAL) as seal:
            told, sealed = part.read(LARGEST_MANIFEST).decode(), seal.read(CHUNK).decode()
        if not same(sealed, keyed_hash("export-manifest", told)):
            raise ArchiveRefused("the manifest is not one of ours")
        manifest = Manifest.model_validate_json(told)
        if manifest.format != FORMAT:
            raise ArchiveRefused(f"the archive is not of the format {FORMAT}")
        return manifest

    def verify(self) -> None:
        """Every part once, before anything is stored."""
        for path in self.parts:
            for _ in self.chunks(path):
                pass

    def chunks(self, path: str) -> Iterator[bytes]:
        """A part as it is read; it ends well only with the size and the checksum of the manifest."""
        part, digest, size = self.parts[path], hashlib.sha256(), 0
        with _refusing(), self.zip.open(path) as content:
            while chunk := content.read(min(CHUNK, part.size - size + 1)):
                size += len(chunk)
                if size > part.size:
                    raise ArchiveRefused(f"{path} is longer than its manifest says")
                digest.update(chunk)
                yield chunk
        if size != part.size or digest.hexdigest() != part.sha256:
            raise ArchiveRefused(f"{path} is not what its manifest says")

    def lines(self, table: str) -> Iterator[str]:
        """A table's rows."""
        rest = b""
        for chunk in self.chunks(data_of(table)):
            *whole, rest = (rest + chunk).split(b"\n")
            if len(rest) > LONGEST_LINE:
                raise ArchiveRefused(f"{table} has a row that is too long")
            with _refusing():
                yield from (line.decode() for line in whole)
        if rest:
            raise ArchiveRefused(f"{table} ends in the middle of a row")


@contextmanager
def _refusing() -> Iterator[None]:
    """Whatever a damaged archive does to the code that reads it, it is the archive's fault."""
    try:
        yield
    except ValidationError as fault:
        raise ArchiveRefused("the manifest is not one of ours") from fault
    except DAMAGE as fault:
        raise ArchiveRefused("the archive is damaged") from fault
