"""The commands the doctor prints: each is the whole line, ready to run."""

import itertools
import shlex

import msgspec

__all__ = ["Pulled", "disable_rule", "pin", "read", "resume", "rollback", "ship", "unpin"]


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


class Pulled(msgspec.Struct, frozen=True, kw_only=True):
    """What a command written here pulls: the words of the command, and what they name."""

    words: tuple[str, ...]
    rule: str | None = None
    lever: str | None = None
    surface: str | None = None
    to: int | None = None
    manifest: str | None = None


def read(command: str) -> Pulled:
    """Read a command that was written here, for whoever offers to pull the lever in another way."""
    words = shlex.split(command)
    options = {name.removeprefix("--"): value for name, value in itertools.pairwise(words) if name.startswith("--")}
    plain = tuple(itertools.takewhile(lambda word: not word.startswith("--"), words[1:]))
    return Pulled(
        words=plain[:2],
        rule=plain[2] if plain[:2] == ("rules", "disable") else None,
        lever=options.get("lever"),
        surface=options.get("surface"),
        to=int(options["to"]) if "to" in options else None,
        manifest=options.get("manifest"),
    )
