import json
import os
from contextlib import contextmanager

import msgspec
import pytest
from tests.unit.pipelines.shops import END, START, event, new_shop, visits, write_jsonl

from recsys.encoding import Invalid, canonical
from recsys.errors import NotFound, UsageError
from recsys.pipelines import (
    BadInput,
    ChecksFailed,
    LessThanLive,
    LimitExceeded,
    Limits,
    StepMissing,
    compute,
    ingest,
    last_run,
    publish,
    run,
    validate,
)
from recsys.pipelines.kept import alone
from recsys.pipelines.run import tenant_params
from recsys.releases import Held, Manifest
from recsys.signals import SIGNALS
from recsys.store.columns import Columns


@pytest.fixture
def shop():
    return new_shop()


@pytest.fixture
def events(tmp_path):
    return write_jsonl(tmp_path / "events.jsonl", visits())


FROM_EVENTS = [name for name, signal in SIGNALS.items() if signal.reads == "events"]


def go(shop, events, **options):
    # without profiles, which have tests of their own: whether an old window still has any depends on the day
    named = [*SIGNALS] if options.get("catalog") else FROM_EVENTS
    asked = {"surface": "home", "events": events, "start": START, "end": END, "signals": named}
    return run(shop, **(asked | options))


def manifest_of(shop, report):
    return json.loads(shop.store.blobs.read("demo", report.manifest))


def blobs(shop):
    return sorted(shop.store.objects.keys("blobs/"))


def test_a_run_ships_what_it_made(shop, events):
    report = go(shop, events, reason="first")
    head = shop.releases.current()
    assert report.shipped
    assert report.generation == head.generation == 2
    assert head.surfaces["home"].manifest == report.manifest
    assert head.reason == "first"
    assert report.undo
    assert set(report.signals) == {"popularity", "cooc", "implicit", "session_seq"}
    assert report.counts["events"] == 360


def test_the_same_input_again_gives_the_same_digests_and_ships_nothing(shop, tmp_path, events):
    first = go(shop, events)
    before = blobs(shop)
    again = go(shop, write_jsonl(tmp_path / "again.jsonl", visits()[::-1]), threads=1)
    assert again.manifest == first.manifest
    assert not again.shipped
    assert "serves this manifest already" in again.why
    assert again.generation == first.generation
    assert blobs(shop) == before


def test_the_manifest_says_nothing_of_when_it_was_built(shop, events):
    one = go(shop, events, clock=lambda: 1e9)
    other = go(new_shop(), events, clock=lambda: 2e9, ship=False)
    told = manifest_of(shop, one)
    assert set(told) == {"tenant", "surface", "window", "inputs", "signals", "catalog", "format"}
    assert other.manifest != one.manifest, "another tenant's key makes other pseudonyms, so other events"


def test_what_the_manifest_names_can_be_read_and_passes_its_checks(shop, events):
    told = manifest_of(shop, go(shop, events))
    for name, refs in told["signals"].items():
        for ref in refs:
            blob = shop.store.blobs.read("demo", ref["artifact"])
            assert len(blob) == ref["size_bytes"]
            SIGNALS[name].check(Columns(blob, where=name), tenant="demo")


def test_not_shipping_publishes_and_leaves_the_head(shop, events):
    report = go(shop, events, ship=False)
    assert not report.shipped
    assert shop.releases.current().generation == 1
    assert manifest_of(shop, report)["surface"] == "home"


def test_a_dry_run_commits_nothing(shop, events):
    report = go(shop, events, dry_run=True)
    assert report.why.startswith("generation 2 would be live: ")
    assert report.undo == "", "what was not made has no undo"
    assert not report.shipped
    assert shop.releases.current().generation == 1


def test_a_dry_run_leaves_the_record_of_a_failed_run(shop, events):
    with pytest.raises(LimitExceeded):
        go(shop, events, limits=Limits(items=3))
    before = last_run(shop.store, "demo", "home")
    go(shop, events, dry_run=True)
    assert last_run(shop.store, "demo", "home") == before
    assert before.error_code == "LIMIT_EXCEEDED"


