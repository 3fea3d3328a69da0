"""A deployed stage does not start with settings that would open it."""

from __future__ import annotations

from typing import Any

import pytest
from studyspot.kit.settings import Settings

SAFE: dict[str, Any] = {
    "stage": "production",
    "core_db_sslmode": "verify-full",
    "hmac_key": "k" * 64,
    "public_base_url": "https://api.studyspot.example",
    "cors_origin": "https://app.studyspot.example",
}


def test_a_stage_with_everything_in_order_starts() -> None:
    assert Settings(**SAFE).deployed


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("core_db_sslmode", "require"),
        ("webhook_private_targets", True),
        ("bcrypt_cost", 11),
        ("even_time_factor", 0.5),
        ("hmac_key", ""),
        ("hmac_key", "k" * 31),
        ("public_base_url", "http://api.studyspot.example"),
        ("cors_origin", "*"),
        ("cors_origin", "https://app.studyspot.example,http://app.studyspot.example"),
        ("razorpay_base_url", "http://api.razorpay.com"),
        ("cashfree_base_url", "http://api.cashfree.com/pg"),
        ("msg91_base_url", "http://api.msg91.com"),
        ("files_endpoint_url", "http://store.example"),
    ],
)
def test_a_deployed_stage_refuses_what_would_open_it(setting: str, value: Any) -> None:
    with pytest.raises(ValueError, match=setting.upper()):
        Settings(**SAFE | {setting: value})
    assert not Settings(**SAFE | {"stage": "test", setting: value}).deployed
