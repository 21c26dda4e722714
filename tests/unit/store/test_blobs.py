"""Blobs: what is read has the digest it was asked by."""

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.contract.faulty import Fault, FaultyObjects

from recsys.encoding import Invalid
from recsys.store import Blobs, CopyFailed, Corrupt, Missing, Unavailable
from recsys.store.memory import MemoryObjects

OTHER = "sha256:" + "0" * 64


@given(st.binary(max_size=200))
def test_a_blob_is_named_by_its_sha256_and_read_back(data: bytes) -> None:
    blobs = Blobs(MemoryObjects())
    digest = blobs.put("demo", data)
    assert digest == "sha256:" + hashlib.sha256(data).hexdigest()
    assert blobs.read("demo", digest) == data
    assert blobs.put("demo", data) == digest


def test_a_blob_lies_under_its_tenant_and_the_start_of_its_digest() -> None:
    objects = MemoryObjects()
    digest = Blobs(objects).put("demo", b"x").removeprefix("sha256:")
    assert list(objects.keys("")) == [f"blobs/demo/sha256/{digest[:2]}/{digest}"]


def test_tenants_do_not_see_each_other() -> None:
    blobs = Blobs(MemoryObjects())
    digest = blobs.put("demo", b"x")
    assert blobs.exists("demo", digest)
    assert not blobs.exists("other", digest)
    with pytest.raises(Missing):
        blobs.read("other", digest)


@given(st.integers(0, 8 * 50 - 1))
def test_a_flipped_bit_is_never_read(bit: int) -> None:
    objects = MemoryObjects()
    blobs = Blobs(objects)
    data = bytes(range(50))
    digest = blobs.put("demo", data)
    damaged = bytearray(data)
    damaged[bit // 8] ^= 1 << bit % 8
    objects.replace(blobs.key("demo", digest), bytes(damaged))
    with pytest.raises(Corrupt, match=digest.removeprefix("sha256:")):
        blobs.read("demo", digest)


@pytest.mark.parametrize("damage", [b"", b"cut", b"whole blob and more"])
def test_a_damaged_blob_is_never_fetched_and_leaves_what_was_there(damage: bytes, tmp_path: Path) -> None:
    objects = MemoryObjects()
    blobs = Blobs(objects)
    digest = blobs.put("demo", b"whole blob")
    objects.replace(blobs.key("demo", digest), damage)
    into = tmp_path / "copy"
    into.write_bytes(b"an older copy")
    with pytest.raises(Corrupt):
        blobs.fetch("demo", digest, into)
    assert [path.name for path in tmp_path.iterdir()] == ["copy"]
    assert into.read_bytes() == b"an older copy"


def test_fetch_brings_the_whole_blob_and_no_other_file(tmp_path: Path) -> None:
    blobs = Blobs(MemoryObjects())
    digest = blobs.put("demo", b"x" * 3_000_000)
    blobs.fetch("demo", digest, tmp_path / "copy")
    blobs.fetch("demo", digest, tmp_path / "copy")
    assert [path.name for path in tmp_path.iterdir()] == ["copy"]
    assert (tmp_path / "copy").read_bytes() == b"x" * 3_000_000


def test_a_fetch_that_fails_leaves_nothing(tmp_path: Path) -> None:
    objects = MemoryObjects()
    digest = Blobs(objects).put("demo", b"x")
    with pytest.raises(Unavailable):
        Blobs(FaultyObjects(objects, reads=[Fault.LOST_BEFORE])).fetch("demo", digest, tmp_path / "copy")
    with pytest.raises(Missing):
        Blobs(objects).fetch("demo", OTHER, tmp_path / "copy")
    with pytest.raises(CopyFailed):
        Blobs(objects).fetch("demo", digest, tmp_path / "no" / "directory" / "copy")
    assert list(tmp_path.iterdir()) == []


def test_a_blob_that_is_there_is_verified_and_confirmed_for_the_writer_that_may_have_died() -> None:
    objects = MemoryObjects()
    Blobs(objects).put("demo", b"x")
    watched = FaultyObjects(objects)
    Blobs(watched).put("demo", b"x")
    assert watched.calls == ["create", "read", "confirm", "renew"]
    with pytest.raises(Unavailable):
        Blobs(FaultyObjects(objects, confirms=[Fault.LOST_BEFORE])).put("demo", b"x")


def test_a_damaged_blob_is_healed_by_whoever_puts_it_again() -> None:
    objects = MemoryObjects()
    blobs = Blobs(objects)
    digest = blobs.put("demo", b"right")
    objects.replace(blobs.key("demo", digest), b"wrong")
    assert blobs.put("demo", b"right") == digest
    assert blobs.read("demo", digest) == b"right"


def test_a_deleted_blob_is_missing() -> None:
    blobs = Blobs(MemoryObjects())
    digest = blobs.put("demo", b"x")
    blobs.delete("demo", digest)
    blobs.delete("demo", digest)
    with pytest.raises(Missing):
        blobs.read("demo", digest)


@pytest.mark.parametrize(
    ("tenant", "digest"), [("../other", OTHER), ("demo", "sha256:../../x"), ("demo", ""), ("", OTHER)]
)
def test_a_tenant_or_digest_that_is_none_is_refused(tenant: str, digest: str) -> None:
    blobs = Blobs(MemoryObjects())
    for call in (blobs.read, blobs.exists, blobs.delete):
        with pytest.raises(Invalid):
            call(tenant, digest)


def test_a_blob_that_is_deleted_under_its_writer_is_written_again() -> None:
    class Taking(MemoryObjects):
        takes = 0

        def read(self, key: str) -> bytes:
            if self.takes:
                self.takes -= 1
                self.delete(key)
            return super().read(key)

    objects = Taking()
    digest = Blobs(objects).put("demo", b"x")
    objects.takes = 1
    assert Blobs(objects).put("demo", b"x") == digest
    assert Blobs(objects).read("demo", digest) == b"x"


def test_blobs_are_listed_by_digest_of_one_tenant_only() -> None:
    blobs = Blobs(MemoryObjects())
    digests = {blobs.put("demo", b"x"), blobs.put("demo", b"yy")}
    blobs.put("other", b"z")
    found = dict(blobs.entries("demo"))
    assert set(found) == digests
    assert sorted(entry.size_bytes for entry in found.values()) == [1, 2]


def test_the_day_is_the_stores_own() -> None:
    assert Blobs(MemoryObjects(clock=lambda: 1_764_000_000.0)).today().isoformat() == "2025-11-24"
