"""What files are for, how they are asked for and shown, and what can be wrong with one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from studyspot.kit.errors import PayloadTooLarge, Unavailable, UnsupportedMediaType
from studyspot.kit.models import Model, Timestamp

MIB = 1024 * 1024
JPEG, PNG, WEBP, PDF = "image/jpeg", "image/png", "image/webp", "application/pdf"
CSV, XLSX = "text/csv", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
ZIP = "application/zip"
IMAGES = (JPEG, PNG, WEBP)


@dataclass(frozen=True)
class Purpose:
    """What a file is for decides its types, its size, who may bring it and who may read it besides its owner."""

    types: tuple[str, ...]
    largest: int
    upload: tuple[str, ...]
    read: str | None


PURPOSES = {
    "student_photo": Purpose(IMAGES, 5 * MIB, ("students:create", "students:update", "students:update_own"),
                             "students:read"),
    "id_proof": Purpose((*IMAGES, PDF), 5 * MIB, ("students:create", "students:update", "students:update_own"),
                        "students:read"),
    "library_image": Purpose(IMAGES, 10 * MIB, ("libraries:update",), "libraries:read"),
    "avatar": Purpose(IMAGES, 5 * MIB, (), "libraries:read"),
    "logo": Purpose((JPEG, PNG, WEBP), 2 * MIB, ("tenants:update_own", "tenants:update"), "libraries:read"),
    "document": Purpose((*IMAGES, PDF), 10 * MIB, ("tenants:update_own", "tenants:update"), None),
    "bill": Purpose((*IMAGES, PDF), 10 * MIB, ("expenses:record",), "expenses:read"),
    "payment_proof": Purpose((*IMAGES, PDF), 5 * MIB, ("payments:create",), "payments:collect"),
    "archive": Purpose((ZIP,), 5 * 1024 * MIB, ("tenants:import",), None),
    "import": Purpose((CSV, XLSX), 25 * MIB, ("students:import",), None),
}  # fmt: skip
"""What may be uploaded. A purpose that is not here is the product's own, such as an export."""

UploadPurpose = Literal[
    "student_photo", "id_proof", "library_image", "avatar", "logo", "document", "bill", "payment_proof", "import",
    "archive",
]  # fmt: skip


class FileTypeNotAllowed(UnsupportedMediaType):
    """A file of this type is not accepted here.

    The type is judged by what the file begins with, whatever its name or its sender say.
    """

    code = "file_type_not_allowed"


class FileTooLarge(PayloadTooLarge):
    """The file is larger than its purpose allows."""


class BeingChecked(Unavailable):
    """This file is being looked at; repeat the request in a moment."""


class UploadRequest(Model):
    """What somebody is about to upload."""

    purpose: UploadPurpose
    name: Annotated[str, Field(min_length=1, max_length=200)]
    content_type: Annotated[str, Field(min_length=3, max_length=120)]
    size_bytes: Annotated[int, Field(ge=1, le=5 * 1024 * MIB, strict=True)]


class Upload(Model):
    """Where to PUT the bytes, with exactly these headers, and until when."""

    id: UUID
    status: Literal["pending"] = "pending"
    method: Literal["PUT"] = "PUT"
    url: str
    headers: dict[str, str]
    expires_at: Timestamp

    @property
    def location(self) -> str:
        return f"/api/v1/files/{self.id}"


class Rendition(Model):
    """The same picture, smaller, as WebP."""

    width: int
    url: str


class File(Model):
    """A file; the links are there once it is ready, and last until `expiresAt`."""

    id: UUID
    purpose: str
    name: str
    content_type: str
    size_bytes: int
    status: Literal["pending", "ready"]
    url: str | None = None
    renditions: list[Rendition] = []
    expires_at: Timestamp | None = None
    created_at: Timestamp


class Stored(BaseModel):
    """A row of `files`."""

    tenant_id: UUID
    id: UUID
    purpose: str
    name: str
    content_type: str
    size_bytes: int
    status: Literal["pending", "ready", "rejected"]
    renditions: list[int]
    permission: str | None
    owner_id: UUID | None
    created_at: Timestamp

    @property
    def key(self) -> str:
        return f"{self.tenant_id}/{self.purpose}/{self.id}"

    @property
    def quarantine(self) -> str:
        """Where the sender writes, and nobody reads."""
        return f"{self.tenant_id}/quarantine/{self.id}"

    def rendition(self, width: int) -> str:
        return f"{self.key}.{width}.webp"

    @property
    def keys(self) -> list[str]:
        """Everything that may be stored for it."""
        return [self.quarantine, self.key, *(self.rendition(width) for width in self.renditions)]
