"""Ours against what other libraries said once: ``tests/statistics/freeze.py`` keeps their figures, with versions."""

import json
from pathlib import Path

import pytest
from tests.statistics.oracles.open_bandit import frozen
from tests.statistics.parity import PARITIES, Parity, apart

FROZEN = json.loads((Path(__file__).parents[1] / "frozen" / "oracles.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("parity", PARITIES, ids=lambda parity: parity.name)
def test_it_is_what_the_oracle_said(parity: Parity) -> None:
    said = parity.oracle() if parity.library == "obp" else FROZEN["values"][parity.name]
    assert apart(parity.ours(), said) <= parity.within


def test_what_is_kept_is_of_these_versions() -> None:
    versions = FROZEN["versions"] | frozen()["versions"]
    assert versions["obp"] == "0.5.7"
    for library, series in (("ir-measures", "0.4."), ("statsmodels", "0.15."), ("tea-tasting", "1.")):
        assert versions[library].startswith(series)
    assert set(FROZEN["values"]) == {parity.name for parity in PARITIES if parity.library != "obp"}


def test_figures_that_differ_are_told_apart() -> None:
    assert apart([1.0, 2.0], [1.0, 2.0]) == 0
    assert apart([1.0, 2.2], [1.0, 2.0]) == pytest.approx(0.1)
    assert apart([0.5], [0.0]) == 0.5
