"""What people do about personal data, and what other domains ask of it."""

from studyspot.privacy.service.consents import (
    ask_guardian,
    give,
    may_be_observed,
    verify_guardian,
    withdraw,
)
from studyspot.privacy.service.consents import listed as consents
from studyspot.privacy.service.requests import decide, listed, open_erasure, open_request, package
from studyspot.privacy.service.statutes import breach, parameters
from studyspot.privacy.service.statutes import put as put_parameter

__all__ = [
    "ask_guardian",
    "breach",
    "consents",
    "decide",
    "give",
    "listed",
    "may_be_observed",
    "open_erasure",
    "open_request",
    "package",
    "parameters",
    "put_parameter",
    "verify_guardian",
    "withdraw",
]
