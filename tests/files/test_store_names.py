"""The name under which a browser saves a download."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from studyspot.gateways import store

from tests.world import World


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("marks.pdf", "marks.pdf"),
        ('x"; filename="evil.html', "x__ filename__evil.html"),
        ("a\r\nSet-Cookie: b=c", "a__Set-Cookie_ b_c"),
        ("../../etc/passwd", ".._.._etc_passwd"),
        ("फोटो.jpg", "____.jpg"),
    ],
)
def test_a_name_never_leaves_its_quotes(world: World, name: str, shown: str) -> None:
    keys = {"files_bucket": "b", "files_endpoint_url": "http://127.0.0.1:9", "files_access_key_id": "k",
            "files_secret_access_key": "s", "aws_default_region": "ap-south-1"}  # fmt: skip
    with world.setting(**keys):
        address = store.download_address("t/document/1", "application/pdf", name, False, 60)
    asked = parse_qs(urlsplit(address).query)
    assert asked["response-content-disposition"] == [f'attachment; filename="{shown}"']
    assert asked["response-content-type"] == ["application/pdf"]
