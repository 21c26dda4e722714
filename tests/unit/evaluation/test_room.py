"""How the modules of this room lean on each other."""

import ast
import graphlib
from pathlib import Path

import recsys.evaluation

ROOM = Path(recsys.evaluation.__file__).parent


def imported(path):
    """Modules of the room that a file imports anywhere in it, in functions and for types too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("recsys.evaluation"):
            yield node.module
            yield from (f"{node.module}.{each.name}" for each in node.names)
        elif isinstance(node, ast.Import):
            yield from (each.name for each in node.names)


def test_no_module_reaches_itself_again():
    names = {
        ".".join(["recsys.evaluation", *path.relative_to(ROOM).with_suffix("").parts]): path
        for path in ROOM.rglob("*.py")
        if path.stem != "__init__"
    }
    graph = {name: sorted(set(imported(path)) & set(names)) for name, path in names.items()}
    order = list(graphlib.TopologicalSorter(graph).static_order())  # raises CycleError, with the circle
    assert order.index("recsys.evaluation.results") < order.index("recsys.evaluation.rendering.html")
    assert order.index("recsys.evaluation.rendering.html") < order.index("recsys.evaluation.report")
