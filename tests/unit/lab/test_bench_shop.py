"""The shop that benchmarks ask is one that can be shipped, and who asks has a profile in it."""

from recsys.access import load_directory
from recsys.lab.bench.shop import publish_shop
from recsys.releases import Releases, create_tenant
from recsys.releases.manifest import read_manifest
from recsys.signals.profiles import open_profiles
from recsys.store import open_store
from recsys.store.columns import Columns


def test_who_asks_is_among_those_with_a_profile(tmp_path):
    store = open_store(tmp_path)
    create_tenant(store, "bench", actor="test")
    named = publish_shop(store, "bench", items=100, surface="home", day="2026-11-29", users=10_050)
    releases = Releases(store, "bench", actor="test")
    assert releases.current().surfaces["home"].manifest == named
    ref = read_manifest(store.blobs.read("bench", named)).profiles
    profiles = open_profiles(Columns(store.blobs.read("bench", ref.artifact), where="profiles"), tenant="bench")
    pseudonym_of = load_directory(store).tenant("bench").pseudonyms.of
    for user in (0, 9_999):
        found = profiles.find(pseudonym_of(f"u{user}"))
        assert profiles.offsets[found + 1] - profiles.offsets[found] == 5
    assert profiles.find(pseudonym_of("u10000")) is None
    assert len(profiles.high) == 10_050
