"""YAML as settings need it: a key given twice is an error, and so is anything but plain values."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from recsys.evaluation.errors import SettingsInvalid

__all__ = ["read_mapping"]

MAX_SIZE_BYTES = 1 << 20
"""A settings file past a mebibyte is some other file, named by mistake."""


def read_mapping(source: str | Path | Mapping[str, Any], *, what: str) -> tuple[dict[str, Any], Path]:
    """Read settings from a YAML file or take them as given.

    Returns
    -------
    settings, folder
        The plain values, and the folder relative paths in them start from: that of the file, or the current
        one.

    Raises
    ------
    SettingsInvalid
        With file and line, when it is not one mapping of plain values.
    """
    if isinstance(source, Mapping):
        return dict(source), Path()
    path = Path(source)
    try:
        if path.stat().st_size > MAX_SIZE_BYTES:
            raise SettingsInvalid(f"{what} {path}: larger than 1 MiB", next_step="is this the settings file?")
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise SettingsInvalid(f"{what} {path}: {error.strerror}", next_step="check the path") from None
    except UnicodeDecodeError as error:
        raise SettingsInvalid(f"{what} {path}: not UTF-8 at byte {error.start}") from None
    value = _parse(text, where=f"{what} {path}")
    if not isinstance(value, dict):
        raise SettingsInvalid(f"{what} {path}: must be a mapping of keys to values")
    return value, path.parent


def _parse(text: str, *, where: str) -> Any:
    import yaml

    class Strict(yaml.SafeLoader):
        """Safe, and unforgiving about keys given twice."""

    def mapping(loader: Strict, node: yaml.MappingNode) -> dict[Any, Any]:
        loader.flatten_mapping(node)
        seen: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            key = loader.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise SettingsInvalid(f"{where}, line {key_node.start_mark.line + 1}: keys are words, not `{key}`")
            if key in seen:
                line = key_node.start_mark.line + 1
                raise SettingsInvalid(f"{where}, line {line}: `{key}` is given twice", next_step="keep one of them")
            seen[key] = loader.construct_object(value_node, deep=True)
        return seen

    Strict.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, mapping)
    try:
        return yaml.load(text, Loader=Strict)  # noqa: S506 - Strict is a SafeLoader
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise SettingsInvalid(f"{where}, line {line}: {error.problem}") from None
    except yaml.YAMLError as error:
        raise SettingsInvalid(f"{where}: {error}") from None
