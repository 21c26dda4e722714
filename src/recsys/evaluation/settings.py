"""Reads settings of a kind from a YAML file, or takes them as given."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from recsys.encoding import Invalid, convert
from recsys.evaluation.errors import SettingsInvalid
from recsys.yaml_file import read_yaml

__all__ = ["read_settings"]

T = TypeVar("T")


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
