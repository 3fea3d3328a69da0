"""The settings of this process: one frozen model, read once from the environment and the stage's secrets."""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, SecretStr, model_validator

SHORTEST_KEY = 32
"""Characters; `openssl rand -hex 32` gives 64."""
CALLED = (
    "public_base_url", "razorpay_base_url", "cashfree_base_url", "paytm_base_url", "stripe_base_url", "msg91_base_url"
)  # fmt: skip
SourceCheck = Literal["enforce", "alarm", "off"]


class Settings(BaseModel):
    """Names are those of the environment, in lower case."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    stage: Literal["local", "test", "dev", "staging", "production"] = "local"
    version: str = "1.0.0"
    log_level: str = "INFO"
    public_base_url: str = "http://127.0.0.1:3000"
    app_base_url: str = ""
    """Where browsers go after paying; unset = the same as this API."""
    cors_origin: str = ""

    core_db_host: str = "127.0.0.1"
    core_db_port: int = 5432
    core_db_name: str = "studyspot"
    core_db_user: str = "app"
    core_db_password: SecretStr = SecretStr("")
    core_db_sslmode: str = "prefer"

    signing_keys: SecretStr = SecretStr("[]")
    """The ring itself, or the path of a file that holds it."""
    signing_key_days: int = 90
    app_secret_arn: str = ""
    hmac_key: SecretStr = SecretStr("")
    bcrypt_cost: int = 12
    mfa_required_for_platform: bool = False
    rate_limit_factor: str = "1"
    even_time_factor: float = 1

    razorpay_key_id: str = ""
    razorpay_key_secret: SecretStr = SecretStr("")
    razorpay_webhook_secret: SecretStr = SecretStr("")
    razorpay_base_url: str = "https://api.razorpay.com"
    razorpay_source_check: SourceCheck = "enforce"
    razorpay_sources: str = (
        "52.66.75.174,52.66.76.63,52.66.151.218,35.154.217.40,35.154.22.73,35.154.143.15,13.126.199.247,"
        "13.126.238.192,13.232.194.134,18.96.225.0/26,18.99.161.0/26"
    )
    cashfree_client_id: str = ""
    cashfree_client_secret: SecretStr = SecretStr("")
    cashfree_base_url: str = "https://api.cashfree.com/pg"
    cashfree_api_version: str = "2025-01-01"
    cashfree_source_check: SourceCheck = "enforce"
    cashfree_sources: str = "52.66.101.190,3.109.102.144,18.60.134.245,18.60.183.142"
    paytm_mid: str = ""
    paytm_merchant_key: SecretStr = SecretStr("")
    paytm_website: str = "DEFAULT"
    paytm_base_url: str = "https://secure.paytmpayments.com"
    paytm_callback_url: str = ""
    """Where Paytm's page sends the browser back to; unset = this API's own address for that."""
    paytm_source_check: SourceCheck = "off"
    paytm_sources: str = ""
    """Paytm shows its addresses in the merchant's dashboard alone: whoever has them names them and sets the check."""
    stripe_publishable_key: str = ""
    stripe_secret_key: SecretStr = SecretStr("")
    stripe_webhook_secret: SecretStr = SecretStr("")
    stripe_base_url: str = "https://api.stripe.com"
    stripe_api_version: str = "2026-10-28.endive"
    stripe_source_check: SourceCheck = "alarm"
    stripe_sources: str = (
        "3.18.12.63,3.130.192.231,13.235.14.237,13.235.122.149,18.211.135.69,35.154.171.200,52.15.183.38,"
        "54.88.130.119,54.88.130.237,54.187.174.169,54.187.205.235,54.187.216.72"
    )
    msg91_auth_key: SecretStr = SecretStr("")
    msg91_base_url: str = "https://api.msg91.com"
    msg91_webhook_token: SecretStr = SecretStr("")
    msg91_sender: str = "STDYSP"
    dlt_entity_id: str = ""
    platform_state_code: str = "29"
    mail_from: str = "no-reply@studyspot.com"
    ses_configuration_set: str = ""
    """Whose events tell what became of a mail; unset = nobody tells."""
    mail_events_topic_arn: str = ""
    sns_base_url: str = ""
    """Stands for Amazon's address on the local stage alone."""
    default_assistant_tenant: str = ""
    default_marketplace_tenant: str = ""

    webhook_private_targets: bool = False
    """Webhooks may go to this machine and without TLS: for the local stage and tests alone."""
    files_bucket: str = ""
    files_endpoint_url: str = ""
    files_access_key_id: str = ""
    files_secret_access_key: SecretStr = SecretStr("")

    sms_otp_queue_url: str = ""
    sms_service_queue_url: str = ""
    email_queue_url: str = ""
    payment_settler_queue_url: str = ""
    imports_queue_url: str = ""
    files_queue_url: str = ""
    webhook_outbound_queue_url: str = ""
    schedule_functions: str = ""
    """`minute=<function>,daily=<function>`: what runs a schedule now."""
    tenant_provisioning_machine_arn: str = ""
    tenant_move_machine_arn: str = ""
    schema_wave_machine_arn: str = ""
    subscription_renewal_machine_arn: str = ""
    payment_failover_machine_arn: str = ""
    data_export_machine_arn: str = ""
    data_import_machine_arn: str = ""
    tenant_offboarding_machine_arn: str = ""
    event_bus_name: str = ""
    metrics_token: SecretStr = SecretStr("")

    @property
    def deployed(self) -> bool:
        return self.stage not in ("local", "test")

    @property
    def origins(self) -> frozenset[str]:
        return frozenset(o.strip() for o in self.cors_origin.split(",") if o.strip())

    @property
    def rate_factor(self) -> float:
        """A number, or the path of a file that holds one (the local stage changes it while running)."""
        text = self.rate_limit_factor
        return float(Path(text).read_text()) if text.startswith("/") else float(text)

    @model_validator(mode="after")
    def _deployed_stages_are_strict(self) -> Settings:
        weak = {
            "CORE_DB_SSLMODE below verify-full": self.core_db_sslmode != "verify-full",
            "WEBHOOK_PRIVATE_TARGETS": self.webhook_private_targets,
            "SNS_BASE_URL": bool(self.sns_base_url),
            "BCRYPT_COST below 12": self.bcrypt_cost < 12,
            "EVEN_TIME_FACTOR below 1": self.even_time_factor < 1,
            "HMAC_KEY below 32 characters": len(self.hmac_key.get_secret_value()) < SHORTEST_KEY,
            "CORS_ORIGIN without TLS": self.stage != "dev" and not all(o.startswith("https://") for o in self.origins),
            **{f"{name.upper()} without TLS": not getattr(self, name).startswith("https://") for name in CALLED},
            "FILES_ENDPOINT_URL without TLS": self.files_endpoint_url.startswith("http://"),
        }
        for what, is_so in weak.items():
            if self.deployed and is_so:
                raise ValueError(f"a deployed stage refuses {what}")
        return self


@cache
def get() -> Settings:
    """Read once a process."""
    values = dict(os.environ)
    if arn := values.get("APP_SECRET_ARN"):
        values |= secret(arn)
    if arn := values.get("DB_SECRET_ARN"):
        found = secret(arn)
        names = {"host": "HOST", "port": "PORT", "dbname": "NAME", "username": "USER", "password": "PASSWORD"}
        values |= {f"CORE_DB_{names[k]}": str(v) for k, v in found.items() if k in names}
    return Settings.model_validate({k.lower(): v for k, v in values.items()})


def secret(arn: str) -> dict[str, str]:
    """As it is now."""
    import boto3  # only deployed stages read secrets; the import costs 0.2 s of a cold start

    text = boto3.client("secretsmanager").get_secret_value(SecretId=arn)["SecretString"]
    loaded: dict[str, str] = json.loads(text)
    return loaded


def change_secret(arn: str, members: dict[str, str]) -> None:
    """These members anew, the others as they are."""
    from studyspot.kit import aws

    aws.client("secretsmanager").put_secret_value(SecretId=arn, SecretString=json.dumps(secret(arn) | members))
