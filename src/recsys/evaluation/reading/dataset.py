"""The dataset file: which logs play which role."""

from collections.abc import Mapping
from glob import glob
from pathlib import Path
from typing import Any, Literal

import msgspec

from recsys.evaluation.errors import BadData, SettingsInvalid
from recsys.evaluation.settings import read_settings

__all__ = ["Dataset", "Source", "find_files", "read_dataset"]


class Source(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where one role's rows are.

    ``jsonl``, ``parquet``: ``path`` is a file, a glob, or several; relative to the dataset file. ``duckdb``: ``path``
    is the database and ``query`` what to read of it. ``postgres``: ``query``, and ``dsn`` without a password, or
    ``dsn_env``, the variable that holds the connection string.

    ``ids`` says whether user ids in it are raw. Offline evaluation uses an id only to group the requests of
    one user, and writes none; so raw ids never leave the reading.
    """

    type: Literal["jsonl", "parquet", "duckdb", "postgres"]
    path: str | tuple[str, ...] | None = None
    query: str | None = None
    dsn: str | None = None
    dsn_env: str | None = None
    ids: Literal["raw", "pseudonymous"] = "raw"

    def __post_init__(self) -> None:
        given = {name for name in ("path", "query", "dsn", "dsn_env") if getattr(self, name)}
        wanted = {"duckdb": {"path", "query"}, "postgres": {"query"}}.get(self.type, {"path"})
        if self.type == "postgres":
            if len(given & {"dsn", "dsn_env"}) != 1:
                raise ValueError("give `dsn` or `dsn_env`, one of them")
            given -= {"dsn", "dsn_env"}
        if self.type == "duckdb" and not isinstance(self.path, str):
            raise ValueError("`path` names one database")
        if given != wanted:
            odd = sorted(given ^ wanted)[0]
            raise ValueError(
                f"type {self.type} takes {' and '.join(sorted(wanted))}, not `{odd}`"
                if odd in given
                else f"type {self.type} needs `{odd}`"
            )


class Dataset(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Roles and their sources. With ``ranklists`` an offline run judges re-ranked lists, without it the logged
    ones. ``preperiod``: what units did before an experiment. ``interleaving``: the exposures of an interleaving, where
    they are kept apart; its evaluation reads them in place of ``exposures``.
    """

    outcomes: Source
    exposures: Source | None = None
    assignments: Source | None = None
    ranklists: Source | None = None
    preperiod: Source | None = None
    interleaving: Source | None = None

    def roles(self, mode: str) -> dict[str, Source]:
        """Return the roles that an evaluation of this mode reads, in order.

        Raises
        ------
        SettingsInvalid
            Without exposures.
        """
        shown = self.exposures if self.interleaving is None or mode != "interleaving" else self.interleaving
        if shown is None:
            raise SettingsInvalid("dataset: no `exposures:`", next_step="say where what was shown is")
        named = {
            "exposures": shown,
            "outcomes": self.outcomes,
            "assignments": self.assignments,
            "ranklists": self.ranklists,
            "preperiod": self.preperiod,
        }
        return {name: source for name, source in named.items() if source is not None}


def read_dataset(source: str | Path | Mapping[str, Any] | Dataset) -> tuple[Dataset, Path]:
    """Read a dataset file (YAML) or mapping; also returns the folder its relative paths start from."""
    if isinstance(source, Dataset):
        return source, Path()
    return read_settings(source, Dataset, what="dataset")


def find_files(paths: str | Path | tuple[str | Path, ...], *, folder: Path, role: str) -> tuple[Path, ...]:
    """Resolve paths and globs to the files that exist, sorted, each once.

    Raises
    ------
    BadData
        When a path or pattern meets no file, or a file is empty.
    """
    found: dict[Path, Path] = {}
    for pattern in (paths,) if isinstance(paths, str | Path) else paths:
        full = str(folder / pattern)
        met = [Path(full)] if Path(full).is_file() else [Path(p) for p in glob(full, recursive=True)]  # noqa: PTH207
        files = [path for path in met if path.is_file()]
        if not files:
            inside = f"it is a folder: name the files in it, like {full}/*" if Path(full).is_dir() else ""
            raise BadData(f"{role}: no file at {full}", next_step=inside or "check the path in the dataset")
        # A link and what it points to are one file; read twice, its rows would count twice.
        found = {path.resolve(): path for path in sorted(files, reverse=True)} | found
    for path in sorted(found.values()):
        if path.stat().st_size == 0:
            raise BadData(f"{role}: {path} is empty", next_step="an export that failed? leave it out or make it again")
    return tuple(sorted(found.values()))
