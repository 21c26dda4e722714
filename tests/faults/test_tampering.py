"""F17: edits, drops, reorders, tail cuts and whole other logs, against a checkpoint that was kept outside.

What was changed is decided by comparing files with an untouched copy, not by what ``verify`` says.
"""

import hashlib
import json
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from tests.faults.conftest import Counting
from tests.faults.counts import FULL, seed_of
from tests.unit.releases.shop import TENANT, Shop, config, opened, publish, rules

from recsys.encoding import canonical, digest, with_check
from recsys.releases import Releases, Verification
from recsys.releases.checkpoint import Checkpoint, take_checkpoint
from recsys.releases.restore import restore
from recsys.store import Store, open_store

pytestmark = pytest.mark.long

TIMES = 20_000 if FULL else 1_000
_FOLDER = f"releases/{TENANT}/"
_POINTER = f"{_FOLDER}current.json"

Files = dict[str, bytes]


@dataclass
class Scene:
    """A store's files with its checkpoint at ``mark`` of ``newest`` records; and other valid logs to take from."""

    files: Files
    store: Store
    checkpoint: Checkpoint
    mark: int
    newest: int
    others: list[Files]


def _grow(releases: Releases, publish_one: Callable[[int], str], steps: int) -> None:
    for step in range(steps):
        match step % 5:
            case 0:
                releases.ship("home", publish_one(1 + step), reason=f"ship {step}")
            case 1:
                releases.put_config(config(limits={"max_k": 10 + step}), reason="tuned")
            case 2:
                releases.put_rules(rules(f"r{step}"))
            case 3:
                releases.withdraw([f"item-{step}"], reason="recalled")
            case _:
                releases.rollback("rules", reason="worse", to=1)


@pytest.fixture(scope="module")
def scene() -> Scene:
    shop = opened()
    _grow(shop.theirs, shop.m, 11)
    mine = _files(shop.store)
    checkpoint = take_checkpoint(shop.store, [TENANT])
    mark = shop.theirs.current().generation
    _grow(shop.theirs, shop.m, 4)
    other_tenant = Releases(shop.store, "other", actor="them")
    other_tenant.create()
    _grow(other_tenant, lambda likes: publish(shop.store, likes=likes, tenant="other"), 9)
    forked, began_again = _forked(shop, mine), opened()
    _grow(began_again.theirs, began_again.m, 15)
    return Scene(
        files=_files(shop.store),
        store=shop.store,
        checkpoint=checkpoint,
        mark=mark,
        newest=shop.theirs.current().generation,
        others=[_files(forked.store), _files(began_again.store), _files(_restored(forked).store)],
    )


def _files(store: Store) -> Files:
    return {key: store.objects.read(key) for key in store.objects.keys("releases/")}


def _forked(shop: Shop, files: Files) -> Shop:
    """The same log until 7, then another way."""
    copy = shop.copy()
    for key in list(copy.store.objects.keys("releases/")):
        copy.store.objects.delete(key)
    for key, data in files.items():
        if not key.endswith("current.json") and int(key[-15:-5]) <= 7:
            copy.store.objects.replace(key, data)
    _grow(copy.theirs, copy.m, 9)
    return copy


def _restored(shop: Shop) -> Shop:
    copy = shop.copy()
    restore(copy.theirs, above=20)
    return copy


def _key(generation: int) -> str:
    return f"{_FOLDER}{generation:010d}.json"


def _records(files: Files) -> list[int]:
    return sorted(int(key[-15:-5]) for key in files if key.startswith(_FOLDER) and key != _POINTER)


def _written(record: dict[str, Any]) -> bytes:
    """Return a record as a publisher writes it, with a right check: who can write the store can do that too."""
    return with_check(canonical({name: value for name, value in record.items() if name != "check"}))


def _rechain(files: Files, after: int) -> None:
    """Mend every link after a record, as one who can write the store would."""
    for generation in range(after + 1, max(_records(files)) + 1):
        if _key(generation) in files and _key(generation - 1) in files:
            record = json.loads(files[_key(generation)])
            record["previous"] = digest(files[_key(generation - 1)])
            files[_key(generation)] = _written(record)


def _edited(files: Files, at: int, chance: random.Random) -> None:
    record = json.loads(files[_key(at)])
    field = chance.choice(
        ["reason", "actor", "at", "attempt", "config", "rules", "withdrawn", "evidence", "holds", "log"]
    )
    other = json.loads(files[_key(chance.choice(_records(files)))])
    record[field] = other.get(field) if other.get(field) != record.get(field) else _another(record.get(field))
    files[_key(at)] = _written(record)


