"""Watches one running candidate, look by look: ends it when it does harm, promotes it when an evaluation says so.

All that a look knows it has from the release log and the event log. So a guard that begins again, here or on another
host, comes to the same numbers, and two of them do no harm: each lever names the candidate, and does nothing twice.
"""

import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from recsys.encoding import canonical, parse_rfc3339, rfc3339
from recsys.errors import NotFound, RecsysError, Refused
from recsys.evaluation import Report
from recsys.evaluation.config import Config
from recsys.operations.applying import apply
from recsys.operations.guard.answers import Answers, Unreadable
from recsys.operations.guard.judging import Judging, Question, Unjudged, unsure
from recsys.operations.guard.reading import NewLines
from recsys.operations.guard.sight import Sight, missing
from recsys.operations.guard.tally import ALPHA, Standing, Tally, read_from_s
from recsys.operations.guard.terms import Decided, Look, Terms
from recsys.operations.guard.wealth import TOLERATED
from recsys.releases import Release, Releases
from recsys.releases.arm import candidate_in
from recsys.releases.candidates import RunningCandidate
from recsys.releases.errors import AlreadyPromoted
from recsys.releases.guarded import Guarded, GuardState, tell_guard
from recsys.replicas import heard
from recsys.store import Denied, Unavailable

__all__ = ["Guard"]


