"""The commands the doctor prints: each is the whole line, ready to run."""

import shlex

__all__ = ["disable_rule", "rollback"]


def disable_rule(tenant: str, rule_id: str, *, reason: str) -> str:
    """Write the smallest lever: one rule switched off."""
    return _line("recsys", "rules", "disable", rule_id, "--tenant", tenant, "--reason", reason)


def rollback(tenant: str, lever: str, *, surface: str, to: int, reason: str) -> str:
    """Write a rollback of one lever to what a generation had; artifacts are rolled back for one surface."""
    only = ("--surface", surface) if lever == "artifacts" else ()
    words = ("recsys", "releases", "rollback", "--tenant", tenant, "--lever", lever, *only, "--to", str(to))
    return _line(*words, "--reason", reason)


def _line(*words: str) -> str:
    return shlex.join(words)
