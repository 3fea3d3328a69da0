"""Models are built when first used, also those that are only ever part of another."""

from __future__ import annotations

from studyspot.kit.errors import Conflict
from studyspot.kit.models import Model
from studyspot.kit.request import Request
from studyspot.kit.response import problem, success

from tests.world import http_event


class Offer(Model):
    seat_code: str


class Found(Model):
    offers: list[Offer]


class Other(Model):
    seat_code: str


class Others(Model):
    offers: list[Other]


def request() -> Request:
    return Request.of(http_event("GET", "/api/v1/things", {}, None, "127.0.0.1"))


def test_a_part_of_a_model_can_be_a_member_of_a_problem() -> None:
    found = Found.model_validate({"offers": [{"seatCode": "A-01"}]})
    answer = problem(Conflict(alternatives=found.offers), request())
    assert b'"alternatives":[{"seatCode":"A-01"}]' in answer.body


def test_a_part_of_a_model_can_be_the_answer() -> None:
    found = Others.model_validate({"offers": [{"seatCode": "A-01"}]})
    assert success(found.offers, 200, request()).body == b'{"success":true,"data":[{"seatCode":"A-01"}]}'
