"""Amazon SES: one plain message to one address."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from studyspot.gateways.failures import GatewayBusy, GatewayDown, GatewayFailure, GatewayRejected, GatewayTimeout
from studyspot.gateways.payment import TIMEOUT

if TYPE_CHECKING:
    from studyspot.kit.settings import Settings

NAME = "ses"
BUSY = frozenset({"TooManyRequestsException", "LimitExceededException", "Throttling", "ThrottlingException"})


@cache
def _client() -> Any:
    """One client a process: building it costs a quarter of a second."""
    import boto3
    from botocore.config import Config

    # SES has no idempotency key, so botocore must not repeat a call whose answer was lost
    return boto3.client(
        "sesv2", config=Config(connect_timeout=3, read_timeout=TIMEOUT, retries={"total_max_attempts": 1})
    )


def send_email(
    settings: Settings, to: str, subject: str, text: str, tags: Mapping[str, str], html: str | None = None
) -> str:
    """Send one message; answers its id at SES. The tags come back with whatever SES tells of it."""
    body: dict[str, Any] = {"Text": {"Data": text, "Charset": "UTF-8"}}
    if html:
        body["Html"] = {"Data": html, "Charset": "UTF-8"}
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        answer = _client().send_email(
            FromEmailAddress=settings.mail_from,
            Destination={"ToAddresses": [to]},
            Content={"Simple": {"Subject": {"Data": subject, "Charset": "UTF-8"}, "Body": body}},
            EmailTags=[{"Name": name, "Value": value} for name, value in tags.items()],
            **({"ConfigurationSetName": known} if (known := settings.ses_configuration_set) else {}),
        )
    except ClientError as error:
        raise _refusal(error.response) from None
    except BotoCoreError as error:
        raise _lost(error) from None
    return str(answer["MessageId"])


def _refusal(response: Any) -> GatewayFailure:
    error = response.get("Error", {})
    code, status = str(error.get("Code")), response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    facts = {"http_status": status, "vendor_code": code}
    if code in BUSY or status == 429:
        return GatewayBusy(NAME, str(error.get("Message")), **facts)
    if status >= 500 or status == 403:
        return GatewayDown(NAME, str(error.get("Message")), **facts)
    return GatewayRejected(NAME, str(error.get("Message")), **facts)


def _lost(error: Exception) -> GatewayFailure:
    from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError, NoCredentialsError

    harmless = (ConnectTimeoutError, EndpointConnectionError, NoCredentialsError)
    kind = GatewayDown if isinstance(error, harmless) else GatewayTimeout
    return kind(NAME, type(error).__name__)
