"""Conformance tests of invalid options and directories."""

from dataclasses import replace
from pathlib import Path

import pytest

from ... import NasbridgeError
from ...engine import Unsupported
from ..harness import BackendHarness
from ..spaces import cell, chain
from .base import CapabilityTests, experiment_on

__all__ = ["BadInputTests"]


class BadInputTests(CapabilityTests):
    """Invalid input raises a `NasbridgeError` that names what is wrong."""

    def test_an_unknown_option(self, harness: BackendHarness, place: Path | None) -> None:
        wrong = replace(harness, options={**harness.options, "no_such_option": 1})
        with pytest.raises(Unsupported, match=f"{harness.backend}.*no option 'no_such_option'"):
            wrong.run(experiment_on(chain()), place)

    def test_a_directory_of_another_experiment(
        self, harness: BackendHarness, tmp_path: Path
    ) -> None:
        harness.run(experiment_on(chain(), trials=11), tmp_path / "run")
        with pytest.raises(NasbridgeError, match=r"seed.*another"):
            harness.run(experiment_on(chain(), seed=4), tmp_path / "run")
        with pytest.raises(NasbridgeError, match=r"fingerprint.*another"):
            harness.run(experiment_on(cell()), tmp_path / "run")

    def test_a_missing_directory(self, harness: BackendHarness, tmp_path: Path) -> None:
        with pytest.raises(NasbridgeError, match="nowhere"):
            harness.load(tmp_path / "nowhere")
