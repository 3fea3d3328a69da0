"""The steps of tenant_offboarding."""

from __future__ import annotations

from studyspot.leaving.offboarding import steps

handler = steps.handler
