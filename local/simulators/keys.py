"""The accounts of the local stage at its vendors: what the product presents and what signs the webhooks."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True)
class Keys:
    """Local secrets, worthless anywhere else."""

    razorpay_key_id: str = "rzp_test_StudySpotLocal"
    razorpay_key_secret: str = "local-razorpay-key-secret"
    razorpay_webhook_secret: str = "local-razorpay-webhook-secret"
    cashfree_client_id: str = "local-cashfree-client-id"
    cashfree_client_secret: str = "local-cashfree-client-secret"
    paytm_mid: str = "StudySpotLocal001"
    paytm_merchant_key: str = "localPaytmKey_16"
    paytm_website: str = "WEBSTAGING"
    stripe_publishable_key: str = "pk_test_StudySpotLocal"
    stripe_secret_key: str = "sk_test_local-stripe-secret-key"
    stripe_webhook_secret: str = "whsec_local-stripe-webhook-secret"
    msg91_auth_key: str = "local-msg91-auth-key"
    msg91_webhook_token: str = "local-msg91-webhook-token"
    mail_events_topic_arn: str = "arn:aws:sns:ap-south-1:000000000000:studyspot-local-mail-events"

    def environment(self, base_url: str, without: Collection[str] = ()) -> dict[str, str]:
        """The product's variables; vendors in `without` keep whatever the real environment says."""
        base = base_url.rstrip("/")
        by_vendor = {
            "razorpay": {
                "RAZORPAY_KEY_ID": self.razorpay_key_id,
                "RAZORPAY_KEY_SECRET": self.razorpay_key_secret,
                "RAZORPAY_WEBHOOK_SECRET": self.razorpay_webhook_secret,
                "RAZORPAY_BASE_URL": f"{base}/razorpay",
            },
            "cashfree": {
                "CASHFREE_CLIENT_ID": self.cashfree_client_id,
                "CASHFREE_CLIENT_SECRET": self.cashfree_client_secret,
                "CASHFREE_BASE_URL": f"{base}/cashfree/pg",
            },
            "paytm": {
                "PAYTM_MID": self.paytm_mid,
                "PAYTM_MERCHANT_KEY": self.paytm_merchant_key,
                "PAYTM_WEBSITE": self.paytm_website,
                "PAYTM_BASE_URL": f"{base}/paytm",
            },
            "stripe": {
                "STRIPE_PUBLISHABLE_KEY": self.stripe_publishable_key,
                "STRIPE_SECRET_KEY": self.stripe_secret_key,
                "STRIPE_WEBHOOK_SECRET": self.stripe_webhook_secret,
                "STRIPE_BASE_URL": f"{base}/stripe",
            },
            "msg91": {
                "MSG91_AUTH_KEY": self.msg91_auth_key,
                "MSG91_WEBHOOK_TOKEN": self.msg91_webhook_token,
                "MSG91_BASE_URL": f"{base}/msg91",
            },
            "mail": {"AWS_ENDPOINT_URL_SESV2": f"{base}/ses", **self._told_of_mails(f"{base}/sns")},
        }
        chosen = [each for vendor, each in by_vendor.items() if vendor not in without]
        return {name: value for each in chosen for name, value in each.items()}

    def _told_of_mails(self, base_url: str) -> dict[str, str]:
        return {
            "SES_CONFIGURATION_SET": "studyspot-local",
            "MAIL_EVENTS_TOPIC_ARN": self.mail_events_topic_arn,
            "SNS_BASE_URL": base_url,
        }
