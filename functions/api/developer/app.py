"""What an organisation's own programs stand on: API keys, webhooks, files and jobs."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from studyspot.files import service as files
from studyspot.files.models import File, Upload, UploadRequest
from studyspot.jobs import service as jobs
from studyspot.jobs.models import Job
from studyspot.keys import queries as key_queries
from studyspot.keys import service as keys
from studyspot.keys.models import ApiKey, KeyRequest, NewKey
from studyspot.kit.api import Api
from studyspot.kit.auth import Actor, allow
from studyspot.kit.models import Page
from studyspot.kit.pages import Paging
from studyspot.kit.signature import Of, TenantDb
from studyspot.webhooks import queries as webhook_queries
from studyspot.webhooks import service as webhooks
from studyspot.webhooks.models import (
    Delivery,
    Endpoint,
    EndpointChange,
    EndpointRequest,
    EventKind,
    NewEndpoint,
)

api = Api("developer")

FileId = Annotated[UUID, Of("files")]
JobId = Annotated[UUID, Of("jobs")]
AnyUser = Annotated[Actor, allow()]
EndpointId = Annotated[UUID, Of("webhook_endpoints")]
DeliveryId = Annotated[UUID, Of("webhook_deliveries")]
Hooker = Annotated[Actor, allow("webhooks:manage", everywhere=True)]
KeyId = Annotated[UUID, Of("api_keys")]
KeyMaker = Annotated[Actor, allow("api_keys:manage", in_person=True)]
ProvenKeyMaker = Annotated[Actor, allow("api_keys:manage", step_up=True)]


@api.get("/api-keys")
def api_keys(actor: KeyMaker, db: TenantDb, paging: Paging) -> Page[ApiKey]:
    return paging.page(key_queries.live(db, paging))


@api.post("/api-keys", status_code=201, keyed="ignored")
def make_key(asked: KeyRequest, actor: ProvenKeyMaker, db: TenantDb) -> NewKey:
    """The key is in this answer and in no other. Send it as `Authorization: Bearer ssk_...`."""
    return keys.make(db, actor, asked)


@api.delete("/api-keys/{keyId}")
def revoke_key(key_id: KeyId, actor: KeyMaker, db: TenantDb) -> None:
    keys.revoke(db, actor, key_id)


@api.post("/api-keys/{keyId}/rotate", keyed="ignored")
def rotate_key(key_id: KeyId, actor: ProvenKeyMaker, db: TenantDb) -> NewKey:
    """Another key in its place; the one before works for 24 hours more."""
    return keys.rotate(db, actor, key_id)


@api.get("/webhooks/endpoints")
def endpoints(actor: Hooker, db: TenantDb, paging: Paging) -> Page[Endpoint]:
    return paging.page(webhook_queries.endpoints(db, paging))


@api.post("/webhooks/endpoints", status_code=201, keyed="ignored")
def add_endpoint(asked: EndpointRequest, actor: Hooker, db: TenantDb) -> NewEndpoint:
    """An endpoint for some or all (`*`) events. The secret is in this answer and in no other."""
    return webhooks.add(db, actor, asked)


@api.put("/webhooks/endpoints/{endpointId}")
def change_endpoint(endpoint_id: EndpointId, asked: EndpointChange, actor: Hooker, db: TenantDb) -> Endpoint:
    """`enabled` switches it off, or on again; beside a new `secret` the old one signs for one more day."""
    return webhooks.change(db, endpoint_id, asked)


@api.delete("/webhooks/endpoints/{endpointId}")
def delete_endpoint(endpoint_id: EndpointId, actor: Hooker, db: TenantDb) -> None:
    webhooks.remove(db, endpoint_id)


@api.post("/webhooks/endpoints/{endpointId}/test", status_code=202)
def try_endpoint(endpoint_id: EndpointId, actor: Hooker, db: TenantDb) -> Delivery:
    """Sends a `webhook.test`; what was answered stands in the deliveries."""
    return webhooks.test(db, actor, endpoint_id)


@api.get("/webhooks/deliveries")
def deliveries(
    actor: Hooker,
    db: TenantDb,
    paging: Paging,
    endpoint_id: UUID | None = None,
    status: Literal["pending", "delivered", "failed"] | None = None,
    event_type: str | None = None,
) -> Page[Delivery]:
    return webhooks.listed(db, paging, endpoint_id, status, event_type)


@api.post("/webhooks/deliveries/{deliveryId}/replay", status_code=202)
def replay(delivery_id: DeliveryId, actor: Hooker, db: TenantDb) -> Delivery:
    """Sends it again, under the same id: a receiver that keeps ids does nothing twice."""
    return webhooks.replay(db, delivery_id)


@api.get("/webhooks/events")
def event_catalogue(actor: Hooker) -> list[EventKind]:
    """Every event that can be subscribed to, with the schema of what is sent."""
    return webhooks.catalogue()


@api.post("/files/uploads", status_code=201, keyed="ignored", by_key=True)
def upload(asked: UploadRequest, actor: AnyUser, db: TenantDb) -> Upload:
    """Where to PUT a file: the address is signed for its type and size and lasts 15 minutes."""
    return files.upload(db, actor, asked)


@api.get("/files/{fileId}", by_key=True)
def file(file_id: FileId, actor: AnyUser, db: TenantDb) -> File:
    """A file and links to it that last five minutes; `pending` until its bytes have come and were looked at."""
    return files.seen_by(db, actor, file_id)


@api.delete("/files/{fileId}", by_key=True)
def delete_file(file_id: FileId, actor: AnyUser, db: TenantDb) -> None:
    files.delete_by(db, actor, file_id)


@api.get("/jobs/{jobId}", by_key=True)
def job(job_id: JobId, actor: AnyUser, db: TenantDb) -> Job:
    return jobs.seen_by(db, actor, job_id)


@api.post("/jobs/{jobId}/cancel", by_key=True)
def cancel_job(job_id: JobId, actor: AnyUser, db: TenantDb) -> Job:
    return jobs.cancel(db, actor, job_id)


handler = api.handler