@pytest.fixture
def catalog(tmp_path):
    return write_jsonl(tmp_path / "c.jsonl", [{"item_id": f"i{n:02}"} for n in range(12)])


@pytest.fixture(scope="module")
def rich(tmp_path_factory):
    """A shop that serves popularity first (2), and then a catalogue and every signal (3)."""
    folder = tmp_path_factory.mktemp("rich")
    events = write_jsonl(folder / "events.jsonl", visits())
    catalog = write_jsonl(folder / "c.jsonl", [{"item_id": f"i{n:02}"} for n in range(12)])
    shop = new_shop()
    go(shop, events, signals=["popularity"])  # what comes to it is no loss
    go(shop, events, catalog=catalog)
    return shop


@pytest.mark.parametrize(
    ("without", "says"),
    [
        ({"catalog": None}, "home serves a catalogue since generation 3, and this run has none"),
        ({"signals": ["popularity"]}, "home serves cooc, implicit, session_seq since"),
        ({"catalog": None, "signals": ["cooc"]}, "home serves a catalogue, implicit, popularity, session_seq since"),
    ],
)
def test_a_run_that_would_take_something_away_is_refused(rich, events, catalog, without, says):
    shop = rich.copy()
    with pytest.raises(LessThanLive, match=says) as refused:
        go(shop, events, **({"catalog": catalog} | without))
    assert "--allow-less" in refused.value.next_step
    assert shop.releases.current().generation == 3


@pytest.mark.long
def test_it_is_refused_dry_too_and_published_alone_or_elsewhere(rich, events):
    shop = rich.copy()
    with pytest.raises(LessThanLive, match="home serves a catalogue"):
        go(shop, events, signals=["popularity"], dry_run=True)
    assert not go(shop, events, signals=["popularity"], ship=False).shipped
    assert go(shop, events, signals=["popularity"], surface="cart").shipped


def test_less_is_shipped_with_a_reason_and_the_release_says_what_went(rich, events):
    shop = rich.copy()
    with pytest.raises(UsageError, match="needs a reason"):
        go(shop, events, signals=["popularity"], allow_less=True)
    report = go(shop, events, signals=["popularity"], allow_less=True, reason="no catalogue any more")
    assert report.shipped
    assert shop.releases.current().reason == "no catalogue any more (without a catalogue, cooc, implicit, session_seq)"


def test_a_damaged_live_manifest_does_not_stop_the_run_that_mends_it(shop, events, catalog):
    live = go(shop, events, catalog=catalog)
    (key,) = (key for key in blobs(shop) if live.manifest.removeprefix("sha256:") in key)
    shop.store.objects.delete(key)
    assert go(shop, events, catalog=catalog, end="2026-11-09").shipped


def test_a_segment_is_not_lost_by_forgetting_to_name_it(shop, tmp_path):
    rows = visits() + [event(item_id="i00", user_id=f"n{n}", request_id=f"r{n}", session_id=None) for n in range(9)]
    shown = [
        {
            "request_id": f"r{n}",
            "ts": "2026-11-05T09:00:00Z",
            "items": [{"item_id": "i00", "rank": 1}],
            "context": {"surface": "home", "segment": "new_users"},
        }
        for n in range(9)
    ]
    files = [write_jsonl(tmp_path / "e.jsonl", rows), write_jsonl(tmp_path / "x.jsonl", shown)]
    shop.releases.put_config(canonical({"signals": {"popularity": {"min_scope_votes": 5}}}))
    go(shop, files, segment="new_users")
    with pytest.raises(LessThanLive, match="popularity of segment new_users"):
        go(shop, files)


def test_a_hold_refuses_the_ship_and_the_record_says_why(shop, events):
    shop.releases.hold(surface="home", reason="sale")
    with pytest.raises(Held):
        go(shop, events)
    record = last_run(shop.store, "demo", "home")
    assert record.stage == "publish"
    assert record.error_code == "HELD"
    assert "sale" in record.error


