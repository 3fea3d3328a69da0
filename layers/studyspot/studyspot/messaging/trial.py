"""A trial of a registered text: what it would say, how large, at what price, or why an operator would refuse it."""

from __future__ import annotations

from uuid import UUID

from studyspot.credits import service as wallets
from studyspot.kit.db import Db
from studyspot.kit.errors import RuleViolated
from studyspot.messaging import queries, service
from studyspot.messaging.models import Fault, TemplateNotApproved, Trial, TrialVariables
from studyspot.messaging.segments import size
from studyspot.messaging.wording import VARIABLE


def validate(db: Db, template_id: UUID, sample: TrialVariables) -> Trial:
    """Nothing is sent and no credit is touched."""
    view = queries.template(db, template_id)
    template = service.template_named(view)
    try:
        if view.status != "approved" or view.body.count(VARIABLE) != len(view.variables):
            raise TemplateNotApproved
        template.check(sample.variables)
    except RuleViolated as refusal:
        fault = Fault(code=refusal.code, detail=refusal.detail, errors=refusal.members.get("errors", []))
        return Trial(valid=False, text=None, encoding=None, segments=0, cost_paise=0, faults=[fault])
    text = template.render(sample.variables)
    encoding, segments = size(text)
    price = 0 if template.is_otp else wallets.unit_price(db, "sms")
    return Trial(valid=True, text=text, encoding=encoding, segments=segments, cost_paise=segments * price, faults=[])
