"""Implementations of the verbs, in files of the same names, imported when a verb runs."""
