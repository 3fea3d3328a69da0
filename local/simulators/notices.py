"""Amazon SNS as SES uses it: envelopes of one topic, signed with a key whose certificate is served here."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID
from studyspot.gateways.sns import NOTIFICATION, signed_text

from local.simulators.outbox import zulu
from local.simulators.protocol import Reply, Request, Route

CERTIFICATE = "/SimpleNotificationService-local.pem"


class Notices:
    """The topic; its key is made when something is first said."""

    name = "sns"
    mount = "sns"

    def __init__(self, base_url: str, topic_arn: str) -> None:
        self._base_url, self._topic_arn = base_url.rstrip("/"), topic_arn
        self.routes = [Route("GET", CERTIFICATE, "certificate", self._show)]

    def admit(self, request: Request) -> None:
        """Certificates are public."""

    def error(self, refused: Any) -> Any:
        return {"message": refused.message}

    def enveloped(
        self, message_id: str, text: str, at: datetime, forged: bool = False, kind: str = NOTIFICATION, **more: str
    ) -> bytes:
        said = {
            "Type": kind,
            "MessageId": message_id,
            "TopicArn": self._topic_arn,
            "Subject": "Amazon SES Email Event Notification",
            "Message": text,
            "Timestamp": zulu(at),
            "SignatureVersion": "2",
            "SigningCertURL": f"{self._base_url}{CERTIFICATE}",
            **more,
        }
        signed = b"by nobody" if forged else signed_text(said)
        signature = self._key.sign(signed, padding.PKCS1v15(), hashes.SHA256())
        return json.dumps(said | {"Signature": base64.b64encode(signature).decode()}).encode()

    @cached_property
    def _key(self) -> rsa.RSAPrivateKey:
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)

    @cached_property
    def certificate(self) -> bytes:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.localhost")])
        began = datetime(2026, 1, 1, tzinfo=UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self._key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(began)
            .not_valid_after(began + timedelta(days=3650))
            .sign(self._key, hashes.SHA256())
        )
        return made.public_bytes(serialization.Encoding.PEM)

    def _show(self, _: Request) -> Reply:
        return Reply(200, self.certificate.decode())
