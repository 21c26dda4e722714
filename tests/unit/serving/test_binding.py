"""What a host keeps of what the newest release binds."""

import msgspec
import pytest
from tests.integration.serving.shops import Shop

from recsys.releases import erase_users
from recsys.serving.binding import Binding
from recsys.serving.host_state import Places
from recsys.snapshot.bound import read_bound

ANN, BOB = "a" * 32, "b" * 32


@pytest.fixture
def shop(tmp_path):
    made = Shop(tmp_path)
    made.ship("a")
    return made


@pytest.fixture
def places(tmp_path):
    return Places(tmp_path / "host")


def test_both_are_kept_and_only_what_is_new_is_written(shop, places):
    binding = Binding(places)
    assert not binding.bind(shop.store, shop.releases.current())
    shop.releases.withdraw(["a-001"])
    erase_users(shop.releases, [ANN])
    assert binding.bind(shop.store, shop.releases.current())
    assert read_bound(places.withdrawn("demo")).ids == {"a-001"}
    assert read_bound(places.erased("demo")).ids == {ANN}
    assert not binding.bind(shop.store, shop.releases.current())
    assert not Binding(places).bind(shop.store, shop.releases.current())


def test_nobody_is_erased_any_less_on_a_host_that_knew_though_the_log_came_from_an_older_copy(shop, places, caplog):
    erase_users(shop.releases, [ANN])
    Binding(places).bind(shop.store, shop.releases.current())
    restored = msgspec.structs.replace(shop.releases.current(), erased=None, generation=9)
    binding = Binding(places)
    assert binding.bind(shop.store, restored)
    assert read_bound(places.erased("demo")).ids == {ANN}
    assert "erases 1 users fewer" in caplog.text
    assert not binding.bind(shop.store, restored)
    erase_users(shop.releases, [BOB])
    binding.bind(shop.store, shop.releases.current())
    assert read_bound(places.erased("demo")).ids == {ANN, BOB}


def test_what_was_withdrawn_is_let_go_by_the_release_that_restores_it(shop, places):
    shop.releases.withdraw(["a-001"])
    Binding(places).bind(shop.store, shop.releases.current())
    shop.releases.restore_items(["a-001"])
    Binding(places).bind(shop.store, shop.releases.current())
    assert read_bound(places.withdrawn("demo")).ids == frozenset()


def test_a_damaged_file_is_written_anew(shop, places):
    erase_users(shop.releases, [ANN])
    Binding(places).bind(shop.store, shop.releases.current())
    places.erased("demo").write_bytes(b"damaged")
    assert Binding(places).bind(shop.store, shop.releases.current())
    assert read_bound(places.erased("demo")).ids == {ANN}


def test_a_list_that_cannot_be_read_is_said_once_and_tried_again(shop, places, caplog):
    erase_users(shop.releases, [ANN])
    newest = shop.releases.current()
    path = next(path for path in (shop.root / "store" / "blobs").rglob(newest.erased.removeprefix("sha256:")))
    whole = path.read_bytes()
    path.chmod(0o644)
    path.write_bytes(b"damaged")
    binding = Binding(places)
    for _ in range(3):
        assert not binding.bind(shop.store, newest)
    assert caplog.text.count("is not kept") == 1
    path.write_bytes(whole)
    assert binding.bind(shop.store, newest)
