"""Signed records and checkpoints: what a key proves, and that it stays where it is."""

import json
import os
from pathlib import Path

import pytest
from tests.contract.faulty import Fault, FaultyObjects
from tests.unit.releases.shop import TENANT, Shop, opened
from tests.unit.releases.test_checkpoint import edit, key, told, written

import recsys
from recsys.encoding import digest, with_check
from recsys.errors import Refused, UsageError
from recsys.releases import Releases, Verification
from recsys.releases.checkpoint import take_checkpoint
from recsys.releases.restore import restore
from recsys.releases.signing import PublicKeys, Signer, make_key, signing
from recsys.store import CommitState
from recsys.store.log import ObjectLog


@pytest.fixture
def pair(tmp_path: Path) -> Path:
    """The file of a private key; its public one lies beside it."""
    make_key(tmp_path / "signing.pem")
    return tmp_path / "signing.pem"


@pytest.fixture
def signer(pair: Path) -> Signer:
    return Signer.load(pair)


@pytest.fixture
def keys(pair: Path) -> PublicKeys:
    return PublicKeys.load([pair.with_name("signing.pem.pub")])


@pytest.fixture
def shop(signer: Signer) -> Shop:
    """Two records that nobody signed, then three that are."""
    shop = opened()
    shop.theirs.withdraw(["a"])
    signed = Releases(signing(shop.store, signer), TENANT, actor="signs")
    for item in "bcd":
        signed.withdraw([item])
    return shop


def verified(shop: Shop, keys: PublicKeys) -> Verification:
    return Releases(shop.store, TENANT, actor="us").verify(keys=keys)


def test_from_the_first_signed_record_on_all_are_valid(shop: Shop, keys: PublicKeys):
    assert verified(shop, keys).sound
    assert shop.theirs.verify().sound  # who has no key reads as before


def test_a_signed_record_is_checked_whole_and_reads_as_if_it_were_not_signed(shop: Shop, signer: Signer):
    data = shop.store.objects.read(key(4))
    record = json.loads(data)
    assert written(record) == data
    assert record.pop("signature")["key"] == signer.key
    assert shop.theirs.read(4).encode() == written(record)


def test_an_edit_of_a_signed_record_is_told_although_every_link_is_mended(shop: Shop, keys: PublicKeys):
    edit(shop, 4, rechain=True, reason="nothing to see here")
    found = told(verified(shop, keys))
    assert "generation 4, signature: its signature by key" in found
    assert "generation 5, signature" in found


def test_a_record_that_lost_its_signature_is_told_with_who_it_says_made_it(shop: Shop, keys: PublicKeys):
    record = json.loads(shop.store.objects.read(key(5)))
    del record["signature"]
    shop.store.objects.replace(key(5), written(record))
    assert told(verified(shop, keys)) == (
        "generation 5, signature: it is not signed, and generations 3 to 4 are; it says it is by signs"
    )


def test_who_commits_without_the_key_is_told(shop: Shop, keys: PublicKeys):
    shop.theirs.withdraw(["e"])
    assert "generation 6, signature: it is not signed" in told(verified(shop, keys))
    assert "it says it is by them" in told(verified(shop, keys))


def test_a_log_stripped_of_all_signatures_is_told(shop: Shop, keys: PublicKeys):
    for generation in (3, 4, 5):
        record = json.loads(shop.store.objects.read(key(generation)))
        del record["signature"]
        record["previous"] = digest(shop.store.objects.read(key(generation - 1)))
        shop.store.objects.replace(key(generation), written(record))
    assert shop.theirs.verify().sound
    assert told(verified(shop, keys)) == "signatures: no record is signed"


def test_a_signature_by_a_key_that_was_not_given_is_told(shop: Shop, tmp_path: Path):
    make_key(tmp_path / "another.pem")
    others = PublicKeys.load([tmp_path / "another.pem.pub"])
    assert "which is not among those given" in told(verified(shop, others))
    both = PublicKeys.load([tmp_path / "another.pem.pub", tmp_path / "signing.pem.pub"])
    assert verified(shop, both).sound


@pytest.mark.parametrize(
    "signature", [{"key": "x"}, 7, {"key": "x", "value": "not base64!"}, {"key": "x", "value": ""}]
)
def test_a_signature_that_means_nothing_is_told(shop: Shop, keys: PublicKeys, signature: object):
    record = json.loads(shop.store.objects.read(key(5))) | {"signature": signature}
    shop.store.objects.replace(key(5), written(record))
    assert [one.what for one in verified(shop, keys).findings] == ["signature"]


