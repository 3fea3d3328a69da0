"""What people do about personal data, and what other domains ask of it."""

from studyspot.privacy.service.requests import decide, listed, open_erasure, open_request, package

__all__ = ["decide", "listed", "open_erasure", "open_request", "package"]
