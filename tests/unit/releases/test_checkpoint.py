"""What a checkpoint that was kept elsewhere proves, and what it cannot."""

import json

import msgspec
import pytest
from tests.unit.releases.shop import TENANT, Shop, config, opened

from recsys.access import create_key, create_tenant
from recsys.encoding import canonical, digest, with_check
from recsys.errors import Failed, NotFound, UsageError
from recsys.releases import Releases, Verification
from recsys.releases.checkpoint import Checkpoint, lost_since, read_checkpoint, take_checkpoint
from recsys.releases.restore import restore
from recsys.store import open_store


def busy() -> Shop:
    """A log of six, in which every record says something of its own."""
    shop = opened()
    shop.theirs.ship("home", shop.m(1))
    for at in range(4):
        shop.theirs.put_config(config(limits={"max_k": 10 + at}))
    return shop


def key(generation: int) -> str:
    return f"releases/{TENANT}/{generation:010d}.json"


def written(record: dict) -> bytes:
    """A record as a publisher would write it: with a right check over its bytes."""
    return with_check(canonical({name: value for name, value in record.items() if name != "check"}))


def edit(shop: Shop, generation: int, *, rechain: bool, **changes: object) -> None:
    """Change a record; with ``rechain`` mend every link after it, as one who can write the store would."""
    objects = shop.store.objects
    record = json.loads(objects.read(key(generation))) | changes
    objects.replace(key(generation), written(record))
    while rechain and objects.exists(key(generation + 1)):
        record = json.loads(objects.read(key(generation + 1)))
        record["previous"] = digest(objects.read(key(generation)))
        generation += 1
        objects.replace(key(generation), written(record))


def cut(shop: Shop, upto: int) -> None:
    for name in list(shop.store.objects.keys(f"releases/{TENANT}/")):
        if name.endswith("current.json") or int(name[-15:-5]) > upto:
            shop.store.objects.delete(name)


def proved(shop: Shop, checkpoint: Checkpoint) -> Verification:
    return Releases(shop.store, TENANT, actor="us").verify(checkpoint=checkpoint)


def told(found: Verification) -> str:
    return "\n".join(str(finding) for finding in found.findings)


def test_a_log_that_went_on_is_proven_up_to_the_checkpoint():
    shop = busy()
    checkpoint = take_checkpoint(shop.store)
    shop.theirs.withdraw(["x"])
    shop.theirs.withdraw(["y"])
    found = proved(shop, checkpoint)
    assert found.sound
    assert (found.proven, found.generations) == (6, 8)
    assert found.document()["proven"] == 6
    assert lost_since(checkpoint, shop.store) == []


def test_it_survives_being_kept_as_a_file_in_any_form():
    shop = busy()
    checkpoint = take_checkpoint(shop.store)
    assert read_checkpoint(checkpoint.encode()) == checkpoint
    assert read_checkpoint(msgspec.json.format(checkpoint.encode(), indent=2) + b"\n") == checkpoint
    assert len(checkpoint.encode()) < 500


def test_a_history_rewritten_with_every_link_mended_is_found_only_by_it():
    shop = busy()
    checkpoint = take_checkpoint(shop.store)
    edit(shop, 3, rechain=True, reason="nothing to see here")
    assert shop.theirs.verify().sound
    found = proved(shop, checkpoint)
    assert found.proven is None
    assert "generation 6, checkpoint: it is another record than the checkpoint of" in told(found)
    assert lost_since(checkpoint, shop.store)


def test_an_edit_alone_is_named_where_the_chain_breaks():
    shop = busy()
    checkpoint = take_checkpoint(shop.store)
    edit(shop, 3, rechain=False, reason="nothing to see here")
    found = proved(shop, checkpoint)
    assert [(one.generation, one.what) for one in found.findings] == [(4, "chain")]
    assert found.proven is None


def test_a_tail_cut_off_with_its_pointer_is_found_only_by_it():
    shop = busy()
    checkpoint = take_checkpoint(shop.store)
    cut(shop, 4)
    assert shop.theirs.verify().sound
    found = proved(shop, checkpoint)
    assert "generation 5, checkpoint: the log ends at 4: generations 5 to 6 are gone" in told(found)
    assert "the log ends at 4" in str(lost_since(checkpoint, shop.store)[0])


def test_a_whole_other_log_under_the_name_is_found():
    checkpoint = take_checkpoint(busy().store)
    other = busy()
    found = Releases(other.store, TENANT, actor="us").verify(checkpoint=checkpoint)
    assert "this is store" in told(found)
    assert "the whole log was replaced" in told(found)


