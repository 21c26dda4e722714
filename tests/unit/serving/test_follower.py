"""The follower and what workers take over from it, in one process."""

import errno
import os
import shutil
import threading
import uuid
from pathlib import Path

import msgspec
import pytest
from tests.integration.serving.shops import Shop, until

from recsys.events import Shipped
from recsys.ranking import RecommendRequest
from recsys.releases import Releases
from recsys.replicas import read_heartbeats
from recsys.serving.follower import Follower
from recsys.serving.host_state import Places, read_host_state, write_host_state
from recsys.serving.hosted import Hosted
from recsys.snapshot import recommend
from recsys.store import open_store

NOW = 1_795_348_800.0


@pytest.fixture
def shop(tmp_path):
    made = Shop(tmp_path)
    made.ship("a")
    return made


def follow(shop, generation, *, run="r1", **settings):
    """Follow until this host serves a generation; return the follower."""
    follower = Follower(shop.settings(**settings), run=run)
    step_until(follower, lambda: served(shop) == generation)
    return follower


def step_until(follower, holds):
    def stepped():
        follower.step()
        return holds()

    until(stepped, "the follower")


def state(shop):
    return read_host_state(shop.root / "host" / "host.json")


def served(shop):
    found = state(shop)
    return found.tenants["demo"].generation if found and "demo" in found.tenants else 0


def hosted(shop, *, run="r1", verify=False):
    made = Hosted(Places(shop.root / "host"), run=run)
    made.take_over(verify=verify)
    return made


def test_what_the_follower_verified_is_live_for_the_workers_of_the_same_run(shop):
    follow(shop, 2)
    view = hosted(shop).view("demo")
    assert (view.generation, view.rung(confirm_s=10.0)) == (2, "live")


def test_what_was_confirmed_under_an_earlier_run_is_only_on_disk(shop):
    follow(shop, 2)
    assert hosted(shop, run="r2").view("demo").rung(confirm_s=10.0) == "disk"


def test_a_worker_that_starts_on_a_damaged_copy_answers_from_the_floor(shop):
    follow(shop, 2)
    for path in (shop.root / "host" / "shelves" / "demo").iterdir():
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
    made = hosted(shop, verify=True)
    assert made.view("demo").rung(confirm_s=10.0) == "floor"
    assert "does not hash" in made.problems["demo"]


def test_a_worker_stays_with_what_is_open_when_the_new_one_does_not_open(shop):
    follower = follow(shop, 2)
    workers = hosted(shop)
    before = workers.view("demo").snapshot
    shop.ship("b")
    step_until(follower, lambda: served(shop) == 3)
    newest = state(shop).tenants["demo"].kept[0]
    (shop.root / "host" / newest.path / "snapshot.json").write_bytes(b"damaged")
    workers.take_over()
    view = workers.view("demo")
    assert view.snapshot is before
    assert view.rung(confirm_s=10.0) == "last_good"
    assert "demo" in workers.problems


def test_a_swap_is_a_new_view_and_a_request_keeps_the_one_it_took(shop):
    follower = follow(shop, 2)
    workers = hosted(shop)
    taken = workers.view("demo")
    shop.ship("b")
    step_until(follower, lambda: served(shop) == 3)
    assert workers.is_news()
    workers.take_over()
    assert (taken.generation, workers.view("demo").generation) == (2, 3)
    assert taken.snapshot.generation == 2


def test_three_verified_generations_are_kept_the_served_one_first(shop):
    follower = follow(shop, 2)
    for mark in "bcde":
        generation = shop.ship(mark)
        step_until(follower, lambda generation=generation: served(shop) == generation)
    assert [kept.generation for kept in state(shop).tenants["demo"].kept] == [6, 5, 4]


def test_what_is_kept_no_more_is_removed_once_the_state_does_not_name_it(shop, monkeypatch):
    follower = follow(shop, 2, ready_bytes=0)
    for mark in "bc":
        generation = shop.ship(mark)
        step_until(follower, lambda generation=generation: served(shop) == generation)
    snapshots = shop.root / "host" / "snapshots" / "demo"
    oldest = min(snapshots.iterdir())
    os.utime(oldest, (0, 0))  # nobody prepares with it any more

    def refuse(*given, **more):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr("recsys.serving.follower.write_host_state", refuse)
        generation = shop.ship("d")
        step_until(follower, lambda: follower.tenants["demo"].generation == generation)
        assert served(shop) == generation - 1
        assert oldest.exists()
    step_until(follower, lambda: served(shop) == generation)
    assert not oldest.exists()
    assert [kept.generation for kept in state(shop).tenants["demo"].kept] == [5, 4, 3]


