"""Decisions of a space: domains, conditions, counting, encoding, sampling and mutation."""
