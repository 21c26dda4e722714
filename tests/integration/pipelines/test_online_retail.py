"""The example mapping on the real shop it was written for."""

from pathlib import Path

import pytest
from tests.unit.pipelines.shops import new_shop

from recsys.catalog import open_catalog
from recsys.pipelines import run
from recsys.signals import SIGNALS
from recsys.store.columns import Columns

ROOT = Path(__file__).parents[3]
DATA = ROOT.parent / "shared" / "data" / "online-retail-ii" / "2009-2010.parquet"
MAPPING = ROOT / "examples" / "online-retail.yaml"

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not DATA.exists(), reason="Online Retail II is not beside the repository (shared/data)"),
    pytest.mark.xdist_group("online-retail"),
]


@pytest.fixture(scope="module")
def built():
    shop = new_shop()
    return shop, run(shop, surface="home", events=DATA, mapping=MAPPING, start="2010-09-01", end="2010-12-09")


def _open(built, name):
    shop, report = built
    return SIGNALS[name].open(
        Columns(shop.store.blobs.read("demo", report.signals[name].artifact), where=name), tenant="demo"
    )


def _titles(built):
    import json

    shop, report = built
    manifest = json.loads(shop.store.blobs.read("demo", report.manifest))
    blob = shop.store.blobs.read("demo", manifest["catalog"]["artifact"])
    catalog = open_catalog(Columns(blob, where="catalog"), tenant="demo")
    return dict(zip(catalog.items.to_list(), catalog.titles.to_list(), strict=True))


def test_what_is_no_sale_of_goods_is_dropped_and_counted(built):
    counts = built[1].counts
    assert counts["rows"] == 525_461
    assert counts["bad"] == 0
    assert counts["dropped: cancellations"] == 10_206
    assert counts["dropped: accounting entries"] == 3
    for name in ("not goods", "returns and losses", "zero or negative prices"):
        assert counts[f"dropped: {name}"] > 1000
    assert counts["anonymous"] > 0
    told = sum(n for name, n in counts.items() if name.startswith("dropped: ")) + counts["outside_window"]
    assert told + counts["events"] == counts["rows"], "every row is accounted for"


def test_postage_and_fees_are_not_recommended(built):
    items = set(_open(built, "popularity").items.to_list()) | set(_open(built, "cooc").items.to_list())
    assert not items & {"POST", "DOT", "M", "D", "C2", "BANK CHARGES", "ADJUST", "AMAZONFEE", "S", "TEST001", "PADS"}
    assert not [item for item in items if item.startswith("GIFT")]
    assert "85123A" in items


def test_neighbours_are_what_a_shopper_would_expect(built):
    cooc, titles = _open(built, "cooc"), _titles(built)

    def nearest(item):
        at = cooc.items.find(item)
        span = range(int(cooc.offsets[at]), int(cooc.offsets[at]) + 5)
        return [titles[cooc.items[int(cooc.neighbours[n])]] for n in span]

    assert sum("LUNCH BAG" in title for title in nearest("20725")) >= 4  # LUNCH BAG RED SPOTTY
    assert sum("HOT WATER BOTTLE" in title for title in nearest("22112")) >= 3  # CHOCOLATE HOT WATER BOTTLE
    assert "RED HANGING HEART T-LIGHT HOLDER" in nearest("85123A")  # WHITE HANGING HEART T-LIGHT HOLDER


def test_before_christmas_christmas_things_are_popular(built):
    popularity, titles = _open(built, "popularity"), _titles(built)
    top = [titles[popularity.items[int(n)]] for n in popularity.order[:20]]
    assert sum(any(word in title for word in ("CHRISTMAS", "HAND WARMER", "HOT WATER")) for title in top) >= 8
