"""Undo: take one change back, wherever in the log it stands, as long as nothing stands on it."""

import msgspec
from msgspec.structs import replace

from recsys.documents import Rule, read_rules
from recsys.encoding import Invalid
from recsys.releases.arm import candidate_in, candidates_in, name_of, without_misfits
from recsys.releases.candidate import check_candidate, taken_back
from recsys.releases.errors import CannotUndo, told
from recsys.releases.hold import check_document, check_overlay, check_ship, moved_back
from recsys.releases.plan import Draft, Facts, NoChange
from recsys.releases.record import Action, Release, levers_touched, parts_of, touched
from recsys.releases.ship import manifest_of, with_manifest

__all__ = ["Undo", "newest_to_undo"]


def newest_to_undo(head: Release, facts: Facts) -> int:
    """Return the newest generation, unless it is an undo: two people pressing once must not end where they
    began. Collections of garbage are passed over: a schedule runs them, and they change nothing that is served.
    """
    while head.action == "gc":
        head = facts.record(head.generation - 1)
    if head.action == "undo":
        raise CannotUndo(
            f"the newest is {told(head)}",
            next_step=f"to take that back: recsys releases undo {head.generation} --tenant {head.tenant}",
        )
    return head.generation


class Undo(msgspec.Struct, frozen=True, kw_only=True):
    """Bring back what stood before generation ``of``, for what that generation changed.

    Holds it placed are lifted, holds it lifted come back: so undoing a rollback also lifts the hold that
    came with it. Going back passes under a hold, as rollbacks do; taking a rollback back ships again, and
    does not. What becomes of a candidate: :func:`~recsys.releases.candidate.taken_back`.
    """

    of: int

    @property
    def action(self) -> Action:
        return "undo"

    @property
    def writes(self) -> frozenset[str]:
        return frozenset()

    def plan(self, head: Release, facts: Facts) -> Draft | NoChange:
        after = facts.record(self.of)
        if self.of == 1:
            raise CannotUndo(f"{told(after)} is the first: there is nothing before it")
        before = facts.record(self.of - 1)
        changed = touched(before, after)
        self._check_reversible(after, changed)
        then = head
        for part in sorted(levers_touched(changed)):
            then = _reverted(then, part, head=head, before=before, after=after, facts=facts)
        for surface in sorted({*before.surfaces, *after.surfaces}):
            if candidate_in(before, surface) != candidate_in(after, surface):
                then = taken_back(then, surface, head=head, before=before, after=after, facts=facts)
        then = without_misfits(then, head, facts.document)
        then = replace(then, holds=moved_back(head.holds, before=before.holds, after=after.holds))
        if parts_of(then) == parts_of(head):
            return NoChange(f"{told(after)} is taken back already")
        if not _goes_forward(self.of, facts):
            _check_open(head, then, facts)
        why = f"generation {self.of} is taken back" + _of_candidates(head, then, before)
        return Draft(release=then, why=why, restores=self.of - 1)

    def _check_reversible(self, after: Release, changed: frozenset[str]) -> None:
        if "withdrawn" in changed:
            raise CannotUndo(
                f"{told(after)} changed which items are withdrawn, and that is only changed by name",
                next_step=f"recsys items restore --tenant {after.tenant} ID…, or recsys items withdraw",
            )
        if "erased" in changed:
            raise CannotUndo(
                f"{told(after)} erased users, and that cannot be taken back",
                next_step="everything before it can still be brought back: recsys releases rollback "
                f"--tenant {after.tenant} --lever all",
            )
        if "condemned" in changed:
            raise CannotUndo(
                f"{told(after)} deleted what nothing needed, and that cannot be taken back",
                next_step="publish again what is wanted",
            )
        if not changed:
            raise CannotUndo(f"{told(after)} changed nothing that could be taken back")


def _reverted(then: Release, part: str, *, head: Release, before: Release, after: Release, facts: Facts) -> Release:
    now, was, became = (parts_of(release).get(part) for release in (head, before, after))
    if now == was:
        return then
    if now != became:
        newest = facts.record(head.changed.get(part, head.generation))
        raise CannotUndo(
            f"{told(after)} cannot be taken back alone: {part} was changed again by {told(newest)}",
            next_step=f"undo that first, or {_instead(part, head, before)}",
        )
    if part == "config":
        return replace(then, config=before.config)
    if part == "rules":
        return replace(then, rules=before.rules)
    if part == "overlay":
        return replace(then, overlay=before.overlay)
    surface = part.removeprefix("artifacts:")
    return with_manifest(then, surface, manifest_of(before, surface))


def _instead(part: str, head: Release, before: Release) -> str:
    if part == "overlay":
        return f"say what should stand: recsys items update FILE --tenant {head.tenant}"
    lever = f"artifacts --surface {part.removeprefix('artifacts:')}" if part.startswith("artifacts:") else part
    command = f"recsys releases rollback --tenant {head.tenant} --lever {lever} --to {before.generation}"
    return f"go back to before it: {command}"


def _goes_forward(generation: int, facts: Facts) -> bool:
    """Tell whether a release shipped something, rather than took something back.

    An undo goes the other way than what it undid. Switching rules off is the one change of rules that takes
    back.
    """
    release = facts.record(generation)
    if release.action in ("rollback", "abort"):
        return False
    if release.action == "candidate":
        return not _only_shrinks(facts.record(generation - 1), release)
    if release.action == "undo" and release.restores is not None:
        return not _goes_forward(release.restores + 1, facts)
    if release.action == "rules":
        before = facts.document(facts.record(generation - 1).rules)
        return not _only_disables(before, facts.document(release.rules))
    return True


def _only_shrinks(before: Release, after: Release) -> bool:
    was = dict(candidates_in(before))
    return all(surface in was and now.share <= was[surface].share for surface, now in candidates_in(after))


def _of_candidates(head: Release, then: Release, before: Release) -> str:
    """Say which candidates end, begin again, and stay ended though they ran before what is taken back."""
    ran, runs = dict(candidates_in(head)), dict(candidates_in(then))
    said = [f"; candidate {name_of(on, gone)} ends" for on, gone in ran.items() if on not in runs]
    said += [f"; candidate {name_of(on, come)} runs again" for on, come in runs.items() if on not in ran]
    said += [
        f"; candidate {name_of(on, old)} does not run again"
        for on, old in candidates_in(before)
        if on not in ran and on not in runs
    ]
    return "".join(said)


def _only_disables(before: bytes, after: bytes) -> bool:
    try:
        old, new = read_rules(before), read_rules(after)
    except Invalid:
        return False
    fewer = {rule.id for rule in new if rule.enabled} < {rule.id for rule in old if rule.enabled}
    return fewer and [_switched_off(rule) for rule in old] == [_switched_off(rule) for rule in new]


def _switched_off(rule: Rule) -> Rule:
    return replace(rule, enabled=False)


def _check_open(head: Release, then: Release, facts: Facts) -> None:
    """Refuse to ship again what a hold covers. The holds that count are those that would remain."""
    for part in sorted(levers_touched(touched(head, then))):
        if part == "config":
            check_document(head, "config", facts.document(head.config), facts.document(then.config), then.holds)
        elif part == "rules":
            check_document(head, "rules", facts.document(head.rules), facts.document(then.rules), then.holds)
        elif part == "overlay":
            check_overlay(head, then.holds)
        else:
            check_ship(head, part.removeprefix("artifacts:"), then.holds)
    for surface, candidate in candidates_in(then):
        was = candidate_in(head, surface)
        if was is None or candidate.share > was.share:
            check_candidate(head, surface, candidate, then.holds)
