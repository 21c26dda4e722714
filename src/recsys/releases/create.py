"""Generation 1: an empty config, no rules, no surface, and the identity of the log."""

import msgspec

from recsys.encoding import canonical, digest
from recsys.releases.errors import told
from recsys.releases.plan import Draft, Facts, NoChange
from recsys.releases.record import Action, Release

__all__ = ["Create"]

_CONFIG = canonical({})
_RULES = canonical([])


class Create(msgspec.Struct, frozen=True, kw_only=True):
    """Begin a tenant's log. ``log`` is a fresh uuid; when the log is there already it is not used."""

    tenant: str
    log: str

    @property
    def action(self) -> Action:
        return "create"

    @property
    def writes(self) -> frozenset[str]:
        return frozenset()

    def first(self) -> Draft:
        """Return what generation 1 holds."""
        empty = Release(
            tenant=self.tenant,
            generation=0,
            log=self.log,
            attempt="",
            at="",
            actor="",
            action="create",
            reason="",
            config=digest(_CONFIG),
            rules=digest(_RULES),
        )
        return Draft(release=empty, why=f"tenant {self.tenant} begins", blobs=(_CONFIG, _RULES), undo="")

    def plan(self, head: Release, facts: Facts) -> Draft | NoChange:  # noqa: ARG002 - any will do
        return NoChange(f"tenant {self.tenant} has releases since {told(facts.record(1))}")
