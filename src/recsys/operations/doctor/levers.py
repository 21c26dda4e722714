"""The commands the doctor prints: each is the whole line, ready to run."""

import shlex

__all__ = ["disable_rule", "pin", "resume", "rollback", "ship", "unpin"]


def disable_rule(tenant: str, rule_id: str, *, reason: str) -> str:
    """Write the smallest lever: one rule switched off."""
    return _line("recsys", "rules", "disable", rule_id, "--tenant", tenant, "--reason", reason)


def rollback(tenant: str, lever: str, *, surface: str, to: int, reason: str) -> str:
    """Write a rollback of one lever to what a generation had; artifacts are rolled back for one surface."""
    only = ("--surface", surface) if lever == "artifacts" else ()
    words = ("recsys", "releases", "rollback", "--tenant", tenant, "--lever", lever, *only, "--to", str(to))
    return _line(*words, "--reason", reason)


def resume(tenant: str, *, surface: str | None, reason: str) -> str:
    """Write that what is held may change again."""
    only = () if surface is None else ("--surface", surface)
    return _line("recsys", "releases", "resume", "--tenant", tenant, *only, "--reason", reason)


def ship(tenant: str, surface: str, manifest: str, *, reason: str) -> str:
    """Write that what a run made and kept back goes live."""
    words = ("recsys", "releases", "ship", "--tenant", tenant, "--surface", surface, "--manifest", manifest)
    return _line(*words, "--reason", reason)


def pin(tenant: str, generation: int, *, reason: str) -> str:
    """Write the lever of the hour when the store is away: this host alone, at a generation it has."""
    return _line("recsys", "pin", "--tenant", tenant, "--generation", str(generation), "--reason", reason)


def unpin(tenant: str, *, reason: str) -> str:
    """Write that this host goes on with the newest generation."""
    return _line("recsys", "unpin", "--tenant", tenant, "--reason", reason)


def _line(*words: str) -> str:
    return shlex.join(words)