class Guard:
    """Guards the candidate that runs on a surface.

    Parameters
    ----------
    config, judging
        How to decide, and who does; without a config nothing is ever promoted.
    spool
        This host's spool, where there is one: then the last seconds are seen too.
    again
        The command that starts this guard again.
    quiet
        Leave no note in the store: one look is no guard, and may be beside one that goes on.
    wall
        Seconds since 1970.

    Raises
    ------
    NotFound
        No candidate runs there.
    """

    def __init__(
        self,
        releases: Releases,
        surface: str,
        *,
        terms: Terms,
        config: Config | None = None,
        judging: Judging | None = None,
        spool: Path | None = None,
        again: str = "",
        quiet: bool = False,
        wall: Callable[[], float] = time.time,
    ) -> None:
        running = releases.candidates.running(surface)
        if not running:
            raise NotFound(
                f"{surface} of {releases.tenant} runs no candidate",
                next_step=f"begin one: recsys candidate start --tenant {releases.tenant} --surface {surface} …",
            )
        self.candidate: RunningCandidate = running[0]
        self.name, self.surface = self.candidate.name, surface
        self._releases, self._terms, self._config, self._judging = releases, terms, config, judging
        self._again, self._quiet, self._wall = again, quiet or terms.dry_run, wall
        self._shares: dict[int, float | None] = {}
        begun = self._begun()
        self._began_s = parse_rfc3339(begun.at, what="release")
        self._since = begun.generation
        self._lines = NewLines(releases.store, releases.tenant, spool=spool)
        self._answers = Answers(self.name, since=self._since, share_in=self._share_in, slow_ms=terms.slow_ms)
        self._tally = Tally(began_s=parse_rfc3339(self.candidate.at, what="release"), margin=terms.margin)
        self._count = 0
        self._unreadable: tuple[str, ...] = ()
        self._decided: Decided | None = None
        self._asked_s = -float("inf")
        self._doubted = False
        self._generation, self._share = self._since, self.candidate.candidate.share
        self._frozen = False

    def look(self) -> Look:
        """Look once, and do what follows. Never raises because the store is away: that is what it says then."""
        trouble = ""
        try:
            ended = self._follow()
            if ended is not None:
                return self._said(ended)
        except (Unavailable, Denied, OSError) as error:
            trouble = f"the release log cannot be read: {error}"
        trouble = self._read() or trouble
        now_s = self._wall()
        standings = self._tally.standings(now_s=now_s)
        if standings and standings[0].harmful:
            return self._said(self._abort(standings))
        unseen = self._missing(trouble, now_s)
        look = self._look("paused" if unseen else "watching", "; ".join(unseen) or "no harm is seen", standings, unseen)
        if self._config is not None and self._judging is not None and not trouble:
            look = self._decide(look, self._config, self._judging, now_s)
        if self._frozen and look.state == "watching":
            look = msgspec.structs.replace(look, state="frozen", why=f"the share is held; {look.why}")
        return self._said(look)

    def leave(self, last: Look | None) -> Look:
        """Tell the store that this guard ends, and the candidate goes on; return the last look as it is left."""
        why = "the guard was ended on purpose; the candidate goes on unguarded"
        self._tell("left", why)
        return self._look("left", why) if last is None else msgspec.structs.replace(last, state="left", why=why)

    # -- what runs

    def _begun(self) -> Release:
        """Return the release since which the candidate runs without a break: an abort that is undone is one."""
        first = self.candidate.candidate.since
        for generation in range(self._releases.current().generation, first, -1):
            if self._share_in(generation - 1) is None:
                return self._releases.read(generation)
        return self._releases.read(first)

    def _share_in(self, generation: int) -> float | None:
        if generation not in self._shares:
            found = candidate_in(self._releases.read(generation), self.surface)
            runs = found is not None and found.since == self.candidate.candidate.since
            self._shares[generation] = found.share if found is not None and runs else None
        return self._shares[generation]

    def _follow(self) -> Look | None:
        """Follow the release log; return the last look when the candidate has ended."""
        head = self._releases.current()
        self._generation = head.generation
        runs = candidate_in(head, self.surface)
        if runs is not None and runs.since == self.candidate.candidate.since:
            self._share = runs.share
            held = {lever for hold in head.holds if hold.surface in (None, self.surface) for lever in hold.levers}
            self._frozen = bool(held & set(self.candidate.carries))
            return None
        try:
            why = self._releases.candidates.abort(self.surface, candidate=self.name, dry_run=True).why
        except AlreadyPromoted as error:
            return self._look("promoted", error.message)
        return self._look("ended", why)

    # -- what is seen

    def _read(self) -> str:
        """Count what is new; return why not all of it could be read."""
        try:
            for line in self._lines.lines(from_s=read_from_s(self._wall())):
                try:
                    seen = self._answers.read(line)
                except Unreadable as error:
                    self._unreadable = self._unreadable or (f"a line of an answer cannot be read: {error}",)
                    continue
                if seen is not None:
                    self._count += 1
                    self._tally.add(seen, now_s=self._wall())
        except (RecsysError, OSError) as error:
            return f"the event log cannot be read: {error}"
        return ""

    def _missing(self, trouble: str, now_s: float) -> tuple[str, ...]:
        beats = {}
        if not trouble:
            try:
                beats = heard(self._releases.store.objects)
            except (RecsysError, OSError) as error:
                trouble = f"the heartbeats cannot be read: {error}"
        sight = Sight(
            tenant=self._releases.tenant,
            since=self._since,
            began_s=self._began_s,
            beats=beats,
            newest_s=self._lines.newest_s,
            last_s=self._tally.last_s,
            holes=(*self._lines.holes, *self._unreadable),
            trouble=trouble,
        )
        return missing(sight, now_s=now_s, silence_s=self._terms.silence_s)

    # -- what is done

    def _abort(self, standings: tuple[Standing, ...]) -> Look:
        worst = standings[0]
        why = _harm(worst)
        look = self._look("aborted", why, standings)
        try:
            change = self._releases.candidates.abort(
                self.surface,
                candidate=self.name,
                hold=True,
                reason=self._reason(why),
                evidence=(self._evidence(look),),
                dry_run=self._terms.dry_run,
            )
        except AlreadyPromoted as error:
            return self._look("promoted", f"{why}. It is too late to abort: {error}", standings)
        except (RecsysError, OSError) as error:
            # The next look tries again: the lever names the candidate, so twice is once.
            return self._look("paused", f"{why}. It is not aborted yet: {error}", standings, (str(error),))
        if not change.changed:
            return self._look("ended", change.why, standings)
        return msgspec.structs.replace(look, why=f"{why}; {change.why}", changes=(change,))

    def _decide(self, look: Look, config: Config, judging: Judging, now_s: float) -> Look:
        if not judging.busy and now_s - self._asked_s >= self._terms.decide_every_s:
            newest = [self._lines.newest_s[host] for host in self._hosts() if host in self._lines.newest_s]
            if newest:
                self._asked_s = now_s
                judging.ask(
                    Question(
                        tenant=self._releases.tenant,
                        candidate=self.name,
                        config=config,
                        since_s=self._began_s,
                        until_s=min(newest),
                    )
                )
        found = judging.answer()
        if isinstance(found, Unjudged):
            self._decided = Decided(at=rfc3339(now_s), outcome="none", rule="none", why=found.why)
            look = msgspec.structs.replace(look, state="paused", why=f"nothing could be judged: {found.why}")
        elif found is not None:
            decision = found.decision
            self._decided = Decided(
                at=rfc3339(now_s), outcome=decision.outcome, rule=decision.rule, why=decision.what_happened
            )
            look = self._obey(found, look)
        return msgspec.structs.replace(look, decided=self._decided)

    def _hosts(self) -> set[str]:
        """Return the hosts whose log must be there: those that are up, by the store."""
        try:
            return set(heard(self._releases.store.objects))
        except (RecsysError, OSError):
            return set()

    def _obey(self, report: Report, look: Look) -> Look:
        """Do what an evaluation decided, unless something speaks against it."""
        decision = report.decision
        said = f"{decision.outcome} ({decision.rule})"
        why = self._against(report, look)
        if why:
            state: GuardState = "paused" if look.state == "watching" else look.state
            return msgspec.structs.replace(look, state=state, why=f"the evaluation says {said}; {why}")
        try:
            applied = apply(
                report,
                self._releases,
                dry_run=self._terms.dry_run,
                more_evidence=(self._evidence(look),),
                because=self._terms.reason,
            )
        except AlreadyPromoted as error:
            return msgspec.structs.replace(look, state="promoted", why=str(error))
        except (RecsysError, OSError) as error:
            if not isinstance(error, Refused):
                self._asked_s = -float("inf")  # the store was away: asked again at the next look
            return msgspec.structs.replace(look, state="paused", why=f"the evaluation says {said}; {error}")
        states: dict[str, GuardState] = {"promote": "promoted", "abort": "aborted", "hold": "frozen"}
        state = states.get(applied.action, look.state)
        changes = tuple(change for change in applied.changes if change.changed)
        return msgspec.structs.replace(look, state=state, why=f"{said}: {applied.why}", changes=changes)

    def _against(self, report: Report, look: Look) -> str:
        """Return what keeps us from doing what a report decided; harm is ended whatever else is the matter."""
        decision = report.decision
        wait = unsure(report)
        doubted, self._doubted = self._doubted, decision.freezes and not wait
        if decision.outcome == "ship" and look.missing:
            return f"not promoted while something is missing: {'; '.join(look.missing)}"
        if wait:
            return f"waiting: {wait}"
        if decision.freezes and not doubted:
            return f"the share is frozen if that stands at the next evaluation: {decision.what_happened}"
        return ""

    # -- what is said

    def _look(
        self,
        state: GuardState,
        why: str,
        standings: tuple[Standing, ...] = (),
        unseen: tuple[str, ...] = (),
    ) -> Look:
        return Look(
            at=rfc3339(self._wall()),
            candidate=self.name,
            surface=self.surface,
            generation=self._generation,
            share=self._share,
            state=state,
            why=why,
            standings=standings,
            missing=unseen,
            decided=self._decided,
            lines=self._count,
        )

    def _said(self, look: Look) -> Look:
        self._tell(look.state, look.why)
        return look

    def _tell(self, state: GuardState, why: str) -> None:
        """Leave a heartbeat; where the store does not take it, our silence is what others see."""
        if self._quiet:
            return
        said = Guarded(
            tenant=self._releases.tenant,
            surface=self.surface,
            candidate=self.name,
            at=rfc3339(self._wall()),
            state=state,
            why=why[:500],
            every_s=self._terms.every_s,
            actor=self._releases.actor,
            again=self._again,
        )
        try:
            tell_guard(self._releases.store.objects, said)
        except (RecsysError, OSError):
            pass

    def _reason(self, why: str) -> str:
        return f"guard: {why}" + (f"; {self._terms.reason}" if self._terms.reason else "")

    def _evidence(self, look: Look) -> bytes:
        """Return what was seen, as the document that is kept with the release."""
        return canonical(
            {
                "kind": "guard.v1",
                "tenant": self._releases.tenant,
                "candidate": self.candidate,
                "counted_since_generation": self._since,
                "terms": self._terms,
                "test": {"alpha": ALPHA, "tolerated": TOLERATED, "margin": self._terms.margin},
                "look": look,
            }
        )


def _harm(worst: Standing) -> str:
    """Say the harm in a line."""
    candidate, control = worst.candidate, worst.control
    named = {"empty": "are empty", "error": "are errors", "fallback": "come from a lower rung", "slow": "are slow"}
    return (
        f"{candidate.rate:.1%} of {candidate.answers:,} answers of the candidate {named[worst.check]} "
        f"({candidate.units:,} people), and {control.rate:.1%} of {control.answers:,} of control ({control.units:,}), "
        f"within the {worst.span}: by chance once in 10^{worst.wealth:.1f} at most"
    )
