"""What became of mails, told by Amazon SES through SNS. AWS signs each of them."""

from __future__ import annotations

from typing import Literal

from studyspot.kit.api import Api
from studyspot.kit.models import Model
from studyspot.kit.request import Request
from studyspot.kit.signature import CoreDb
from studyspot.messaging import bounces

api = Api("notifications/webhook/email")
LAYOUTS = ("text/plain", "application/json")


class Receipt(Model):
    """What became of the callback."""

    status: Literal["accepted", "duplicate", "ignored", "confirmed"]


@api.post("/notifications/webhook/email", public=True, ungated=True, accepts=LAYOUTS, body_limit=256 * 1024)
def report(request: Request, core: CoreDb) -> Receipt:
    return Receipt(status=bounces.take_in(core, request.body))


handler = api.handler
