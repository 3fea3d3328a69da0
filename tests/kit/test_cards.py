"""Card numbers are refused in whatever field, header, script or form; other long numbers are left alone."""

from __future__ import annotations

import random
import uuid
from typing import Any

import pytest
from studyspot.kit import cards, log

from tests.world import World

CARDS = (
    "4111111111111111", "4012888888881881", "4222222222222", "5555555555554444", "5105105105105100", "2223003122003222",
    "2720992222222223", "378282246310005", "371449635398431", "30569309025904", "38520000023237", "6011111111111117",
    "6521111111111117", "6078000000000007", "3530111333300000", "6200000000000005", "6220180000000000008",
)  # fmt: skip
KNOWN = "4111111111111111"


def luhn(number: str) -> bool:
    digits = [int(sign) for sign in number]
    total = sum(digit if at % 2 == 0 else sum(divmod(2 * digit, 10)) for at, digit in enumerate(reversed(digits)))
    return total % 10 == 0


@pytest.mark.parametrize("number", [n for n in CARDS if luhn(n)])
def test_numbers_of_every_scheme_are_found(number: str) -> None:
    assert cards.found(number)
    assert not cards.found(number[:-1] + str((int(number[-1]) + 1) % 10)), "another check digit is another number"


@pytest.mark.parametrize(
    "text",
    [
        "4111 1111 1111 1111", "4111-1111-1111-1111", "3782 822463 10005", "4111\u00a01111\u00a01111\u00a01111",
        "my card is 4111111111111111.", "card4111111111111111", "(4111111111111111)", "4111111111111111,12/28",
        "a\n4111111111111111\nb", '{"n":4111111111111111}', "\uff14\uff11\uff11\uff11" + "\uff11" * 12,
        "\u0664" + "\u0661" * 15, "4111111111111111.0", "card_4111111111111111", "x-4111111111111111",
        "+4111111111111111",
        "'4111111111111111'", "no.4111111111111111",
    ],
)  # fmt: skip
def test_a_number_is_found_however_it_is_written(text: str) -> None:
    assert cards.found(text)
    assert "1111111" not in cards.hidden(text).replace("\uff11", "1").replace("\u0661", "1")


@pytest.mark.parametrize(
    "text",
    [
        "9876543210", "+919876543210", "919876543210 919876543210", "50100123456789", "1733027400000",
        "27.176670123456782", "78.4111111111111111", "2026-12-01T10:00:00.000Z", "27AAACR5055K1Z7",
        "20240511112233800110168524301234567", "1107161234567890123", "0" * 16, "1" * 16, "9" * 19, "+4222222222222",
        "a4111111111111111b2", "41111111111111111111", "4111,1111,1111,1111",
    ],
)  # fmt: skip
def test_other_long_numbers_are_left_alone(text: str) -> None:
    assert not cards.found(text)
    assert cards.hidden(text) == text


def test_identifiers_and_signatures_are_hardly_ever_taken_for_cards() -> None:
    chance = random.Random(5)
    mistaken = sum(
        cards.found(
            f'{{"id":"{uuid.UUID(int=chance.getrandbits(128), version=4)}","mac":"{chance.getrandbits(256):064x}"}}'
        )
        for _ in range(20_000)
    )
    assert mistaken == 0


def test_escapes_and_codes_beside_the_number_are_refused_too() -> None:
    escaped = "".join(f"\\u00{ord(sign):02x}" for sign in KNOWN)
    for text in (escaped, '{"cvv": "123"}', '{"cardNumber":4}', '{"CVC2":"1', '{"upi_pin" : 1234'):
        with pytest.raises(cards.CardNumber):
            cards.refuse_in(text)
    cards.refuse_in('{"pincode": "411001", "spin": 4, "pin": "x", "description": "cvv is never asked for"}')


WRITES: list[tuple[str, str, str, Any]] = [
    ("libraries", "POST", "/libraries", {"name": KNOWN, "code": "C1"}),
    ("libraries", "POST", "/libraries", {"nowhere": {"deep": [KNOWN]}}),
    ("students", "POST", "/students", {"firstName": "A", "phone": "+919876543210", "notes": f"pays by {KNOWN}"}),
    ("payments", "POST", "/payments/create", {"purpose": "booking", "purposeId": KNOWN}),
    ("settings", "PUT", "/tenants/me/kyc", {"accountNumber": KNOWN}),
    ("imports", "POST", "/students/bulk-import", f"First Name,Phone\nA,{KNOWN}\n".encode()),
    ("imports", "POST", "/students/bulk-import", f"First Name,Phone\nA,{KNOWN}\n".encode("utf-16")),
]


@pytest.mark.parametrize(("group", "method", "path", "body"), WRITES)
def test_no_field_takes_a_card(
    world: World, capsys: pytest.CaptureFixture[str], group: str, method: str, path: str, body: Any
) -> None:
    tenant = world.tenant()
    headers = {"content_type": "text/csv"} if isinstance(body, bytes) else {}
    with world.setting(log_level="DEBUG"):
        refused = world.call(group, method, path, tenant.owner, body, idempotency_key="k1", **headers)
    assert (refused.status, refused.code) == (422, "card_number_refused"), refused.json
    assert KNOWN.encode() not in refused.raw
    assert KNOWN not in capsys.readouterr().out
    with world.db(tenant.id) as db:
        assert db.value("SELECT count(*) FROM idempotency_keys") == 0
        assert db.value("SELECT count(*) FROM audit_logs") == 0


def test_who_may_not_call_hears_of_that_first(world: World) -> None:
    student = world.token("student", world.tenant().id)
    assert world.call("libraries", "POST", "/libraries", None, {"name": KNOWN}).status == 401
    assert world.call("libraries", "POST", "/libraries", student, {"name": KNOWN}).status == 403


def test_path_query_and_headers_are_looked_at_and_the_log_shows_none(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    owner = world.tenant().owner
    with world.setting(log_level="DEBUG"):
        assert world.call("students", "GET", f"/students?q={KNOWN}", owner).code == "card_number_refused"
        assert world.call("students", "GET", "/students", owner, user_agent=f"x {KNOWN}").code == "card_number_refused"
        for path in (f"/students/{KNOWN}", f"/students/%34{KNOWN[1:]}", f"/nowhere/{KNOWN}"):
            assert world.call("students", "GET", path, owner).status == 404
        told = world.call("students", "GET", "/students", owner, x_request_id=KNOWN, traceparent=f"00-{KNOWN}")
    assert (told.status, told.headers["X-Request-Id"] == KNOWN) == (200, False)
    out = capsys.readouterr().out
    assert out.count('"message":"request"') == 6
    assert KNOWN not in out
    assert KNOWN[1:] not in out


def test_a_workbook_is_looked_at_cell_by_cell(world: World) -> None:
    import io

    import openpyxl

    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["First Name", "Phone"])
    sheet.append(["A", int(KNOWN)])
    out = io.BytesIO()
    book.save(out)
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    answer = world.call(
        "imports", "POST", "/students/bulk-import", world.tenant().owner, out.getvalue(), content_type=kind
    )
    assert (answer.status, answer.code) == (422, "card_number_refused")


def test_a_path_without_a_card_is_logged_as_it_came() -> None:
    assert log._path("/api/v1/students/%41b", None) == "/api/v1/students/%41b"
