"""The files of a simulated shop: strict, repeatable, and true to what truth.json says."""

import hashlib
import json
from collections import Counter, defaultdict
from datetime import date
from pathlib import Path

import duckdb
import msgspec
import numpy as np
import pytest

from recsys.catalog.item import Item
from recsys.encoding import Invalid, parse_rfc3339
from recsys.errors import Refused
from recsys.events.schemas import Assignment, Exposure, Interaction, Outcome
from recsys.lab.simulate import BEHAVIOUR, SimulationReport, World, simulate

END = date(2026, 11, 22)
SCHEMAS = {
    "interactions": Interaction,
    "exposures": Exposure,
    "outcomes": Outcome,
    "assignments": Assignment,
    "catalog": Item,
}


def small(out: Path, **changes) -> SimulationReport:
    arguments = {"users": 60, "items": 80, "days": 5, "seed": 3, "format": "jsonl", "out": out, "end": END}
    return simulate(**{**arguments, **changes})


def lines(path: Path, kind: type) -> list:
    return [msgspec.json.decode(line, type=kind) for line in path.read_bytes().splitlines()]


@pytest.fixture(scope="module")
def shop(tmp_path_factory) -> SimulationReport:
    return simulate(
        users=2000,
        items=500,
        days=30,
        seed=1,
        format="jsonl",
        out=tmp_path_factory.mktemp("shop") / "out",
        end=END,
    )


@pytest.fixture(scope="module")
def events(shop) -> dict[str, list]:
    return {name: lines(shop.files[name], kind) for name, kind in SCHEMAS.items()}


@pytest.fixture(scope="module")
def truth(shop) -> dict:
    return json.loads(shop.files["truth"].read_bytes())


def test_every_line_fits_its_schema_and_is_counted(shop, events):
    assert {name: len(rows) for name, rows in events.items()} | {"truth": 1} == shop.rows
    assert shop.rows.keys() == shop.files.keys()
    assert 60_000 <= shop.rows["interactions"] <= 100_000
    assert shop.rows["exposures"] == shop.rows["assignments"] > 5_000
    assert shop.rows["outcomes"] > 1_000


def test_the_directory_holds_what_the_contract_says_and_nothing_else(shop):
    expected = [f"{name}.jsonl" for name in SCHEMAS] + ["truth.json"]
    assert sorted(path.name for path in shop.out.iterdir()) == sorted(expected)
    assert [path.name for path in shop.out.parent.iterdir()] == [shop.out.name]


def test_times_are_utc_in_order_and_inside_the_days(events):
    for name in ("interactions", "exposures", "outcomes", "assignments"):
        times = [row.ts for row in events[name]]
        assert times == sorted(times)
        assert times[0] >= "2026-10-24T00:00:00.000Z"
        assert times[-1] <= "2026-11-22T23:59:59.999Z"
        assert parse_rfc3339(times[0]) < parse_rfc3339(times[-1])
    days = Counter(row.ts[:10] for row in events["interactions"])
    assert len(days) == 30
    assert days["2026-11-22"] > days["2026-11-17"], "a Sunday is busier than a Tuesday"


def test_ids_are_unique(events):
    for name in ("interactions", "outcomes"):
        ids = [row.event_id for row in events[name]]
        assert None not in ids
        assert len(set(ids)) == len(ids)
    requests = [row.request_id for row in events["exposures"]]
    assert len(set(requests)) == len(requests)


def test_outcomes_are_of_items_that_were_shown_after_they_were(events):
    shown = {row.request_id: row for row in events["exposures"]}
    clicked = {}
    for row in sorted(events["outcomes"], key=lambda row: (row.ts, row.event_type != "click")):
        exposure = shown[row.request_id]
        assert exposure.items[row.rank - 1].item_id == row.item_id
        assert row.ts >= exposure.ts
        assert row.user_id == exposure.user_id
        assert row.surface == exposure.context["surface"]
        if row.event_type == "click":
            clicked[row.request_id, row.item_id] = row.ts
        else:
            assert clicked[row.request_id, row.item_id] <= row.ts
            assert row.value > 0
            assert row.quantity >= 1


def test_lists_hold_distinct_items_in_rank_order(events):
    for row in events["exposures"]:
        assert [item.rank for item in row.items] == list(range(1, 11))
        assert len({item.item_id for item in row.items}) == 10


