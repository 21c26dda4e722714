"""Put a config or rules document in force, and switch single rules."""

import shlex

import msgspec
from msgspec.structs import replace

from recsys.documents import with_rule_enabled
from recsys.documents.parts import rules_part
from recsys.encoding import digest
from recsys.errors import RecsysError
from recsys.releases.arm import candidates_in, name_of
from recsys.releases.errors import told
from recsys.releases.expect import Expect
from recsys.releases.hold import check_document
from recsys.releases.plan import Draft, Facts, NoChange
from recsys.releases.record import Action, Release

__all__ = ["PutConfig", "PutRules", "SwitchRule"]


class PutConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Replace the config whole. ``data`` is a checked document in canonical form."""

    data: bytes
    expect: Expect | None = None

    @property
    def action(self) -> Action:
        return "config"

    @property
    def writes(self) -> frozenset[str]:
        return frozenset({"config"})

    def plan(self, head: Release, facts: Facts) -> Draft | NoChange:
        if self.expect is not None:
            self.expect.check(head, "config", facts)
        version = digest(self.data)
        if head.config == version:
            since = told(facts.record(head.changed.get("config", 1)))
            return NoChange(f"this config is in force already, since {since}")
        check_document(head, "config", facts.document(head.config), self.data)
        return Draft(
            release=replace(head, config=version),
            why=f"config is {version[:19]}",
            blobs=(self.data,),
            forward=True,
        )


class PutRules(msgspec.Struct, frozen=True, kw_only=True):
    """Replace the rules whole. ``data`` is a checked document in canonical form."""

    data: bytes
    expect: Expect | None = None

    @property
    def action(self) -> Action:
        return "rules"

    @property
    def writes(self) -> frozenset[str]:
        return frozenset({"rules"})

    def plan(self, head: Release, facts: Facts) -> Draft | NoChange:
        if self.expect is not None:
            self.expect.check(head, "rules", facts)
        version = digest(self.data)
        if head.rules == version:
            since = told(facts.record(head.changed.get("rules", 1)))
            return NoChange(f"these rules are in force already, since {since}")
        check_document(head, "rules", facts.document(head.rules), self.data)
        return Draft(
            release=replace(head, rules=version),
            why=f"rules are {version[:19]}",
            blobs=(self.data,),
            forward=True,
        )


class SwitchRule(msgspec.Struct, frozen=True, kw_only=True):
    """Switch one rule on or off in whatever rules are in force. Off passes under a hold: it is the smallest
    lever.
    """

    rule_id: str
    enabled: bool

    @property
    def action(self) -> Action:
        return "rules"

    @property
    def writes(self) -> frozenset[str]:
        return frozenset()

    def plan(self, head: Release, facts: Facts) -> Draft | NoChange:
        before = facts.document(head.rules)
        after = with_rule_enabled(before, self.rule_id, enabled=self.enabled)
        state = "enabled" if self.enabled else "disabled"
        if after == before:
            return NoChange(f"rule {self.rule_id} is {state} already")
        if self.enabled:
            check_document(head, "rules", before, after)
        back = "disable" if self.enabled else "enable"
        return Draft(
            release=replace(head, rules=digest(after)),
            why=f"rule {self.rule_id} is {state}" + ("" if self.enabled else self._still_in(head, facts)),
            blobs=(after,),
            forward=self.enabled,
            undo=self._command(back, head.tenant),
        )

    def _command(self, act: str, tenant: str) -> str:
        named = shlex.quote(self.rule_id)
        if named.startswith("-"):  # an option, to the command line
            return f"recsys rules {act} --tenant {tenant} -- {named}"
        return f"recsys rules {act} {named} --tenant {tenant}"

    def _still_in(self, head: Release, facts: Facts) -> str:
        """Say which candidates bring this rule themselves: who gets one of them still feels it."""
        said = ""
        for surface, candidate in candidates_in(head):
            try:
                part = b"[]" if candidate.rules is None else rules_part(facts.document(candidate.rules), surface)
            except RecsysError:
                continue  # the smallest brake waits for nothing it does not touch
            if any(rule["id"] == self.rule_id and rule.get("enabled", True) for rule in msgspec.json.decode(part)):
                said += (
                    f"; candidate {name_of(surface, candidate)} has it still: "
                    f"recsys candidate abort --tenant {head.tenant} --surface {surface}"
                )
        return said
