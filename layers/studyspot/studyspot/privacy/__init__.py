"""People's own say over their data: notices, consents, requests, erasure, how long rows are kept, and what leaked.

A request is `open` until it is `fulfilled` or `refused`, one of a kind at a time, due by a dated figure of law. Which
column of which table tells something of a person is data (`datamap.toml`); the access package, erasure and the test
that no column is forgotten read it. A consent is given once and withdrawn once; a guardian's counts when the code sent
to the guardian's phone came back. A figure of law is `proposed` by one person and in force when another confirmed it.
"""
