"""Webhooks: an organisation's own endpoints are told of its events, signed as the Standard Webhooks say.

An endpoint is `enabled`, or `disabled` by its owner or after three days in which nothing was accepted. A delivery is
one event for one endpoint: `pending -> delivered | failed`, eight tries within a day, at least once, and those of one
subject in order: a later one waits until the earlier is delivered or given up. A replay sends it again under its id.
"""
