"""Statements on students: the people themselves, files of them that come in, and work lists."""
