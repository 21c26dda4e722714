"""What collections deleted, and how to say so to who asks for it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import msgspec

from recsys.errors import RecsysError
from recsys.releases.errors import Collected, UnfitRelease
from recsys.releases.history import History
from recsys.releases.manifest import read_manifest
from recsys.releases.plan import Facts
from recsys.releases.reach import manifests_of
from recsys.releases.record import Release, artifacts_of
from recsys.releases.rollback import Aim
from recsys.store import Blobs, Corrupt, Missing

__all__ = ["collections", "gone_from", "still_there", "telling"]

MOST_TOLD: Final = 20
"""Generations that a refusal names: as many as the levers keep contents by default."""


def collections(head: Release, facts: Facts) -> dict[str, Release]:
    """Return each digest that a collection up to ``head`` condemned, with the newest record that did.

    Reads the whole log. A list that cannot be read explains nothing.
    """
    found: dict[str, Release] = {}
    for generation in range(1, head.generation + 1):
        release = facts.record(generation)
        if release.action == "gc" and release.condemned is not None:
            try:
                condemned = msgspec.json.decode(facts.document(release.condemned), type=list[str])
            except (Missing, Corrupt, msgspec.DecodeError):
                continue
            found |= dict.fromkeys(condemned, release)
    return found


def gone_from(release: Release, blobs: Blobs, *, known: dict[str, bool] | None = None) -> tuple[str, ...]:
    """Name the parts of a release whose content is not in the store any more, as ``changed`` names them.

    ``known`` remembers what was looked at, for who asks for many releases. A manifest stands for its artifacts.
    """
    seen = {} if known is None else known

    def there(named: str) -> bool:
        if named not in seen:
            seen[named] = blobs.exists(release.tenant, named)
        return seen[named]

    parts = [("config", release.config), ("rules", release.rules)]
    parts += [("overlay", release.overlay)] if release.overlay else []
    parts += [(artifacts_of(surface), named) for surface, named in manifests_of(release)]
    return tuple(dict.fromkeys(part for part, named in parts if not there(named)))


def still_there(pulled: Aim, head: Release, facts: Facts, blobs: Blobs) -> Iterator[int]:
    """Yield, newest first, a generation for each other content of a lever that can still be gone back to.

    Content that would leave a surface with nothing is passed over.
    """
    whole = Aim(pulled.lever, pulled.surface if pulled.lever == "artifacts" else None)
    seen = {whole.content(head, facts)}
    for generation in range(head.generation - 1, 0, -1):
        release = facts.record(generation)
        content = whole.content(release, facts)
        if content not in seen:
            seen.add(content)
            if {*whole.surfaces(head)} <= {*whole.surfaces(release)} and _is_there(whole, release, blobs):
                yield generation


def _is_there(pulled: Aim, release: Release, blobs: Blobs) -> bool:
    needed = [release.config] * pulled.has("config") + [release.rules] * pulled.has("rules")
    needed += [release.overlay] if pulled.has_overlay and release.overlay else []
    manifests = [named for surface, named in manifests_of(release) if surface in pulled.surfaces(release)]
    try:
        for named in manifests:
            refs = read_manifest(blobs.read(release.tenant, named)).artifacts()
            needed += [ref.artifact for ref in refs if not ref.personal]
    except (Missing, Corrupt):
        return False
    return all(blobs.exists(release.tenant, named) for named in needed)


@contextmanager
def telling(what: str, history: History, blobs: Blobs, *, pulled: Aim | None = None) -> Iterator[None]:
    """Run a block; where it fails for a blob that a collection deleted, say that: :class:`Collected`.

    ``what`` needs the blob. ``pulled``: the lever of a rollback, to say where it can still go.
    """
    try:
        yield
    except (Missing, UnfitRelease) as error:
        missing = error if isinstance(error, Missing) else error.__cause__
        named = _digest_in(missing) if isinstance(missing, Missing) else None
        head = history.head().release
        collection = collections(head, history).get(named or "")
        if named is None or collection is None:
            raise
        raise Collected(what, named, collection, next_step=_instead(head, history, blobs, pulled)) from error


def _digest_in(missing: Missing) -> str:
    return "sha256:" + missing.key.rpartition("/")[2]


def _instead(head: Release, history: History, blobs: Blobs, pulled: Aim | None) -> str:
    listed = f"nothing was changed; see which are whole: recsys releases list --tenant {head.tenant}"
    if pulled is None:
        return listed
    try:
        left = [str(n) for n, _ in zip(still_there(pulled, head, history, blobs), range(MOST_TOLD), strict=False)]
    except RecsysError:
        return listed
    if not left:
        return f"nothing was changed; {pulled} has no other content left to go back to"
    command = f"{pulled.command(head.tenant)} --to N"
    return f"nothing was changed; it can still go back to {', '.join(left)}: {command}"