def test_a_restored_log_says_what_of_the_checkpoint_is_gone_and_an_older_one_still_holds():
    shop = opened()
    shop.theirs.withdraw(["v"])
    shop.theirs.withdraw(["w"])
    before = take_checkpoint(shop.store)
    for item in "xyz":
        shop.theirs.withdraw([item])
    after = take_checkpoint(shop.store)
    cut(shop, 4)
    restore(Releases(shop.store, TENANT, actor="us"), checkpoint=after)
    assert proved(shop, before).proven == 3
    assert "the log was restored from generation 4: generations 5 to 6 are gone" in told(proved(shop, after))
    assert proved(shop, take_checkpoint(shop.store)).proven == 7


def test_tenants_and_keys_are_proven_with_it():
    store = open_store("memory:")
    create_tenant(store, TENANT, actor="us")
    shop = Shop(store)
    shop.theirs.create()
    create_key(store, TENANT, "client", actor="us")
    checkpoint = take_checkpoint(store)
    create_key(store, TENANT, "client", actor="us")
    assert proved(shop, checkpoint).sound
    first = "access/directory/0000000001.json"
    store.objects.replace(first, store.objects.read(first).replace(b'"us"', b'"me"'))
    assert "access record 1: it is another one than the one after it names" in told(proved(shop, checkpoint))
    store.objects.delete("access/directory/0000000002.json")
    assert "access record 2: it is missing" in told(proved(shop, checkpoint))


def test_one_tenant_or_all():
    shop = busy()
    other = Releases(shop.store, "other", actor="us")
    other.create()
    assert set(take_checkpoint(shop.store).tenants) == {TENANT, "other"}
    one = take_checkpoint(shop.store, ["other"])
    with pytest.raises(NotFound, match="does not speak of tenant demo"):
        proved(shop, one)


@pytest.mark.parametrize("data", [b"", b"{}", b"\xff", b'{"kind":"receipt","format":1}'])
def test_what_is_no_checkpoint_is_said(data: bytes):
    with pytest.raises(UsageError, match="is not a checkpoint"):
        read_checkpoint(data)


def test_a_checkpoint_of_a_later_format_is_not_guessed_at():
    with pytest.raises(Failed, match="has format 9"):
        read_checkpoint(b'{"kind":"recsys-checkpoint","format":9}')


SENSELESS = {
    "says that it needs format 1, and holds what needs format 2": {"erased": "sha256:" + "0" * 64},
    "restores generation 9, which is not before it": {"restores": 9},
    "says that config changed in generation 7, which is not before it": {"changed": {"config": 7}},
    "needs format 9, and this program knows 3": {"requires": {"format": 9}},
    "restores in the middle of log": {"action": "restore"},
}


@pytest.mark.parametrize("problem", SENSELESS)
def test_what_a_record_says_that_cannot_be_is_found(problem: str):
    shop = busy()
    edit(shop, 6, rechain=True, **SENSELESS[problem])
    assert problem in told(shop.theirs.verify())


def test_a_record_in_words_of_a_later_version_is_said_to_need_it():
    shop = busy()
    edit(shop, 6, rechain=True, action="teleport", requires={"format": 9})
    assert "generation 6, format: it needs release format 9, and this program knows 3" in told(shop.theirs.verify())


def test_a_pointer_behind_or_lost_is_right_one_ahead_or_damaged_is_said():
    shop = busy()
    pointer = f"releases/{TENANT}/current.json"
    right = shop.store.objects.read(pointer)
    shop.store.objects.delete(pointer)
    assert shop.theirs.verify().sound
    shop.store.objects.replace(pointer, right[:-4])
    assert "pointer: it is damaged" in told(shop.theirs.verify())
    shop.store.objects.replace(pointer, right.replace(b"6", b"5", 1))
    assert "pointer: it is damaged" in told(shop.theirs.verify())
    shop.store.objects.replace(pointer, right)
    shop.store.objects.delete(key(6))
    assert "LOG_TRUNCATED: it names generation 6, which is not there" in told(shop.theirs.verify())


def test_a_pointer_far_beyond_the_log_does_not_keep_verify_for_ever():
    from recsys.store.log import _check, _Pointer

    shop = busy()
    far = 10**12
    shop.store.objects.replace(f"releases/{TENANT}/current.json", canonical(_Pointer(far, _check(TENANT, far))))
    assert f"generation 7, record: it is missing, and so is all after it up to {far}" in told(shop.theirs.verify())
