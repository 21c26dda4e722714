"""Bad input is stopped before the commit, and what is good is not."""

import datetime
import random
from itertools import chain
from pathlib import Path

import msgspec
import pytest
from tests.unit.pipelines.shops import event, new_shop, write_jsonl

from recsys.errors import UsageError
from recsys.pipelines import BadInput, ChecksFailed, last_run, run
from recsys.pipelines.checks import Thresholds
from recsys.pipelines.drift import DriftLimits
from recsys.pipelines.kept import Incremental

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "checks.md"

FIRST = datetime.date(2026, 9, 1)
DAYS = 35
SIGNALS = ("popularity", "cooc")


def day_of(number):
    return FIRST + datetime.timedelta(days=number)


def visits(number, *, shift_h=0, prefix="i", users=120, visits_a_day=80):
    """Make a day's events: of each visit three items, between nine and nine, most at noon and in the evening."""
    rng = random.Random(number)
    rows = []
    for visit in range(visits_a_day):
        hour = rng.choices(range(9, 21), weights=(2, 3, 5, 8, 6, 4, 3, 4, 6, 9, 7, 3))[0]
        at = datetime.datetime.combine(day_of(number), datetime.time(hour), datetime.UTC)
        at += datetime.timedelta(hours=shift_h, seconds=rng.randrange(3600))
        first = min(int(rng.expovariate(0.1)), 36)
        user = rng.randrange(users)
        rows += [
            event(
                ts=(at + datetime.timedelta(seconds=10 * step)).isoformat(),
                item_id=f"{prefix}{first + step:02}",
                event_type=("view", "click", "purchase")[step],
                user_id=f"user-{user}",
                session_id=f"{number}-{visit}",
            )
            for step in range(3)
        ]
    return rows


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A shop that serves the first 34 days."""
    shop = new_shop()
    go(shop, tmp_path_factory.mktemp("shop"), [visits(number) for number in range(DAYS - 1)], end=day_of(DAYS - 2))
    assert shop.releases.current().generation == 2
    return shop


@pytest.fixture
def shop(made):
    return made.copy()


def go(shop, tmp_path, days, **options):
    path = write_jsonl(tmp_path / "events.jsonl", [row for day in days for row in day])
    asked = {"surface": "home", "events": path, "start": FIRST, "end": day_of(DAYS - 1), "signals": SIGNALS}
    return run(shop, **(asked | options))


def stopped(shop, tmp_path, days, *, match, error=ChecksFailed, **options):
    """Run, see it stopped for this reason, and that nothing was shipped and the record of the run says why."""
    with pytest.raises(error, match=match):
        go(shop, tmp_path, days, **options)
    assert shop.releases.current().generation == 2
    assert last_run(shop.store, "demo", "home").error_code == error.code


def usual():
    return [visits(number) for number in range(DAYS)]


def test_a_usual_day_more_is_shipped(shop, tmp_path):
    report = go(shop, tmp_path, usual())
    assert (report.generation, report.checks) == (3, ())


def test_the_wrong_window_is_stopped(shop, tmp_path):
    ago = {"start": day_of(0), "end": day_of(DAYS - 15)}
    stopped(shop, tmp_path, usual(), match=r"the window ends on 2026-09-21, before .* 2026-10-04", **ago)


def test_an_empty_day_is_stopped(shop, tmp_path):
    stopped(shop, tmp_path, [*usual()[:-1], []], match="no events in the last 1 days, from 2026-10-05 on")


def test_a_day_that_broke_off_is_stopped(shop, tmp_path):
    days = usual()
    days[-2] = days[-2][:30]
    stopped(shop, tmp_path, days, match="30 events on 2026-10-04; 240 are usual")


def test_a_last_day_that_is_not_over_is_shipped_with_a_warning(shop, tmp_path):
    days = usual()
    days[-1] = days[-1][:30]
    report = go(shop, tmp_path, days)
    assert report.shipped
    assert [(found.name, found.severity) for found in report.checks] == [("last_day_volume", "warning")]


def test_a_type_of_event_that_stopped_is_stopped(shop, tmp_path):
    days = usual()
    days[-1] = [row | {"event_type": "view"} for row in days[-1]]
    stopped(shop, tmp_path, days, match="0 click on 2026-10-05; 80 are usual")


def test_a_doubled_day_is_stopped(shop, tmp_path):
    days = usual()
    days[-1] = days[-1] * 2
    stopped(shop, tmp_path, days, match="240 of 480 events on 2026-10-05 are told again")


def test_a_renamed_field_is_stopped(shop, tmp_path):
    days = usual()
    days[-1] = renamed(days[-1])
    stopped(shop, tmp_path, days, match="uid", error=BadInput)


@pytest.mark.parametrize("hours", [-6, -3, -2, 3])
def test_a_shifted_time_zone_is_stopped(shop, tmp_path, hours):
    days = [*usual()[:-1], visits(DAYS - 1, shift_h=hours)]
    stopped(shop, tmp_path, days, match=rf"the hours of 2026-10-05 look \{hours:+d} h off")


def test_a_robot_with_half_of_the_events_is_stopped(shop, tmp_path):
    stopped(shop, tmp_path, [*usual(), robots(chain(*usual()))], match="one user has 50% of 16800 events")


def test_a_robot_with_half_of_one_day_is_stopped(shop, tmp_path):
    stopped(shop, tmp_path, [*usual(), robots(visits(DAYS - 1))], match="one user has 50% of 480 events on 2026-10-05")


def robots(rows):
    return [row | {"user_id": "robot", "session_id": f"r{n}"} for n, row in enumerate(rows)]


def renamed(rows):
    return [{("uid" if name == "user_id" else name): value for name, value in row.items()} for row in rows]


def nightly_in(folder):
    return {"start": None, "incremental": Incremental(days=DAYS), "work": folder / "work", "signals": ["popularity"]}


@pytest.mark.long
@pytest.mark.parametrize(
    ("last", "error", "said"),
    [
        (lambda _rows: [], ChecksFailed, "no events in the last 1 days"),
        (lambda rows: rows * 2, ChecksFailed, "240 of 480 events on 2026-10-05 are told again"),
        (renamed, BadInput, "uid"),
        (lambda _rows: visits(DAYS - 1, shift_h=3), ChecksFailed, r"look \+3 h off"),
        (lambda rows: rows + robots(rows), ChecksFailed, "one user has 50% of 480 events on 2026-10-05"),
    ],
    ids=["an empty day", "a doubled day", "a renamed field", "a shifted time zone", "a robot with half of the events"],
)
def test_an_incremental_run_is_stopped_too(shop, tmp_path, last, error, said):
    nightly = nightly_in(tmp_path)
    go(shop, tmp_path, usual()[:-1], end=day_of(DAYS - 2), allow_less=True, reason="one signal is enough", **nightly)
    generation = shop.releases.current().generation
    with pytest.raises(error, match=said):
        go(shop, tmp_path, [*usual()[:-1], last(visits(DAYS - 1))], **nightly)
    assert shop.releases.current().generation == generation


def test_an_incremental_run_of_another_window_is_stopped_too(shop, tmp_path):
    nightly = nightly_in(tmp_path)
    stopped(shop, tmp_path, usual(), match="the window ends on 2026-09-21, before", end=day_of(DAYS - 15), **nightly)


def test_the_ids_of_another_shop_are_stopped(shop, tmp_path):
    days = [visits(number, prefix="other-") for number in range(DAYS)]
    stopped(shop, tmp_path, days, match="popularity has 0% in common with what is served")


def test_half_of_the_items_are_stopped(shop, tmp_path):
    days = [[row for row in day if row["item_id"] < "i15"] for day in usual()]
    stopped(shop, tmp_path, days, match="popularity knows 15 items; what is served knows")


def test_what_is_forced_is_shipped_and_says_in_spite_of_what(shop, tmp_path):
    days = usual()
    days[-2] = days[-2][:30]
    with pytest.raises(UsageError, match="--force passes over checks and needs a reason"):
        go(shop, tmp_path, days, force=True)
    report = go(shop, tmp_path, days, force=True, reason="the shop was closed")
    assert report.shipped
    assert [found.name for found in report.checks] == ["low_volume"]
    assert shop.releases.current().reason == "the shop was closed (in spite of low_volume)"


def test_what_is_only_published_is_not_stopped_for_what_is_served(shop, tmp_path):
    report = go(shop, tmp_path, usual(), start=day_of(0), end=day_of(DAYS - 15), ship=False)
    assert [found.name for found in report.checks] == ["window_days_back"]
    assert shop.releases.current().generation == 2


def test_the_page_names_every_threshold_with_its_default():
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("|")]
    for name, limit in msgspec.structs.asdict(Thresholds()).items():
        (row,) = [row for row in rows if f"`{name}`" in row]
        assert f" {limit:g} |" in row
    named = {"rows": "`<signal>_rows`", "alike": "`<signal>_alike`", "top_share": "`top_share`"}
    for name, limit in msgspec.structs.asdict(DriftLimits()).items():
        assert f"below {limit:g} |" in "".join(rows) or f" {limit:g} |" in next(r for r in rows if named[name] in r)
