"""The steps of data_import."""

from __future__ import annotations

from studyspot.leaving.importing import steps

handler = steps.handler