def test_a_replaced_log_is_not_followed_and_what_was_served_goes_on(shop):
    import shutil

    follow(shop, 2)
    shutil.rmtree(shop.root / "store")
    again = Shop(shop.root)
    again.ship("x")
    again.ship("y")
    follower = Follower(shop.settings(), run="r2")
    step_until(follower, lambda: state(shop).run == "r2" and "LOG_FORKED" in state(shop).tenants["demo"].problem)
    assert served(shop) == 2
    assert hosted(shop, run="r2").view("demo").generation == 2


def test_a_copy_that_was_damaged_while_we_were_down_is_fetched_again(shop):
    follow(shop, 2)
    for path in (shop.root / "host" / "copies" / "demo").iterdir():
        path.write_bytes(b"damaged")
    follower = Follower(shop.settings(), run="r2")
    step_until(follower, lambda: state(shop).run == "r2" and served(shop) == 2)
    assert hosted(shop, run="r2", verify=True).view("demo").rung(confirm_s=10.0) == "live"


def test_a_copy_that_is_of_another_generation_than_host_json_says_is_not_used(shop):
    follow(shop, 2)
    places = Places(shop.root / "host")
    told = state(shop)
    known = told.tenants["demo"]
    wrong = msgspec.structs.replace(known, kept=(msgspec.structs.replace(known.kept[0], generation=3),), head=3)
    write_host_state(places.state, msgspec.structs.replace(told, tenants={"demo": wrong}), durable=True)
    shop.ship("b")
    follower = Follower(shop.settings(), run="r2")
    step_until(follower, lambda: state(shop).run == "r2" and served(shop) == 3)
    assert hosted(shop, run="r2", verify=True).view("demo").generation == 3


def test_keys_are_copied_privately_and_work_without_the_store(shop):
    follow(shop, 2)
    copies = [shop.root / "host" / name for name in ("access.json", "access.json.before")]
    assert [copy.stat().st_mode & 0o777 for copy in copies] == [0o600, 0o600]
    shop.take_store_away()
    assert hosted(shop).directory.authenticate(shop.client).tenant == "demo"


@pytest.mark.parametrize("damaged", ["access.json", "access.json.before"])
def test_keys_work_without_the_store_although_one_copy_of_them_is_damaged(shop, damaged):
    follow(shop, 2)
    shop.take_store_away()
    (shop.root / "host" / damaged).write_bytes(b"damaged")
    assert hosted(shop).directory.authenticate(shop.client).tenant == "demo"
    follower = Follower(shop.settings(), run="r2")
    assert follower._directory.authenticate(shop.client).tenant == "demo"


def test_a_store_put_back_from_an_older_copy_that_went_on_differently_is_not_followed(shop):
    older = shop.root / "older"
    shutil.copytree(shop.root / "store", older)
    shop.ship("b")
    follower = follow(shop, 3)
    shutil.rmtree(shop.root / "store")
    older.rename(shop.root / "store")
    other = Releases(open_store(shop.root / "store"), "demo", actor="tests")
    other.put_config(b'{"limits":{"max_k":10}}', reason="another third generation")
    other.put_config(b'{"limits":{"max_k":11}}', reason="a fourth")
    step_until(follower, lambda: "LOG_FORKED" in state(shop).tenants["demo"].problem)
    assert served(shop) == 3
    assert hosted(shop).view("demo").rung(confirm_s=10.0) == "last_good"


def ship_damaged(shop, mark):
    """Ship a release whose largest blob is damaged after the commit; return its generation."""
    blobs = {path for path in (shop.root / "store" / "blobs").rglob("*") if path.is_file()}
    generation = shop.ship(mark)
    new = [path for path in (shop.root / "store" / "blobs").rglob("*") if path.is_file() and path not in blobs]
    largest = max(new, key=lambda path: path.stat().st_size)
    largest.chmod(0o644)
    largest.write_bytes(b"damaged")
    return generation


def shown(view, **body):
    ask = RecommendRequest(surface="home", k=20, **body)
    ranked = recommend(view.snapshot, ask, now=NOW) if view.snapshot else view.floor.answer(ask, now=NOW)
    assert ranked.items
    return {item.item_id for item in ranked.items}


def rejected(shop):
    found = state(shop).tenants["demo"].rejected
    return found.generation if found else 0


def test_a_withdrawal_binds_although_its_own_release_cannot_be_served(shop):
    follower = follow(shop, 2)
    workers = hosted(shop)
    ship_damaged(shop, "b")
    step_until(follower, lambda: rejected(shop) == 3)
    workers.take_over()
    assert "a-000" in shown(workers.view("demo"))
    shop.releases.withdraw(["a-000"], reason="recalled")
    step_until(follower, lambda: rejected(shop) == 4)
    workers.take_over()
    view = workers.view("demo")
    assert (view.generation, view.rung(confirm_s=10.0)) == (2, "last_good")
    assert "a-000" not in shown(view)
    assert "a-001" in shown(view)


