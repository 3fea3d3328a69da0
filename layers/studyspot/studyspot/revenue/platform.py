"""What the platform earns: plans net of tax, the margin on credits, commissions; in all and by organisation."""

from __future__ import annotations

from studyspot.kit.db import Db
from studyspot.kit.models import Page
from studyspot.kit.pages import Paging
from studyspot.revenue.models import PlatformSummary, TenantRevenue
from studyspot.revenue.queries import platform
from studyspot.revenue.reports import Days


def summary(core: Db, span: Days) -> PlatformSummary:
    """Month by month, and the accounts of tenant zero behind it."""
    months = platform.months(core, *span)
    credits_ = sum(one.credits_paise for one in months)
    cost = sum(one.credits_cost_paise for one in months)
    return PlatformSummary(
        subscriptions_paise=sum(one.subscriptions_paise for one in months),
        gst_output_paise=-platform.account(core, "liability.gst_output", *span),
        gateway_fees_paise=platform.account(core, "expense.gateway_fees", *span),
        credits_paise=credits_,
        credits_cost_paise=cost,
        credits_margin_paise=credits_ - cost,
        commissions_paise=sum(one.commissions_paise for one in months),
        months=months,
    )


def tenants(core: Db, paging: Paging, span: Days) -> Page[TenantRevenue]:
    """The newest organisation first."""
    return paging.page(platform.tenants(core, paging, *span))
