"""Amazon SNS over HTTPS: envelopes that AWS signed, of one topic of ours.

The text that is signed and where the certificate lies:
https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html. A repetition hours later carries the
first timestamp, so there is no window; `message_id` tells it.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from studyspot.gateways.envelopes import envelope_of
from studyspot.gateways.failures import UnreadableEvent
from studyspot.gateways.payment import TIMEOUT
from studyspot.kit import crypto
from studyspot.kit.errors import BadSignature

NAME = "sns"
NOTIFICATION, SUBSCRIPTION = "Notification", "SubscriptionConfirmation"
SIGNED: Mapping[str, tuple[str, ...]] = {
    NOTIFICATION: ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    SUBSCRIPTION: ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}
CERTIFICATE = re.compile(r"/SimpleNotificationService-[0-9A-Za-z]{1,64}\.pem")


@dataclass(frozen=True, slots=True)
class Envelope:
    """What AWS says, believed."""

    kind: str
    message_id: str
    text: str
    subscribe_url: str


@dataclass(frozen=True, slots=True)
class Topic:
    """The one topic that is listened to; `base_url` stands for Amazon's address on the local stage."""

    arn: str
    base_url: str = ""

    @property
    def origin(self) -> str:
        """The service's own host in the topic's region: `sns.<anything>.amazonaws.com` may be somebody's bucket."""
        return self.base_url.rstrip("/") or f"https://sns.{self.arn.split(':')[3]}.amazonaws.com"

    def opened(self, raw: bytes) -> Envelope:
        """BadSignature unless AWS signed it for this topic; UnreadableEvent when it is no envelope."""
        said = _said(raw)
        certificate = said["SigningCertURL"]
        if not self.arn or not crypto.same(said["TopicArn"], self.arn) or not certificate.startswith(self.origin):
            raise BadSignature
        if not CERTIFICATE.fullmatch(certificate.removeprefix(self.origin)):
            raise BadSignature
        _verify(said, certificate)
        return Envelope(said["Type"], said["MessageId"], said["Message"], said.get("SubscribeURL", ""))

    def confirm(self, envelope: Envelope) -> None:
        """Take up the subscription: SNS sends nothing before."""
        if not envelope.subscribe_url.startswith(f"{self.origin}/"):
            raise BadSignature
        _fetched(envelope.subscribe_url)


def signed_text(said: Mapping[str, str]) -> bytes:
    """Names and values, a line each, in the order of the names; a Subject only where there is one."""
    lines = [line for name in SIGNED[said["Type"]] if name in said for line in (name, said[name])]
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogatepass")


def _said(raw: bytes) -> dict[str, str]:
    told = {name: value for name, value in envelope_of(raw).items() if isinstance(value, str)}
    needed = {"Message", "MessageId", "Timestamp", "TopicArn", "Signature", "SigningCertURL"}
    if told.get("Type") not in SIGNED or not needed <= told.keys():
        raise UnreadableEvent
    return told


def _verify(said: Mapping[str, str], certificate: str) -> None:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    if said.get("SignatureVersion") != "2":  # our topic is set to it; version 1 is SHA-1
        raise BadSignature
    try:
        signature = base64.b64decode(said["Signature"], validate=True)
        _public_key(certificate).verify(signature, signed_text(said), padding.PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, binascii.Error, ValueError):
        raise BadSignature from None


@cache
def _public_key(certificate: str) -> Any:
    """Fetched once a process."""
    from cryptography.x509 import load_pem_x509_certificate

    return load_pem_x509_certificate(_fetched(certificate)).public_key()


def _fetched(url: str) -> bytes:
    from studyspot.gateways.wire import session_to

    origin = "/".join(url.split("/", 3)[:3])
    content: bytes = session_to(NAME, origin, _no_words).request("GET", url, timeout=TIMEOUT).content
    return content


def _no_words(_: Any) -> Mapping[str, str | None]:
    return {}
