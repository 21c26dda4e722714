"""Every signal on a simulated shop, from its files to a release."""

from datetime import date

import numpy as np
import pytest
from tests.unit.pipelines.shops import new_shop

from recsys.catalog import read_catalog
from recsys.lab.simulate import simulate
from recsys.pipelines import run
from recsys.signals import PARAMETERS, SIGNALS
from recsys.store.columns import Columns

NEAR = sorted(set(SIGNALS) - {"popularity"})


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shop") / "out"
    made = simulate(users=600, items=80, days=14, seed=2, format="jsonl", out=folder, end=date(2026, 11, 22))
    shop = new_shop()
    events = [made.files["interactions"], made.files["outcomes"]]
    catalog = made.files["catalog"]
    report = run(shop, surface="home", events=events, catalog=catalog, start="2026-11-09", end="2026-11-22")
    return shop, report, {item.item_id: item for item in read_catalog([catalog], surface="home")}


def test_every_signal_is_computed_checked_and_shipped(built):
    shop, report, _ = built
    assert report.shipped
    assert set(report.signals) == set(PARAMETERS)
    assert shop.releases.current().surfaces["home"].manifest == report.manifest


@pytest.mark.parametrize("name", NEAR)
def test_neighbours_are_of_one_kind_more_often_than_chance(built, name):
    shop, report, catalog = built
    blob = shop.store.blobs.read("demo", report.signals[name].artifact)
    artifact = SIGNALS[name].open(Columns(blob, where=name), tenant="demo")
    kinds = np.array([catalog[item].category or "" for item in artifact.items.to_list()])
    owner = np.repeat(np.arange(len(kinds)), np.diff(artifact.offsets))
    first = np.arange(len(owner)) - artifact.offsets[owner] < 3
    alike = (kinds[owner] == kinds[artifact.neighbours])[first].mean()
    chance = (kinds[:, None] == kinds[None, :]).mean()
    assert alike > 1.5 * chance
