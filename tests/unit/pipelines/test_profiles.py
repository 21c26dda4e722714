"""From events to what each user did last, and how long that is kept."""

from datetime import UTC, date, datetime, timedelta

import pytest
from tests.unit.pipelines.shops import event, new_shop, write_jsonl

from recsys.access import load_directory
from recsys.pipelines import run
from recsys.pipelines.errors import LessThanLive
from recsys.releases import erase_users
from recsys.releases.manifest import read_manifest
from recsys.signals.profiles import open_profiles
from recsys.snapshot.profiles import MappedProfiles
from recsys.store.columns import Columns

TODAY = datetime.now(UTC).date()
DAY = TODAY - timedelta(days=2)


def at(hour, minute=0, *, ago=0):
    return f"{DAY - timedelta(days=ago)}T{hour:02}:{minute:02}:00Z"


ROWS = [
    event(ts=at(9), item_id="a", event_type="view", event_id="1"),
    event(ts=at(10), item_id="a", event_type="view", event_id="2"),
    event(ts=at(9, 30), item_id="b", event_type="view", event_id="3"),
    event(ts=at(9, 45), item_id="a", event_type="purchase", event_id="4"),
    event(ts=at(9, ago=1), item_id="c", event_type="view", event_id="5"),
    event(ts=at(9), item_id="b", user_id=None, anonymous_id="browser", event_id="6"),
    event(ts=at(9), item_id="c", user_id=None, session_id="alone", event_id="7"),
    event(ts=at(11), item_id="b", event_type="view", request_id="r", event_id="8"),  # our list was looked at
]


@pytest.fixture
def shop():
    return new_shop()


def made(shop, tmp_path, rows=ROWS, *, end=DAY, **options):
    path = write_jsonl(tmp_path / "events.jsonl", rows)
    start = end - timedelta(days=5)
    return run(shop, surface="home", events=path, start=start, end=end, signals=["popularity", "profiles"], **options)


def manifest(shop, report):
    return read_manifest(shop.store.blobs.read("demo", report.manifest))


def known(shop, report, raw_id):
    columns = Columns(shop.store.blobs.read("demo", manifest(shop, report).profiles.artifact), where="test")
    pseudonym = load_directory(shop.store).tenant("demo").pseudonyms.of(raw_id)
    profiles = MappedProfiles(columns, last_day=date(2099, 1, 1))
    return [(one.item_id, one.event_type, one.ts[:10]) for one in profiles.of(pseudonym, now=0.0)]


def test_each_item_and_type_stands_once_newest_first_with_its_day(shop, tmp_path):
    report = made(shop, tmp_path)
    before = str(DAY - timedelta(days=1))
    assert known(shop, report, "u1") == [
        ("a", "view", str(DAY)),
        ("a", "purchase", str(DAY)),
        ("b", "view", str(DAY)),
        ("c", "view", before),
    ]
    assert report.signals["profiles"].rows == 2


def test_a_browser_without_an_account_has_a_profile_and_a_session_has_none(shop, tmp_path):
    report = made(shop, tmp_path)
    assert known(shop, report, "browser") == [("b", "purchase", str(DAY))]
    assert known(shop, report, "alone") == []


def test_they_are_personal_to_the_day_and_name_their_key(shop, tmp_path):
    report = made(shop, tmp_path)
    ref = manifest(shop, report).profiles
    assert ref.retain_until == DAY + timedelta(days=30)
    opened = open_profiles(Columns(shop.store.blobs.read("demo", ref.artifact), where="test"), tenant="demo")
    assert opened.key_id == load_directory(shop.store).tenant("demo").pseudonyms.key_id


def test_the_same_events_in_another_order_are_the_same_manifest(shop, tmp_path):
    first = made(shop, tmp_path)
    again = made(shop, tmp_path, ROWS[::-1], threads=1)
    assert (again.manifest, again.shipped) == (first.manifest, False)


def test_parameters_bound_what_is_kept(shop, tmp_path):
    shop.releases.put_config(b'{"signals":{"profiles":{"last":1,"event_types":["view"]}}}', reason="less")
    assert known(shop, made(shop, tmp_path), "u1") == [("a", "view", str(DAY))]


def test_none_are_made_where_the_tenant_wants_none(shop, tmp_path):
    shop.releases.put_config(b'{"signals":{"profiles":{"last":0}}}', reason="none")
    report = made(shop, tmp_path)
    assert "profiles" not in report.signals
    assert "profiles are off: signals.profiles.last is 0" in report.notes


def test_an_old_window_has_none(shop, tmp_path):
    old = date(2020, 5, 5)
    report = made(shop, tmp_path, [event(ts=f"{old}T10:00:00Z", event_id="1")], end=old)
    assert report.shipped
    assert "profiles" not in report.signals
    assert "no profiles: they were to be kept until 2020-06-04" in report.notes


def test_a_run_without_them_is_not_shipped_over_a_release_with_them(shop, tmp_path):
    made(shop, tmp_path)
    path = write_jsonl(tmp_path / "events.jsonl", ROWS)
    with pytest.raises(LessThanLive, match="profiles"):
        run(shop, surface="home", events=path, start=DAY, end=DAY, signals=["popularity"])


def test_the_next_run_after_an_erasure_knows_nothing_of_them(shop, tmp_path):
    pseudonyms = load_directory(shop.store).tenant("demo").pseudonyms
    erase_users(shop.releases, [pseudonyms.of("u1")], reason="asked for it")
    report = made(shop, tmp_path)
    assert known(shop, report, "u1") == []
    assert known(shop, report, "browser") == [("b", "purchase", str(DAY))]


def test_after_its_last_day_a_profile_is_not_used_though_the_file_lies_there(shop, tmp_path):
    report = made(shop, tmp_path)
    columns = Columns(shop.store.blobs.read("demo", manifest(shop, report).profiles.artifact), where="test")
    pseudonym = load_directory(shop.store).tenant("demo").pseudonyms.of("u1")
    profiles = MappedProfiles(columns, last_day=date(2026, 11, 22))
    assert profiles.of(pseudonym, now=1_795_391_999.0)
    assert profiles.of(pseudonym, now=1_795_392_000.0) == ()