@pytest.mark.parametrize("left", ["an older generation", "the floor", "the floor and no host.json"])
def test_a_withdrawal_binds_after_a_restart_on_what_is_left_without_the_store(shop, left):
    follower = follow(shop, 2)
    ship_damaged(shop, "b")
    shop.releases.withdraw(["a-000"], reason="recalled")
    step_until(follower, lambda: rejected(shop) == 4)
    shop.take_store_away()
    if left != "an older generation":
        for path in (shop.root / "host" / "shelves" / "demo").iterdir():
            path.write_bytes(b"damaged")
    if left.endswith("host.json"):
        for path in (shop.root / "host").glob("host.json*"):
            path.unlink()
    view = hosted(shop, run="r2", verify=True).view("demo")
    assert view.rung(confirm_s=10.0) == ("disk" if left == "an older generation" else "floor")
    assert "a-000" not in shown(view)
    assert "a-001" in shown(view)


def test_what_was_withdrawn_comes_back_when_it_is_restored(shop):
    follower = follow(shop, 2)
    workers = hosted(shop)
    shop.releases.withdraw(["a-000"], reason="recalled")
    step_until(follower, lambda: served(shop) == 3)
    workers.take_over()
    assert "a-000" not in shown(workers.view("demo"))
    shop.releases.restore_items(["a-000"], reason="safe again")
    step_until(follower, lambda: served(shop) == 4)
    workers.take_over()
    assert "a-000" in shown(workers.view("demo"))


@pytest.mark.parametrize("goes_on", [False, True])
def test_a_log_put_back_under_us_is_told_although_its_head_has_the_same_number_or_a_lower(shop, goes_on):
    follower = follow(shop, 2)
    older = shop.root / "older"
    shutil.copytree(shop.root / "store" / "releases", older)
    shop.ship("b")
    step_until(follower, lambda: served(shop) == 3)
    shutil.rmtree(shop.root / "store" / "releases")
    older.rename(shop.root / "store" / "releases")
    if goes_on:
        other = Releases(open_store(shop.root / "store"), "demo", actor="tests")
        other.ship("home", shop.manifest("c"), reason="another third generation")
    step_until(follower, lambda: "LOG_FORKED" in state(shop).tenants["demo"].problem)
    assert served(shop) == 3
    assert hosted(shop).view("demo").rung(confirm_s=10.0) == "last_good"
    confirmed_at = state(shop).tenants["demo"].confirmed_at
    for _ in range(5):
        follower.step()
    assert state(shop).tenants["demo"].confirmed_at == confirmed_at
    assert state(shop).tenants["demo"].problem


def test_a_log_that_does_not_go_on_from_what_is_served_is_not_followed(shop):
    follower = follow(shop, 2)
    head = shop.releases.head()
    after = msgspec.structs.replace(
        head, generation=3, previous="sha256:" + "0" * 64, attempt=str(uuid.uuid4()), action="ship"
    )
    shop.store.releases.append("demo", 3, after.encode())
    step_until(follower, lambda: "LOG_FORKED" in state(shop).tenants["demo"].problem)
    assert served(shop) == 2


def test_a_full_disk_of_this_host_is_no_fault_of_the_release(shop, monkeypatch):
    follower = follow(shop, 2, retry_rejected_s=0.05)
    full = [True]
    replace = Path.replace

    def refuse(path, target):
        if full[0] and "copies" in path.parts:
            raise OSError(errno.ENOSPC, "No space left on device")
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", refuse)
    shop.ship("b")
    step_until(follower, lambda: "No space left" in state(shop).tenants["demo"].problem)
    for _ in range(5):
        follower.step()
    assert rejected(shop) == 0
    assert served(shop) == 2
    assert "No space left" in state(shop).tenants["demo"].problem
    follower._beat()
    (beat,) = read_heartbeats(shop.store.objects)
    assert "No space left" in beat.tenants["demo"].problem
    full[0] = False
    step_until(follower, lambda: served(shop) == 3)
    step_until(follower, lambda: not state(shop).tenants["demo"].problem)


def test_shipping_a_backlog_does_not_hold_up_following(shop, monkeypatch):
    """A round stands still until the release that was shipped meanwhile is served."""
    follower = follow(shop, 2, ship_s=0.01)
    go_on, rounds = threading.Event(), []

    def slow(*_, **__):
        rounds.append(1)
        assert go_on.wait(20)
        return Shipped(waiting=40, problem="40 to go")

    monkeypatch.setattr("recsys.serving.shipper.ship", slow)
    step_until(follower, lambda: rounds)
    shop.ship("b")
    step_until(follower, lambda: served(shop) == 3)
    for _ in range(5):
        follower.step()
    assert rounds == [1]
    go_on.set()
    step_until(follower, lambda: state(shop).waiting_files == 40)
    assert state(shop).ship_problem == "40 to go"
    follower.close()
