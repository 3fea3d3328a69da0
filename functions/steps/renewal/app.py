"""The steps of subscription_renewal."""

from __future__ import annotations

from studyspot.subscriptions.renewal import steps

handler = steps.handler