def test_what_the_catalogue_says_makes_items_alike(shop, tmp_path, events):
    rows = [{"item_id": f"i{n:02}", "tags": [f"tag-{n % 3}"]} for n in range(13)]
    report = go(shop, events, catalog=write_jsonl(tmp_path / "c.jsonl", rows))
    assert report.shipped
    assert report.signals["content_sim"].rows == 13, "an item without events is there too"


def test_a_signal_of_the_catalogue_asked_for_without_one_is_refused(shop, events):
    with pytest.raises(UsageError, match="content_sim reads the catalogue") as refused:
        go(shop, events, signals=["popularity", "content_sim"])
    assert "--catalog" in refused.value.next_step
    assert shop.releases.current().generation == 1


def test_parameters_come_from_the_tenants_config_and_stand_in_the_manifest(shop, events):
    config = {
        "signals": {"popularity": {"half_life_days": 3}},
        "surfaces": {"home": {"signals": {"cooc": {"min_support": 1}}}},
    }
    shop.releases.put_config(canonical(config))
    assert tenant_params(shop, surface="cart") == {"popularity": {"half_life_days": 3}}
    told = manifest_of(shop, go(shop, events))
    assert told["signals"]["cooc"][0]["params"]["min_support"] == 1


def test_a_surface_with_enough_evidence_gets_its_own_popularity(shop, tmp_path):
    rows = visits() + [row | {"surface": "home", "event_id": None} for row in visits(seed=2)]
    path = write_jsonl(tmp_path / "e.jsonl", rows)
    few = go(shop, path)
    assert set(few.signals["popularity"].scopes) == {"tenant"}
    assert any("1000 are needed" in note for note in few.notes)
    shop.releases.put_config(canonical({"signals": {"popularity": {"min_scope_votes": 50}}}))
    enough = go(shop, path)
    refs = manifest_of(shop, enough)["signals"]["popularity"]
    assert [ref.get("scope", "tenant") for ref in refs] == ["tenant", "surface"]


def test_only_what_followed_our_answers_counts_less(shop, tmp_path):
    rows = [event(item_id="own", event_type="click"), event(item_id="ours", event_type="click", request_id="r")]
    report = go(shop, write_jsonl(tmp_path / "e.jsonl", rows), signals=["popularity"], end="2026-11-05")
    blob = shop.store.blobs.read("demo", report.signals["popularity"].artifact)
    popularity = SIGNALS["popularity"].open(Columns(blob, where="p"), tenant="demo")
    scores = dict(zip(popularity.items.to_list(), popularity.score.tolist(), strict=True))
    assert scores == {"own": 2.0, "ours": 1.0}


def test_a_segment_is_told_by_the_exposures_its_outcomes_followed(shop, tmp_path):
    rows = visits() + [
        event(item_id="i00", event_type="click", user_id=f"n{n}", request_id=f"r{n}", session_id=None) for n in range(9)
    ]
    shown = [
        {
            "request_id": f"r{n}",
            "ts": "2026-11-05T09:00:00Z",
            "items": [{"item_id": "i00", "rank": 1}],
            "context": {"surface": "home", "segment": "new_users"},
        }
        for n in range(9)
    ]
    files = [write_jsonl(tmp_path / "e.jsonl", rows), write_jsonl(tmp_path / "x.jsonl", shown)]
    shop.releases.put_config(canonical({"signals": {"popularity": {"min_scope_votes": 5}}}))
    report = go(shop, files, segment="new_users")
    refs = manifest_of(shop, report)["signals"]["popularity"]
    assert [(ref.get("scope", "tenant"), ref.get("segment")) for ref in refs] == [
        ("tenant", None),
        ("surface", None),
        ("segment", "new_users"),
    ]
    popularity = SIGNALS["popularity"].open(
        Columns(shop.store.blobs.read("demo", refs[2]["artifact"]), where="p"), tenant="demo"
    )
    assert popularity.items.to_list() == ["i00"]
    assert popularity.shown.tolist() == [9]