def _another(value: object) -> object:
    return [] if isinstance(value, list) and value else f"{value} or not"


def edit(files: Files, chance: random.Random, scene: Scene) -> str:
    at = chance.choice(_records(files))
    _edited(files, at, chance)
    return f"edit {at}"


def edit_and_mend(files: Files, chance: random.Random, scene: Scene) -> str:
    at = chance.choice(_records(files))
    _edited(files, at, chance)
    _rechain(files, at)
    return f"edit {at}, links mended"


def flip(files: Files, chance: random.Random, scene: Scene) -> str:
    at = chance.choice(_records(files))
    data = bytearray(files[_key(at)])
    place = chance.randrange(len(data))
    data[place] ^= 1 << chance.randrange(8)
    files[_key(at)] = bytes(data)
    return f"flip a bit of {at} at {place}"


def cut_short(files: Files, chance: random.Random, scene: Scene) -> str:
    at = chance.choice(_records(files))
    files[_key(at)] = files[_key(at)][: chance.randrange(len(files[_key(at)]))]
    return f"cut {at} short"


def drop(files: Files, chance: random.Random, scene: Scene) -> str:
    at = chance.choice(_records(files))
    del files[_key(at)]
    return f"drop {at}"


def close_up(files: Files, chance: random.Random, scene: Scene) -> str:
    """Drop a record, move those after it down by one, and mend numbers and links."""
    at = chance.choice(_records(files)[1:])
    last = max(_records(files))
    for generation in range(at, last):
        record = json.loads(files[_key(generation + 1)]) | {"generation": generation}
        files[_key(generation)] = _written(record)
    del files[_key(last)]
    files.pop(_POINTER)
    _rechain(files, at - 1)
    return f"drop {at} and close up"


def reorder(files: Files, chance: random.Random, scene: Scene) -> str:
    a, b = chance.sample(_records(files), 2)
    files[_key(a)], files[_key(b)] = files[_key(b)], files[_key(a)]
    return f"swap {a} and {b}"


def reorder_and_mend(files: Files, chance: random.Random, scene: Scene) -> str:
    a, b = sorted(chance.sample(_records(files)[1:], 2))
    one, two = (json.loads(files[_key(at)]) for at in (a, b))
    files[_key(a)], files[_key(b)] = _written(two | {"generation": a}), _written(one | {"generation": b})
    _rechain(files, a - 1)
    return f"swap {a} and {b}, numbers and links mended"


def cut_tail(files: Files, chance: random.Random, scene: Scene) -> str:
    last = chance.randrange(0, max(_records(files)))
    for generation in [one for one in _records(files) if one > last]:
        del files[_key(generation)]
    pointer = chance.choice(["kept", "removed", "moved"])
    if pointer != "kept":
        files.pop(_POINTER)
    if pointer == "moved" and last:
        files[_POINTER] = _pointer(last)
    return f"cut the tail after {last}, pointer {pointer}"


def damage_pointer(files: Files, chance: random.Random, scene: Scene) -> str:
    kind = chance.choice(["ahead", "behind", "lost", "garbled", "cut short"])
    match kind:
        case "ahead":
            files[_POINTER] = _pointer(scene.newest + chance.randrange(1, 50))
        case "behind":
            files[_POINTER] = _pointer(chance.randrange(1, scene.newest))
        case "lost":
            del files[_POINTER]
        case "garbled":
            files[_POINTER] = files[_POINTER].replace(b'"number":', b'"number":1')
        case _:
            files[_POINTER] = files[_POINTER][: chance.randrange(len(files[_POINTER]))]
    return f"pointer {kind}"


def _pointer(number: int) -> bytes:
    check = hashlib.sha256(f"{TENANT} {number}".encode()).hexdigest()[:16]
    return canonical({"number": number, "check": check})


def from_another_tenant(files: Files, chance: random.Random, scene: Scene) -> str:
    at = chance.choice(_records(files))
    theirs = chance.randrange(1, 10)
    record = json.loads(files[f"releases/other/{theirs:010d}.json"])
    dressed = chance.random() < 0.5
    if dressed:
        record |= {"tenant": TENANT, "generation": at}
    files[_key(at)] = _written(record)
    if dressed:
        _rechain(files, at)
    return f"record {theirs} of another tenant as {at}{', dressed up, links mended' if dressed else ''}"