def test_propensities_are_the_chances_the_old_shop_drew_with(events, truth):
    weights = dict(zip(truth["logging_policy"]["pool"], truth["logging_policy"]["weights"], strict=True))
    assert sum(weights.values()) == pytest.approx(1, abs=1e-4)
    for row in events["exposures"][:500]:
        left = 1.0
        for item in row.items:
            assert item.propensity == pytest.approx(weights[item.item_id] / left, rel=1e-3)
            left -= weights[item.item_id]
    first = Counter(row.items[0].item_id for row in events["exposures"])
    n = len(events["exposures"])
    for item_id, weight in weights.items():
        assert abs(first[item_id] / n - weight) < 5 * (weight / n) ** 0.5


def test_nobody_meets_an_item_before_it_is_there(events):
    born = {row.item_id: row.created_at for row in events["catalog"]}
    assert any(created > "2026-10-24" for created in born.values())
    for row in events["interactions"]:
        assert row.ts >= born[row.item_id]


def test_some_are_always_anonymous_and_some_only_sometimes(events):
    seen = defaultdict(Counter)
    for row in events["interactions"]:
        assert row.anonymous_id is not None
        assert row.user_id in (None, "u" + row.anonymous_id[1:])
        seen[row.anonymous_id][row.user_id is None] += 1
    never = sum(not counts[False] for counts in seen.values())
    both = sum(bool(counts[False] and counts[True]) for counts in seen.values())
    assert 0.2 < never / len(seen) < 0.45
    assert both / len(seen) > 0.3


def test_each_unit_stays_in_one_arm_and_the_arms_are_even(events):
    arms = defaultdict(set)
    for row in events["assignments"]:
        arms[row.unit_id].add(row.variant)
    assert {len(found) for found in arms.values()} == {1}
    share = sum("a" in found for found in arms.values()) / len(arms)
    assert abs(share - 0.5) < 5 * 0.5 / len(arms) ** 0.5


def test_clicks_fall_with_rank_as_the_truth_says(events):
    # The old shop does not know users, but its better items stand higher. So compare clicks at each rank with
    # the relevance of what stood there (the world is rebuilt from its recipe), times the examination.
    world = World.make(users=2000, items=500, seed=1)
    numbers = world.items.numbers
    lists = [row for row in events["exposures"] if row.context["surface"] == "home"]
    users = np.array([int(row.context["unit_id"][1:]) - 1 for row in lists])
    items = np.array([[numbers[item.item_id] for item in row.items] for row in lists])
    g = world.affinity(users[:, None], items)
    # The intent of a past visit is nobody's to know: average the bonus over what the user comes for.
    pull = world.cell_pull(users)
    meant = np.take_along_axis(pull / pull.sum(axis=1, keepdims=True), world.items.cell[items], axis=1)
    odds = BEHAVIOUR.click_intercept + BEHAVIOUR.click_slope * g
    relevance = meant / (1 + np.exp(-odds - BEHAVIOUR.intent_bonus)) + (1 - meant) / (1 + np.exp(-odds))
    expected = (relevance * BEHAVIOUR.examined(10)).sum(axis=0)
    home = {row.request_id for row in lists}
    clicks = Counter(row.rank for row in events["outcomes"] if row.event_type == "click" and row.request_id in home)
    for rank in range(1, 11):
        assert abs(clicks[rank] - expected[rank - 1]) < 5 * expected[rank - 1] ** 0.5
    assert clicks[1] > 2 * clicks[10]


def test_the_truth_ranks_the_lists_by_a_wide_margin(events, truth):
    worth = {name: values["clicks_per_list"] for name, values in truth["expected"]["lists"].items()}
    assert worth["ideal"] > 1.05 * worth["taste"]
    assert worth["taste"] > 1.8 * worth["popular"]
    assert worth["popular"] > 1.3 * worth["old_shop"]
    assert worth["old_shop"] > 1.5 * worth["random"]
    assert worth["random"] > 3 * worth["inverted"]
    home = {row.request_id for row in events["exposures"] if row.context["surface"] == "home"}
    clicks = sum(row.event_type == "click" and row.request_id in home for row in events["outcomes"])
    assert clicks / len(home) == pytest.approx(worth["old_shop"], rel=0.12)


