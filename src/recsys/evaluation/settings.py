"""What settings of every mode have in common, and how a kind of them is read from a YAML file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta

from recsys.encoding import Invalid, convert
from recsys.evaluation.errors import SettingsInvalid
from recsys.yaml_file import read_yaml

__all__ = ["Apply", "Attribution", "Integrity", "Lever", "Settings", "Share", "Unit", "read_settings"]

T = TypeVar("T")
Unit = Literal["anonymous_id", "user_id", "session_id", "request_id"]
"""By which id units are told apart: what an experiment may be assigned by."""
Share = Annotated[float, Meta(ge=0, le=1)]


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class Integrity(Settings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When the data cannot be trusted to decide on. All are shares.

    ``min_join_rate`` gates ``outcomes_matched``. ``max_duplicates``: exposure rows beyond the first of their
    request id. ``max_unrecorded``: answers the service says it could not record. ``max_early_outcomes``:
    matched outcomes that come before their exposure, which means clocks disagree. ``max_repeated_outcomes``: rows
    without an event id that are another row once more. ``min_valued``: conversions with a value, where money is judged.
    """

    min_join_rate: Share = 0.95
    max_duplicates: Share = 0.0
    max_unrecorded: Share = 0.001
    max_early_outcomes: Share = 0.01
    max_repeated_outcomes: Share = 0.01
    min_valued: Share = 0.95


class Attribution(Settings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which outcomes count for a request: after it, within the window, and on an item it showed."""

    window_h: Annotated[float, Meta(gt=0, le=24 * 366)] = 24.0
    require_shown: bool = True


class Lever(Settings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A rollback: which lever, to the content of which generation."""

    lever: Literal["config", "rules", "artifacts", "all"]
    to: Annotated[int, Meta(ge=1)]


class Apply(Settings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What ``--apply`` may do beyond a hold where what was judged is no candidate: on which ``surface``, and which
    ``rollback``.
    """

    surface: str | None = None
    rollback: Lever | None = None


def read_settings(source: str | Path | Mapping[str, Any], kind: type[T], *, what: str) -> tuple[T, Path]:
    """Read settings as ``kind``.

    Returns
    -------
    settings, folder
        The folder is where relative paths in them start from: that of the file, or the current one.

    Raises
    ------
    SettingsInvalid
        With the file, the line or the path inside it, and the nearest name for an unknown key.
    """
    try:
        if isinstance(source, Mapping):
            return convert(dict(source), kind, what=what), Path()
        path = Path(source)
        return convert(read_yaml(path, what=what), kind, what=f"{what} {path}"), path.parent
    except Invalid as error:
        raise SettingsInvalid(error.message, next_step=error.next_step) from None
