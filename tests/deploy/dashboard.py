"""The dashboard's panels, as they are in its file."""

import json
from collections.abc import Iterator
from typing import Any

from tests.deploy.rules import REPOSITORY

__all__ = ["BOARD", "expressions", "panels"]

BOARD = REPOSITORY / "deploy/grafana/recsys.json"


def panels() -> Iterator[dict[str, Any]]:
    """Yield every panel that shows something."""
    yield from (panel for panel in json.loads(BOARD.read_text())["panels"] if panel["type"] != "row")


def expressions() -> list[str]:
    """List every expression of every panel."""
    return [target["expr"] for panel in panels() for target in panel["targets"]]
