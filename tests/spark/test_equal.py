"""One definition, two engines, one artifact: what DuckDB computes, Spark computes to the byte."""

import shutil
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.spark.canonical import EDGES, END, ITEMS, START, TYPES, Event, Exposure, a_shop, write_run

from recsys.pipelines import compute
from recsys.pipelines.rundir import RunFolder
from recsys.signals import PARAMETERS, SIGNALS
from recsys.store.columns import Columns

pytestmark = pytest.mark.usefixtures("session")
RELATIONAL = [name for name in PARAMETERS if name not in SIGNALS or SIGNALS[name].reads == "events"]


@dataclass
class Both:
    """What the two engines made: artifacts by file, and notes."""

    duckdb: dict[str, bytes] = field(default_factory=dict)
    spark: dict[str, bytes] = field(default_factory=dict)
    notes: dict[str, tuple[str, ...]] = field(default_factory=dict)


def both(folder, **options):
    """Compute a run folder with each engine."""
    found = Both()
    for engine in ("duckdb", "spark"):
        made = compute(folder, engine=engine, threads=1, **options)
        getattr(found, engine).update({one.file: (folder / one.file).read_bytes() for one in made.artifacts})
        found.notes[engine] = made.notes
        for one in made.artifacts:
            (folder / one.file).unlink()
    return found


def assert_equal(found):
    assert found.notes["spark"] == found.notes["duckdb"]
    assert sorted(found.spark) == sorted(found.duckdb)
    for file, blob in found.duckdb.items():
        assert _columns(found.spark[file]) == _columns(blob), file
        assert found.spark[file] == blob, file


def _columns(blob):
    """Take an artifact apart, so that a difference shows where it is."""
    columns = Columns(blob, where="test")
    return dict(columns.meta), {name: columns[name].tolist() for name in columns.names() if name != "rate"}


PARAMS = {
    "as they come": {},
    "tight": {
        "popularity": {
            "min_scope_votes": 1,
            "half_life_days": 3.3,
            "event_weights": {"it's \\n odd": 7.77, "view": 0.01},
        },
        "cooc": {"max_basket": 3, "min_support": 1, "shrinkage": 0.123, "neighbours": 4},
        "implicit": {"items": 9, "max_history": 4, "min_support": 1, "regularisation": 0.37, "neighbours": 3},
        "session_seq": {"max_session": 4, "max_gap": 2, "min_support": 1, "shrinkage": 0.777, "neighbours": 4},
        "profiles": {"last": 3},
    },
    "chosen types": {
        "popularity": {"min_scope_votes": 1, "recommended_weight": 0.33, "examination_power": 0.5},
        "cooc": {"event_types": ["purchase", TYPES[-1]], "min_support": 1},
        "implicit": {"event_types": ["purchase", TYPES[-1]]},
        "session_seq": {"event_types": ["purchase", TYPES[-1]], "min_support": 1},
        "profiles": {"event_types": ["view"]},
    },
}


@pytest.mark.parametrize("params", PARAMS)
def test_a_shop_of_odd_ids_and_moments_is_the_same_on_both(tmp_path, params):
    found = both(a_shop(tmp_path / "run"), params=PARAMS[params])
    assert {file.split(".")[0] for file in found.duckdb} == set(RELATIONAL)
    if params != "as they come":
        assert {"popularity.surface.bin", "popularity.segment.bin"} <= found.duckdb.keys()
    assert_equal(found)


def test_a_shop_without_exposures_is_the_same_on_both(tmp_path):
    run = a_shop(tmp_path / "run [of {today}] *", users=15, seed=2, exposed=False)
    assert not (run / "exposures").exists()
    assert_equal(both(run))


def test_a_shop_of_one_event_has_the_same_notes_on_both(tmp_path):
    found = both(write_run(tmp_path / "run", [Event(f"{END} 23:59:59.999999", "a", 1, 1)], people={}))
    assert list(found.duckdb) == ["popularity.tenant.bin"]
    assert len(found.notes["duckdb"]) > 3
    assert_equal(found)


MOMENTS = st.builds("{} {}".format, st.sampled_from((START, END)), st.sampled_from(EDGES))
FEW = st.integers(0, 5)
EVENTS = st.builds(
    Event,
    MOMENTS,
    st.sampled_from(ITEMS),
    FEW,
    FEW,
    st.sampled_from(TYPES),
    st.sampled_from(("home", "pdp", None)),
    st.sampled_from(("new_users", None)),
    st.none() | FEW,
)
EXPOSURES = st.builds(
    Exposure,
    MOMENTS,
    FEW,
    st.lists(st.tuples(st.sampled_from(ITEMS), st.integers(1, 300)), max_size=4),
    st.sampled_from(("home", "pdp", None)),
    st.sampled_from(("new_users", None)),
)


@given(events=st.lists(EVENTS, min_size=1, max_size=60), exposures=st.lists(EXPOSURES, max_size=5))
@settings(max_examples=2, suppress_health_check=list(HealthCheck))
def test_any_shop_is_the_same_on_both(tmp_path_factory, events, exposures):
    run = write_run(
        tmp_path_factory.mktemp("any") / "run", events, exposures, people={n: f"{n:032x}" for n in range(4)}
    )
    assert_equal(both(run, params=PARAMS["tight"]))
    shutil.rmtree(run)


def test_scores_too_large_to_be_exact_differ_in_the_last_digits_at_most(tmp_path):
    """A score is a whole number of up to 38 digits; as a float64 it is rounded above 2**53, by each engine."""
    events = [Event(f"{END - (END - START) * (n % 2)} 10:00:00", ITEMS[n % 3], n, n) for n in range(60_001)]
    found = both(
        write_run(tmp_path / "run", events, people={}),
        signals=["popularity"],
        params={"popularity": {"event_weights": {"purchase": 99.99}}},
    )
    one, other = (Columns(made["popularity.tenant.bin"], where="test")["score"] for made in (found.duckdb, found.spark))
    assert one.max() * (1 << 20) * 10_000 > 1 << 53
    assert np.allclose(one, other, rtol=1e-9, atol=0)


def test_the_record_of_what_was_computed_does_not_say_by_which_engine(tmp_path):
    run = a_shop(tmp_path / "run", users=5)
    seen = []
    for engine in ("duckdb", "spark"):
        compute(run, engine=engine, signals=["popularity", "profiles"])
        seen.append((RunFolder(run).path / "compute.json").read_bytes())
    assert seen[0] == seen[1]