def test_a_signed_record_in_another_form_is_told(shop: Shop, keys: PublicKeys):
    shop.store.objects.replace(key(5), _spaced(shop.store.objects.read(key(5))))
    assert "not in the form in which it was signed" in told(verified(shop, keys))


def _spaced(data: bytes) -> bytes:
    """The same JSON in another form, with a right check."""
    record = {name: value for name, value in json.loads(data).items() if name != "check"}
    return with_check(json.dumps(record).encode())


def test_a_record_put_in_the_place_of_another_tenants_is_not_one(shop: Shop, keys: PublicKeys, signer: Signer):
    other = Releases(signing(shop.store, signer), "other", actor="signs")
    other.create()
    shop.store.objects.replace(key(5), shop.store.objects.read("releases/other/0000000001.json"))
    assert "it says it is generation 1 of other" in told(verified(shop, keys))


def test_a_restored_log_is_signed_like_every_other(shop: Shop, signer: Signer, keys: PublicKeys):
    restore(Releases(signing(shop.store, signer), TENANT, actor="signs"), above=7)
    assert shop.theirs.current().generation == 8
    assert verified(shop, keys).sound


def test_a_checkpoint_is_signed_and_one_that_was_changed_or_is_not_signed_is_told(
    shop: Shop, signer: Signer, keys: PublicKeys
):
    ours = Releases(shop.store, TENANT, actor="us")
    made = take_checkpoint(shop.store, signer=signer)
    assert ours.verify(checkpoint=made, keys=keys).sound
    unsigned = take_checkpoint(shop.store)
    assert told(ours.verify(checkpoint=unsigned, keys=keys)) == "checkpoint: nobody signed it"
    import msgspec

    later = msgspec.structs.replace(made, at="2030-01-01T00:00:00Z")
    assert "checkpoint: its signature by key" in told(ours.verify(checkpoint=later, keys=keys))


def test_the_same_bytes_get_the_same_signature_so_a_lost_reply_still_resumes(signer: Signer):
    lost = FaultyObjects(opened().store.objects, creates=[Fault.LOST_AFTER, Fault.EXISTS_FOR_OWN])
    from recsys.store import open_store

    store = open_store("memory:")
    log = signing(_over(store, ObjectLog(lost, "signed")), signer).releases
    assert log.append("s", 1, b'{"a":1}').state is CommitState.COMMITTED
    assert log.append("s", 1, b'{"a":1}').state is CommitState.COMMITTED


def _over(store, log):
    from dataclasses import replace

    return replace(store, releases=log)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666, 0o660])
def test_a_key_that_others_can_reach_is_refused(pair: Path, mode: int):
    pair.chmod(mode)
    with pytest.raises(Refused, match=f"has mode {mode:04o}"):
        Signer.load(pair)


def test_what_is_no_key_is_said_without_showing_it(tmp_path: Path):
    path = tmp_path / "key"
    path.touch(mode=0o600)
    path.write_bytes(b"-----BEGIN PRIVATE KEY-----\nsecret\n-----END PRIVATE KEY-----\n")
    with pytest.raises(UsageError) as error:
        Signer.load(path)
    assert "secret" not in str(error.value)
    with pytest.raises(UsageError, match="cannot read"):
        Signer.load(tmp_path / "absent")


def test_a_new_pair_is_private_never_written_over_and_never_shown(tmp_path: Path):
    path = tmp_path / "k.pem"
    before = os.umask(0)
    try:
        name = make_key(path)
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(Refused, match="is there already"):
        make_key(path)
    signer = Signer.load(path)
    assert signer.key == name
    assert repr(signer) == f"Signer(key={name!r})"


def test_the_environment_names_the_key_for_all_that_a_suite_changes(
    tmp_path: Path, pair: Path, keys: PublicKeys, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("RECSYS_SIGNING_KEY", str(pair))
    with recsys.open(tmp_path / "store", create=True) as suite:
        suite.create_tenant("shop")
        suite.tenant("shop").releases.withdraw(["x"])
        assert suite.tenant("shop").releases.verify(keys=keys).sound
        assert suite.signer is not None
