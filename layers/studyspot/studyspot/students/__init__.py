"""Students: who learns in a tenant's libraries, how they come in (desk or spreadsheet) and whether they may enter.

States: `enquiry -> active -> expired -> inactive`, beside them `suspended` (entry and booking denied, sessions ended),
`blacklisted` and `archived` (out of lists, payments and attendance stay). The phone is unique in a tenant. An import is
a job: `queued -> running -> done | failed`; up to 500 rows are worked off in the request that brings them.
It goes part by part, each with how far it is, so that whoever is killed in it goes on where it was. An import can be
taken back as long as nobody touched whom it brought or changed. Two students who are one are merged: the duplicate is
`archived` and says in whom it went on. A guardian is a `member` of the organisation who reads what is of the students
linked to them.
"""
