"""Leaving: how a tenant's data goes out whole, comes back whole, and is removed for good.

An export is one archive with every table as JSON lines and as CSV, the files, and a manifest of counts and checksums.
An import puts such an archive into an empty organisation, all of it or nothing. An offboarding is `waiting` for 30
days in which nothing can be written and everything can be read and taken along. It goes back (`restored`) or on
(`purging`, no way back, then `purged`): rows, files, secrets and entries of the directory are removed, what the law
asks for is kept without any person in it, and a certificate says what was removed.
"""
