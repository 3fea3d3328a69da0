"""Delivery reports of MSG91. They are not signed: an unguessable path token admits, and a known message is needed."""

from __future__ import annotations

from typing import Literal

from studyspot.kit import crypto, settings
from studyspot.kit.api import Api
from studyspot.kit.errors import BadSignature
from studyspot.kit.models import Model
from studyspot.kit.request import Request
from studyspot.kit.signature import CoreDb
from studyspot.messaging import reports

api = Api("messaging/webhook/msg91")
LAYOUTS = ("application/json", "application/x-www-form-urlencoded")


class Receipt(Model):
    """What became of the callback."""

    status: Literal["accepted", "duplicate", "ignored"]


@api.post("/messaging/webhook/msg91/{token}", public=True, ungated=True, accepts=LAYOUTS)
def report(token: str, request: Request, core: CoreDb) -> Receipt:
    known = settings.get().msg91_webhook_token.get_secret_value()
    if not known or not crypto.same(token, known):
        raise BadSignature
    return Receipt(status=reports.take_in(core, request.body, request.media_type))


handler = api.handler