def test_what_bots_and_staff_do_with_their_lists_is_no_vote(shop, tmp_path):
    users = [*visits(), event(item_id="i00", event_type="click", user_id="u", request_id="mine", session_id=None)]
    others = [
        event(item_id=f"i{n:02}", event_type="click", user_id=who, request_id=who, session_id=None)
        for who in ("bot", "internal")
        for n in range(12)
    ]
    shown = [
        {
            "request_id": request,
            "ts": "2026-10-31T23:59:00Z",  # before the window, and its clicks inside
            "items": [{"item_id": f"i{n:02}", "rank": n + 1} for n in range(12)],
            "context": {"surface": "home", "traffic": traffic},
        }
        for request, traffic in (("mine", "user"), ("bot", "bot"), ("internal", "internal"))
    ]
    lists = write_jsonl(tmp_path / "x.jsonl", shown)
    clean = go(shop, [write_jsonl(tmp_path / "clean.jsonl", users), lists], ship=False)
    mixed = go(shop, [write_jsonl(tmp_path / "mixed.jsonl", others[::2] + users + others[1::2]), lists], ship=False)
    assert mixed.counts["events_not_by_users"] == 24
    assert clean.counts["events_not_by_users"] == 0
    assert mixed.counts["events"] == clean.counts["events"] == 361
    assert mixed.manifest == clean.manifest


def test_the_steps_one_by_one_make_what_a_run_makes(shop, tmp_path, events):
    folder = tmp_path / "steps"
    ingest(shop, surface="home", events=events, start=START, end=END, folder=folder)
    validate(folder)
    compute(folder, signals=FROM_EVENTS)
    report = publish(shop, folder)
    other = go(shop, events)
    assert report.manifest == other.manifest
    assert not other.shipped


def test_a_step_before_its_turn_says_what_to_run_first(shop, tmp_path, events):
    folder = tmp_path / "steps"
    with pytest.raises(StepMissing, match="recsys pipelines ingest"):
        validate(folder)
    ingest(shop, surface="home", events=events, start=START, end=END, folder=folder)
    with pytest.raises(StepMissing, match="recsys pipelines validate"):
        compute(folder, signals=FROM_EVENTS)
    validate(folder)
    compute(folder, signals=FROM_EVENTS)
    ingest(shop, surface="home", events=events, start=START, end=END, folder=folder)
    with pytest.raises(StepMissing, match="recsys pipelines compute"):
        publish(shop, folder)


def test_a_changed_artifact_is_not_published(shop, tmp_path, events):
    folder = tmp_path / "steps"
    ingest(shop, surface="home", events=events, start=START, end=END, folder=folder)
    validate(folder)
    compute(folder)
    path = folder / "cooc.tenant.bin"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(BadInput, match="was changed since it was computed"):
        publish(shop, folder)
    assert shop.releases.current().generation == 1


def test_another_shops_catalogue_is_refused(shop, tmp_path, events):
    catalog = write_jsonl(tmp_path / "c.jsonl", [{"item_id": f"other-{n}"} for n in range(5)])
    with pytest.raises(ChecksFailed, match="12 of 12 items of the events are not in the catalogue"):
        go(shop, events, catalog=catalog)
    assert last_run(shop.store, "demo", "home").stage == "validate"


def test_a_catalogue_goes_along(shop, tmp_path, events):
    catalog = write_jsonl(tmp_path / "c.jsonl", [{"item_id": f"i{n:02}", "title": f"T{n}"} for n in range(12)])
    report = go(shop, events, catalog=catalog)
    assert report.counts["catalog_items"] == 12
    assert manifest_of(shop, report)["catalog"]["rows"] == 12


@pytest.mark.parametrize("stage", ["ingest", "compute", "publish"])
def test_an_interruption_publishes_nothing_and_is_recorded(shop, events, stage):
    @contextmanager
    def interrupting(name, *, total=None):
        if name == stage:
            raise KeyboardInterrupt
        yield lambda _units: None

    with pytest.raises(KeyboardInterrupt):
        go(shop, events, progress=interrupting)
    assert shop.releases.current().generation == 1
    record = last_run(shop.store, "demo", "home")
    assert (record.error_code, record.error) == ("INTERRUPTED", "interrupted")
    assert stage in record.took_s
    assert record.finished
    assert go(shop, events).shipped


