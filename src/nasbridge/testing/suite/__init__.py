"""Conformance tests of backends, one module and one class per capability.

`nasbridge.testing` exports the classes. They need pytest, which rewrites their assertions.
"""

import pytest

MODULES = (
    "bad_input",
    "base",
    "budgets",
    "failures",
    "moving",
    "objectives",
    "proposals",
    "pruning",
    "resume",
    "spaces",
    "workers",
)

pytest.register_assert_rewrite(*(f"{__name__}.{module}" for module in MODULES))
