"""The steps of data_export."""

from __future__ import annotations

from studyspot.leaving.exporting import steps

handler = steps.handler
