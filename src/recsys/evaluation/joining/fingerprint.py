"""Names what was judged, so that two runs can be told to be over the same thing.

A role's content is the sum of its rows' 64-bit hashes: the order of rows and files does not matter, the
number of times a row occurs does. It tells data sets apart; it is no defence against somebody who forges one.
The hash is the engine's (thirty times faster than a cryptographic one on nested lists), so its major version
is part of every fingerprint.
"""

from recsys.encoding import canonical, digest
from recsys.evaluation.config import Config
from recsys.evaluation.reading.sources import Opened

__all__ = ["fingerprint", "judged_on", "split"]


def _scheme() -> str:
    import duckdb

    return f"row-sums/duckdb-{duckdb.__version__.split('.')[0]}"


def fingerprint(opened: dict[str, Opened]) -> str:
    """Return the digest of every role: its name, its rows, its content."""
    return digest(canonical({"scheme": _scheme(), "roles": _contents(opened, tuple(opened))}))


def judged_on(opened: dict[str, Opened], config: Config) -> str:
    """Return the digest of what candidate and baseline must share: exposures, outcomes, and what counts as
    relevant.
    """
    shared = {
        "scheme": _scheme(),
        "roles": _contents(opened, ("exposures", "outcomes")),
        "attribution": config.attribution,
        "relevance": config.relevance,
    }
    return digest(canonical(shared))


def split(requests: int, content: int) -> str:
    """Return the digest of the set of requests judged: how many, and the sum of their ids' hashes."""
    return digest(canonical({"scheme": _scheme(), "requests": requests, "content": str(content)}))


def _contents(opened: dict[str, Opened], roles: tuple[str, ...]) -> dict[str, list[str]]:
    return {role: [str(opened[role].rows), str(opened[role].content)] for role in roles}
