"""/payments/webhook/paytm - Paytm's events, JSON or form: checked on the raw bytes, stored, queued, answered."""

from __future__ import annotations

from studyspot.fulfilment import service
from studyspot.kit.api import Api
from studyspot.kit.request import Request
from studyspot.kit.signature import CoreDb

api = Api("payments/webhook/paytm")
handler = api.handler


@api.post("/payments/webhook/paytm", public=True, ungated=True, accepts=("*",), body_limit=service.BODY_LIMIT)
def receive(request: Request, core: CoreDb) -> service.Receipt:
    return service.receive(core, "paytm", request)


@api.post(
    "/payments/webhook/paytm/{accountRef}", public=True, ungated=True, accepts=("*",), body_limit=service.BODY_LIMIT
)
def receive_own(account_ref: str, request: Request, core: CoreDb) -> service.Receipt:
    return service.receive(core, "paytm", request, account_ref)