def test_the_truth_tells_tastes_that_rebuild_the_affinity(truth):
    world = World.make(users=2000, items=500, seed=1)
    items, users = truth["detail"]["items"], truth["detail"]["users"]
    topic = users["topic_taste"][4][truth["affinity"]["topics"].index(items["topic"][9])]
    style = users["style_taste"][4][truth["affinity"]["styles"].index(items["style"][9])]
    g = np.log(items["appeal"][9] * 10 * topic * 4 * style)
    assert g == pytest.approx(float(world.affinity(np.array(4), np.array(9))), abs=1e-4)
    assert items["item_id"][9] == world.items.ids[9]


def test_neighbours_and_popularity_learnt_from_the_past_beat_chance_on_what_comes_next(events, truth):
    # Counted by hand from the files: what is seen together before the last week, tried on the last week.
    cut = "2026-11-16"
    visits: dict[str, list[str]] = defaultdict(list)
    for row in events["interactions"]:
        visits[row.session_id].append(row.item_id)
    started = {}
    for row in events["interactions"]:
        started.setdefault(row.session_id, row.ts)
    together: dict[str, Counter] = defaultdict(Counter)
    popular: Counter = Counter()
    for session, seen in visits.items():
        if started[session] < cut:
            popular.update(set(seen))
            for a in set(seen):
                together[a].update(set(seen) - {a})
    best = [item for item, _ in popular.most_common(10)]
    hits = Counter()
    for session, seen in visits.items():
        if started[session] >= cut and len(set(seen)) > 1:
            first, rest = seen[0], set(seen[1:]) - {seen[0]}
            hits["tries"] += 1
            hits["popular"] += bool(rest & set(best))
            hits["cooc"] += bool(rest & {item for item, _ in together[first].most_common(10)})
            hits["chance"] += bool(rest & set(events_sample(events, session)))
    rate = {name: hits[name] / hits["tries"] for name in ("popular", "cooc", "chance")}
    assert rate["cooc"] > 1.5 * rate["popular"]
    assert rate["popular"] > 2.5 * rate["chance"]
    goes_with = dict(zip(truth["detail"]["items"]["item_id"], truth["detail"]["items"]["goes_with"], strict=True))
    known = [item for item, count in popular.most_common(50) if goes_with[item]]
    found = sum(bool({n for n, _ in together[item].most_common(10)} & set(goes_with[item])) for item in known)
    assert found > 0.8 * len(known), "true complements stand among the neighbours"


def events_sample(events, session: str) -> list[str]:
    start = int(hashlib.sha256(session.encode()).hexdigest(), 16)
    catalog = events["catalog"]
    return [catalog[(start + n * 37) % len(catalog)].item_id for n in range(10)]


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_the_same_arguments_give_the_same_bytes(tmp_path, form):
    one, two = small(tmp_path / "one", format=form), small(tmp_path / "two", format=form)
    assert one.tag == two.tag
    for name, path in one.files.items():
        assert path.read_bytes() == two.files[name].read_bytes(), name
    other = small(tmp_path / "three", format=form, seed=4)
    assert other.tag != one.tag
    assert other.files["interactions"].read_bytes() != one.files["interactions"].read_bytes()


def test_another_end_is_the_same_people_on_other_days(tmp_path):
    one, two = small(tmp_path / "one"), small(tmp_path / "two", end=date(2026, 11, 29))
    ends = [lines(report.files["interactions"], Interaction)[-1].ts[:10] for report in (one, two)]
    assert ends == ["2026-11-22", "2026-11-29"]
    assert one.tag != two.tag, "events of two simulations never share an id"
    goods = [lines(report.files["catalog"], Item) for report in (one, two)]
    assert [item.title for item in goods[0]] == [item.title for item in goods[1]]


def test_parquet_holds_the_same_rows_as_json_lines(tmp_path):
    text, columns = small(tmp_path / "text"), small(tmp_path / "columns", format="parquet")
    assert text.rows == columns.rows
    for name, kind in SCHEMAS.items():
        assert columns.files[name].name == f"{name}.parquet"
        with duckdb.connect() as db:
            relation = db.sql(f"FROM read_parquet('{columns.files[name]}')")
            rows = [dict(zip(relation.columns, row, strict=True)) for row in relation.fetchall()]
        assert [msgspec.convert(row, kind) for row in rows] == lines(text.files[name], kind)


@pytest.mark.parametrize("events", [1, 7, 12_345])
def test_the_number_of_interactions_is_exactly_what_was_asked(tmp_path, events):
    assert small(tmp_path / "out", events=events).rows["interactions"] == events


