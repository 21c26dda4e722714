"""The units, as they are in their files: every directive with its values, in order."""

from pathlib import Path

__all__ = ["FOLDER", "environment_file", "environment_of", "unit"]

FOLDER = Path(__file__).parents[2] / "deploy/systemd"


def unit(name: str) -> dict[str, list[str]]:
    """Return the directives of a unit, whatever their section: no name stands in two."""
    found: dict[str, list[str]] = {}
    for line in (FOLDER / name).read_text().splitlines():
        if line and line[0] not in "#[":
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


def environment_of(name: str) -> dict[str, str]:
    """Return what a unit itself sets."""
    pairs = (pair for line in unit(name)["Environment"] for pair in line.split())
    return dict(pair.split("=", 1) for pair in pairs)


def environment_file(*, examples: bool = False) -> dict[str, str]:
    """Return what the example of the settings file sets; with ``examples`` also what is commented out."""
    lines = (line.removeprefix("#" if examples else "") for line in (FOLDER / "recsys.env").read_text().splitlines())
    return dict(line.split("=", 1) for line in lines if "=" in line and line[0].isupper())
