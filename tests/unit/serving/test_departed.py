"""A tenant is deleted, and made again, under hosts that saw it and hosts that slept: none mixes the two."""

import msgspec
import pytest
from tests.integration.serving.shops import Shop, until

from recsys.access import create_key, delete_tenant, load_directory
from recsys.ranking import RecommendRequest
from recsys.releases import Releases, create_tenant
from recsys.serving.departures import departed
from recsys.serving.follower import Follower
from recsys.serving.host_state import Places, TenantState, read_host_state
from recsys.serving.hosted import Hosted
from recsys.snapshot import recommend

NOW = 1_795_348_800.0
ASK = RecommendRequest(surface="home", k=20)


@pytest.fixture
def shop(tmp_path):
    made = Shop(tmp_path)
    made.ship("a")
    made.releases.withdraw(["a-000"])
    return made


def follower_of(shop, *, run="r1"):
    return Follower(shop.settings(access_poll_s=0.001), run=run)


def step_until(follower, holds):
    def stepped():
        follower.step()
        return holds()

    until(stepped, "the follower")


def places(shop):
    return Places(shop.root / "host")


def state(shop):
    found = read_host_state(places(shop).state)
    return found.tenants.get("demo") if found else None


def serves(shop, generation):
    return lambda: (known := state(shop)) is not None and known.generation == generation


def files_of(shop):
    return sorted(
        str(path.relative_to(shop.root / "host"))
        for path in (shop.root / "host").rglob("*")
        if path.is_file() and ("/demo/" in str(path) or path.name.startswith("demo."))
    )


def make_again(shop, mark):
    """Make the tenant anew, with a release of other items; return a client's key."""
    create_tenant(shop.store, "demo", actor="tests")
    Releases(shop.store, "demo", actor="tests").ship("home", shop.manifest(mark))
    return create_key(shop.store, "demo", "client", actor="tests").secret


def marks(view):
    return {item.item_id.partition("-")[0] for item in recommend(view.snapshot, ASK, now=NOW).items}


def test_a_deleted_tenant_is_refused_and_leaves_nothing_on_the_host(shop):
    follower = follower_of(shop)
    step_until(follower, serves(shop, 3))
    workers = Hosted(places(shop), run="r1")
    workers.take_over()
    secret = load_directory(shop.store).tenant("demo").pseudonyms.secret
    for where in ("ready", "shipped"):
        event = shop.root / "host" / "spool" / where / "demo/outcomes/dt=2026-11-22/h-w-1.jsonl"
        event.parent.mkdir(parents=True)
        event.write_bytes(b"{}\n")
    assert workers.directory.authenticate(shop.client)
    assert len(files_of(shop)) > 4
    delete_tenant(shop.store, "demo", actor="tests")
    step_until(follower, lambda: state(shop) is None)
    workers.take_over()
    assert workers.directory.authenticate(shop.client) is None
    assert workers.view("demo") is None
    assert files_of(shop) == []
    copies = [path for path in (shop.root / "host").iterdir() if path.name.startswith("access.json")]
    assert places(shop).access in copies
    for copy in copies:
        assert msgspec.json.encode(secret).strip(b'"') not in copy.read_bytes()
        assert copy.stat().st_mode & 0o777 == 0o600


def test_who_saw_both_serves_the_new_one_and_nothing_of_the_old(shop):
    follower = follower_of(shop)
    step_until(follower, serves(shop, 3))
    workers = Hosted(places(shop), run="r1")
    workers.take_over()
    old = state(shop)
    assert marks(workers.view("demo")) == {"a"}
    delete_tenant(shop.store, "demo", actor="tests")
    step_until(follower, lambda: state(shop) is None)
    new_key = make_again(shop, "b")
    step_until(follower, serves(shop, 2))
    workers.take_over()
    assert marks(workers.view("demo")) == {"b"}
    assert workers.view("demo").withdrawn == frozenset()
    assert workers.directory.authenticate(new_key)
    assert workers.directory.authenticate(shop.client) is None
    assert state(shop).made > old.made
    assert state(shop).log != old.log


def test_who_slept_through_it_serves_the_new_one_and_nothing_of_the_old(shop):
    follower = follower_of(shop)
    step_until(follower, serves(shop, 3))
    follower.close()
    old = state(shop)
    delete_tenant(shop.store, "demo", actor="tests")
    new_key = make_again(shop, "b")
    woken = follower_of(shop, run="r2")
    workers = Hosted(places(shop), run="r2")
    seen = set()

    def stepped():
        """Look as a worker does after each step: whoever may ask with the new key must not be told of the old."""
        woken.step()
        workers.take_over()
        if workers.directory.authenticate(new_key):
            view = workers.view("demo")
            if view is not None:
                floor = view.lowest()
                assert floor is None or floor.generation < 3  # the old tenant's was of generation 3
                seen.update(marks(view) if view.snapshot else ())
        return serves(shop, 2)() and seen

    until(stepped, "the follower")
    assert seen == {"b"}
    assert state(shop).problem == ""
    assert state(shop).log != old.log
    assert workers.view("demo").withdrawn == frozenset()


def test_who_slept_through_the_deletion_alone_drops_it_when_it_wakes(shop):
    follower = follower_of(shop)
    step_until(follower, serves(shop, 3))
    follower.close()
    delete_tenant(shop.store, "demo", actor="tests")
    woken = follower_of(shop, run="r2")
    step_until(woken, lambda: state(shop) is None)
    assert files_of(shop) == []


def test_with_the_store_away_a_host_goes_on_and_still_hashes(shop):
    follower = follower_of(shop)
    step_until(follower, serves(shop, 3))
    follower.close()
    expected = load_directory(shop.store).tenant("demo").pseudonyms.of("u1")
    delete_tenant(shop.store, "demo", actor="tests")
    (shop.root / "store").rename(shop.root / "away")
    woken = follower_of(shop, run="r2")
    woken.step()
    workers = Hosted(places(shop), run="r2")
    workers.take_over()
    assert workers.directory.tenant("demo").pseudonyms.of("u1") == expected
    assert marks(workers.view("demo")) == {"a"}
    (shop.root / "away").rename(shop.root / "store")
    step_until(woken, lambda: state(shop) is None)


def test_a_worker_that_knows_the_new_tenant_does_not_answer_from_the_old_view(shop):
    follower = follower_of(shop)
    step_until(follower, serves(shop, 3))
    workers = Hosted(places(shop), run="r1")
    workers.take_over()
    assert workers.view("demo") is not None
    delete_tenant(shop.store, "demo", actor="tests")
    make_again(shop, "b")
    workers.directory = load_directory(shop.store)  # in between: the directory is taken over, the views are not
    assert workers.view("demo") is None


def test_what_a_follower_killed_while_it_cleaned_has_left_is_found_by_the_next(shop):
    follower = follower_of(shop)
    step_until(follower, serves(shop, 3))
    follower.close()
    delete_tenant(shop.store, "demo", actor="tests")
    directory = load_directory(shop.store)
    assert departed(places(shop), directory, {}) == {"demo"}  # host.json written, files still there
    assert departed(places(shop), directory, {"other": TenantState(made=9)}) == {"demo"}


def test_a_state_that_0_1_0_wrote_is_kept(shop):
    follower = follower_of(shop)
    step_until(follower, serves(shop, 3))
    directory = load_directory(shop.store)
    known = msgspec.structs.replace(state(shop), made=0)
    assert departed(places(shop), directory, {"demo": known}) == frozenset()