def replace_log(files: Files, chance: random.Random, scene: Scene) -> str:
    which = chance.randrange(len(scene.others))
    for key in [key for key in files if key.startswith(_FOLDER)]:
        del files[key]
    files.update({key: data for key, data in scene.others[which].items() if key.startswith(_FOLDER)})
    return f"another valid log ({['forked', 'begun again', 'restored elsewhere'][which]})"


def swap_one_from_another_log(files: Files, chance: random.Random, scene: Scene) -> str:
    other = chance.choice(scene.others)
    at = chance.choice([one for one in _records(files) if _key(one) in other])
    files[_key(at)] = other[_key(at)]
    return f"record {at} of another log"


KINDS: dict[Callable[[Files, random.Random, Scene], str], int] = {
    edit: 4,
    edit_and_mend: 4,
    flip: 3,
    cut_short: 1,
    drop: 3,
    close_up: 2,
    reorder: 3,
    reorder_and_mend: 2,
    cut_tail: 4,
    damage_pointer: 2,
    from_another_tenant: 2,
    replace_log: 1,
    swap_one_from_another_log: 2,
}


def test_whatever_is_done_to_a_log_is_found_up_to_the_checkpoint(scene: Scene, counting: Counting):
    chance = random.Random(seed_of("F17"))
    kinds: Counter[str] = Counter()
    with counting(
        "F17", "a log edited, dropped from, reordered, cut or replaced is told up to the checkpoint"
    ) as count:
        for number in range(TIMES):
            files = dict(scene.files)
            (kind,) = chance.choices(list(KINDS), weights=list(KINDS.values()))
            done = kind(files, chance, scene)
            found = _verified(files, scene)
            problem = _judged(files, scene, found)
            if problem:
                count.wrong(f"tampering {number} ({done}): {problem}; told was {[str(one) for one in found.findings]}")
            count.survived()
            kinds[kind.__name__.replace("_", " ")] += 1
            kinds["found before the checkpoint"] += _touched(files, scene)
        count.notes.update(kinds)


def _verified(files: Files, scene: Scene) -> Verification:
    return Releases(_store_of(files, scene), TENANT, actor="us").verify(checkpoint=scene.checkpoint)


def _store_of(files: Files, scene: Scene) -> Store:
    store = open_store("memory:")
    for key in scene.store.objects.keys("blobs/"):
        store.objects.replace(key, scene.store.objects.read(key))
    for key, data in files.items():
        store.objects.replace(key, data)
    return replace(store, id=scene.store.id)


def _touched(files: Files, scene: Scene) -> bool:
    """Tell whether any record up to the checkpoint is not, byte for byte, what it was."""
    return any(files.get(_key(n)) != scene.files[_key(n)] for n in range(1, scene.mark + 1))


def _judged(files: Files, scene: Scene, found: Verification) -> str:
    """Say how a verification is wrong about what was done."""
    if _touched(files, scene):
        if found.sound or found.proven is not None:
            return "it was not found"
        first = next(n for n in range(1, scene.mark + 1) if files.get(_key(n)) != scene.files[_key(n)])
        near = [one.generation for one in found.findings if first <= one.generation <= max(scene.mark, first + 1)]
        return "" if near else f"it was found, and not told where: first changed is {first}"
    if found.proven != scene.mark:
        return f"nothing up to the checkpoint was touched, and it is proven up to {found.proven} only"
    ahead = any(
        files.get(_POINTER) == _pointer(beyond) for beyond in range(max(_records(files)) + 1, scene.newest + 50)
    )
    if ahead and not any(one.what == "pointer" for one in found.findings):
        return "a pointer beyond the end was not told"
    whole = all(files.get(key) == data for key, data in scene.files.items() if key != _POINTER)
    if whole and not ahead and any(one.what != "pointer" for one in found.findings):
        return "no record was touched, and one was told"
    return ""


def test_an_untouched_log_is_proven(scene: Scene):
    found = _verified(dict(scene.files), scene)
    assert found.sound
    assert (found.proven, found.generations) == (scene.mark, scene.newest)


def test_the_judge_sees_a_change_that_verify_without_a_checkpoint_cannot(scene: Scene):
    files = dict(scene.files)
    for generation in range(scene.mark - 2, scene.newest + 1):
        del files[_key(generation)]
    del files[_POINTER]
    assert _touched(files, scene)
    assert Releases(_store_of(files, scene), TENANT, actor="us").verify().sound