def test_days_are_cut_into_slices_without_losing_any(tmp_path, monkeypatch):
    monkeypatch.setattr("recsys.lab.simulate.history.SLICE", 50)
    report = small(tmp_path / "out", events=3_000)
    rows = lines(report.files["interactions"], Interaction)
    assert len({row.event_id for row in rows}) == 3_000
    requests = [row.request_id for row in lines(report.files["exposures"], Exposure)]
    assert len(set(requests)) == len(requests)
    assert [row.ts for row in rows] == sorted(row.ts for row in rows)


@pytest.mark.parametrize(("users", "items"), [(1, 1), (1, 40), (40, 1), (3, 5)])
def test_the_smallest_shops_work(tmp_path, users, items):
    report = small(tmp_path / "out", users=users, items=items, days=2, events=50)
    for name, kind in SCHEMAS.items():
        lines(report.files[name], kind)
    assert report.rows["interactions"] == 50


def test_a_former_simulation_is_replaced_whole(tmp_path):
    out = tmp_path / "out"
    small(out, format="parquet")
    small(out)
    assert sorted(path.suffix for path in out.iterdir()) == [".json"] + [".jsonl"] * 5


def test_somebody_elses_directory_is_refused_and_left_alone(tmp_path):
    (tmp_path / "truth.json").write_text('{"kind": "something else"}')
    (tmp_path / "interactions.jsonl").write_text("mine\n")
    with pytest.raises(Refused, match=r"is not empty.*--out"):
        small(tmp_path)
    assert (tmp_path / "interactions.jsonl").read_text() == "mine\n"
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(Refused, match="not a directory"):
        small(file)


def test_files_that_are_not_ours_survive_a_new_simulation(tmp_path):
    out = tmp_path / "out"
    small(out)
    (out / "notes.txt").write_text("mine")
    small(out, seed=9)
    assert (out / "notes.txt").read_text() == "mine"


def test_a_failed_run_leaves_the_former_simulation_whole(tmp_path, monkeypatch):
    out = tmp_path / "out"
    before = {path.name: path.read_bytes() for path in small(out).files.values()}

    def full_disk(*args, **kwargs):
        raise OSError("no space left")

    monkeypatch.setattr("recsys.lab.simulate.simulation.truth_of", full_disk)
    with pytest.raises(OSError, match="no space"):
        small(out, seed=9)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"], "nothing half-made stays"


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"users": 0}, "users: 0 is not between 1 and"),
        ({"items": 0}, "items: 0 is not between 1 and"),
        ({"days": 0}, "days: 0 is not between 1 and"),
        ({"days": 5000}, "days: 5000 is not between 1 and"),
        ({"seed": -1}, "seed: -1 is not between 0 and"),
        ({"events": 0}, "events: 0 is not between 1 and"),
        ({"format": "csv"}, "known: jsonl, parquet"),
    ],
)
def test_what_means_nothing_is_refused_before_anything_is_made(tmp_path, changes, complaint):
    with pytest.raises(Invalid, match=complaint):
        small(tmp_path / "out", **changes)
    assert not list(tmp_path.iterdir())


def test_progress_is_told_in_events(tmp_path):
    stages: dict[str, list[int]] = {}

    class Listener:
        def __call__(self, stage, *, total=None):
            stages[stage] = [total]
            return self.Open(stages[stage])

        class Open:
            def __init__(self, told):
                self.told = told

            def __enter__(self):
                return self.told.append

            def __exit__(self, *_):
                return None

    small(tmp_path / "out", events=500, progress=Listener())
    assert stages["living the days"][0] == 500
    assert sum(stages["living the days"][1:]) == 500


def test_gardens_draw_more_in_may_than_in_november(tmp_path):
    def share(end: date) -> float:
        report = small(tmp_path / end.isoformat(), items=500, users=500, events=5_000, end=end)
        topic = {item.item_id: item.tags[0] for item in lines(report.files["catalog"], Item)}
        return sum(topic[row.item_id] == "garden" for row in lines(report.files["interactions"], Interaction)) / 5_000

    assert share(date(2026, 5, 10)) > 1.4 * share(date(2026, 11, 10))


def test_the_smallest_shop_is_a_shop_too(tmp_path):
    done = simulate(users=1, items=1, days=1, seed=1, format="jsonl", out=tmp_path / "tiny", end=date(2026, 11, 22))
    assert done.rows["catalog"] == 1