def test_a_limit_stops_before_anything_is_published(shop, events):
    before = blobs(shop)
    for limits in (Limits(items=3), Limits(neighbours=3), Limits(artifact_bytes=100)):
        with pytest.raises(LimitExceeded, match=r"limit exceeded: \w+ \d+ > \d+"):
            go(shop, events, limits=limits)
    assert blobs(shop) == before
    assert last_run(shop.store, "demo", "home").error_code == "LIMIT_EXCEEDED"


def test_bad_input_publishes_nothing_and_leaves_the_last_good_release(shop, tmp_path, events):
    good = go(shop, events)
    before = blobs(shop)
    bad = write_jsonl(tmp_path / "bad.jsonl", [event(), event(quantity=-1)])
    with pytest.raises(BadInput):
        go(shop, bad)
    assert blobs(shop) == before
    assert shop.releases.current().surfaces["home"].manifest == good.manifest


def test_the_record_of_a_good_run_tells_its_window_counts_and_release(shop, events):
    report = go(shop, events, clock=lambda: 1_793_000_000.0)
    record = last_run(shop.store, "demo", "home")
    assert record.stage == "done"
    assert record.error is None
    assert (record.start, record.end) == (START, END)
    assert record.manifest == report.manifest
    assert record.generation == 2
    assert record.counts["events"] == 360
    assert record.finished == "2026-10-26T07:33:20.000Z"
    assert last_run(shop.store, "demo", "cart") is None


def test_unknown_names_are_refused_with_the_nearest(shop, events):
    with pytest.raises(UsageError, match="did you mean `popularity`"):
        go(shop, events, signals=["popularty"])
    with pytest.raises(Invalid, match="half_life_days"):
        shop.releases.put_config(canonical({"signals": {"popularity": {"half_life": 1}}}))


def test_one_signal_alone_can_be_built(shop, events):
    assert set(go(shop, events, signals=["popularity"]).signals) == {"popularity"}


def test_events_of_which_no_signal_can_be_made_are_refused(shop, tmp_path):
    path = write_jsonl(tmp_path / "e.jsonl", [event(event_type="wished")])
    with pytest.raises(BadInput, match="no signal found evidence"):
        go(shop, path)


def test_a_tenant_that_is_not_there_is_named(events):
    class Nobody:
        store = new_shop().store
        tenant = "nobody"

    with pytest.raises(NotFound, match="nobody"):
        go(Nobody(), events)


def test_nothing_of_a_run_stays_on_the_disk(tmp_path, events):
    shop = new_shop(str(tmp_path / "store"))
    go(shop, events)
    assert list((tmp_path / "work").iterdir()) == []


def test_a_manifest_is_read_back_as_what_it_is(shop, events):
    report = go(shop, events)
    manifest = msgspec.json.decode(shop.store.blobs.read("demo", report.manifest), type=Manifest)
    assert manifest.window.end == END
    assert len(manifest.artifacts()) == len(FROM_EVENTS)


def test_what_a_killed_run_left_is_swept_by_the_next(tmp_path, events):
    shop = new_shop(str(tmp_path / "store"))
    root = tmp_path / "work"
    for name in ("killed", "working", "begun"):
        (root / f"recsys-run-{name}" / "fetched").mkdir(parents=True)
        (root / f"recsys-run-{name}" / "fetched/raw.jsonl").write_text("alice")
        if name != "begun":
            os.utime(root / f"recsys-run-{name}", (1e9, 1e9))
    with alone(root / "recsys-run-working"):
        os.utime(root / "recsys-run-working", (1e9, 1e9))
        go(shop, events)
    assert sorted(path.name for path in root.iterdir()) == ["recsys-run-begun", "recsys-run-working"]
