"""Strict YAML files: one mapping of plain values, a key given twice is an error, and each error names its line.

For what people write beside their data: mapping files, datasets, evaluation configs. Documents that the system itself
keeps are JSON (see :mod:`recsys.encoding`).
"""

from pathlib import Path
from typing import Any

from recsys.encoding import Invalid

__all__ = ["MAX_SIZE_BYTES", "read_yaml"]

MAX_SIZE_BYTES = 1 << 20
"""A settings file past a mebibyte is some other file, named by mistake."""


def read_yaml(path: Path, *, what: str) -> dict[str, Any]:
    """Read a file that holds one mapping of plain values.

    Parameters
    ----------
    path
        The file, in UTF-8.
    what
        What it is, in the reader's words: ``"mapping"``. Errors call it ``mapping PATH``.

    Raises
    ------
    Invalid
        With the file, and the line where there is one: not readable, larger than 1 MiB, not UTF-8, not YAML, a key
        given twice, a key that is no word, a value that is no plain value, or no mapping.
    """
    named = f"{what} {path}"
    try:
        if path.stat().st_size > MAX_SIZE_BYTES:
            raise Invalid(named, "larger than 1 MiB", suggestion=f"is this the {what} file?")
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise Invalid(named, str(error.strerror), suggestion="check the path") from None
    except UnicodeDecodeError as error:
        raise Invalid(named, f"not UTF-8 at byte {error.start}") from None
    value = _parse(text, named)
    if not isinstance(value, dict):
        raise Invalid(named, "must be a mapping of keys to values")
    return value


def _parse(text: str, named: str) -> Any:
    import yaml

    try:
        return yaml.load(text, Loader=_strict_loader(named))  # noqa: S506 - it is a SafeLoader
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise Invalid(f"{named}, line {line}", str(error.problem)) from None
    except (yaml.YAMLError, ValueError) as error:
        # A ValueError is a value that looks like a date and is none.
        raise Invalid(named, str(error)) from None
    except RecursionError:
        raise Invalid(named, "nested too deeply") from None


def _strict_loader(named: str) -> type[Any]:
    """Make a safe loader to which keys are words, each given once."""
    import yaml

    class Strict(yaml.SafeLoader):
        pass

    def mapping(loader: Strict, node: yaml.MappingNode) -> dict[str, Any]:
        loader.flatten_mapping(node)
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            # as a key, `on` is a word: only as a value it says yes
            word = key_node.tag == "tag:yaml.org,2002:bool"
            key = key_node.value if word else loader.construct_object(key_node, deep=True)
            where = f"{named}, line {key_node.start_mark.line + 1}"
            if not isinstance(key, str):
                raise Invalid(where, f"keys are words, not `{key}`", suggestion="put it in quotes if it is one")
            if key in found:
                raise Invalid(where, f"`{key}` is given twice", suggestion="keep one of them")
            found[key] = loader.construct_object(value_node, deep=True)
        return found

    Strict.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, mapping)
    return Strict
