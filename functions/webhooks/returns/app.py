"""/payments/callback - the payer's browser comes back from a gateway's page, and is sent on."""

from __future__ import annotations

from studyspot.fulfilment import service
from studyspot.kit.api import Api
from studyspot.kit.request import Request
from studyspot.kit.response import Response
from studyspot.payments.models import GatewayName

api = Api("payments/callback")
handler = api.handler

FORM = "application/x-www-form-urlencoded"


@api.get("/payments/callback/{gateway}", status_code=303, public=True, vendor_words=True)
def came_back(gateway: GatewayName, request: Request) -> Response:
    """The address is signed, and so is what the gateway sends along; neither proves a payment: the gateway is asked."""
    return Response(303, headers={"Location": service.come_back(gateway, request)})


@api.post(
    "/payments/callback/{gateway}",
    status_code=303,
    public=True,
    vendor_words=True,
    accepts=(FORM,),
    body_limit=service.BODY_LIMIT,
)
def posted_back(gateway: GatewayName, request: Request) -> Response:
    """The same with the gateway's words as a form, as Paytm and Razorpay send them."""
    return Response(303, headers={"Location": service.come_back(gateway, request)})
