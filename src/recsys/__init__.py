"""The RecSys suite: recommendations that stay up, can be reversed, and can be audited.

``open`` a store, take a tenant, and do from Python what the command line does::

    import recsys

    shop = recsys.open("var/store").tenant("demo")
    shop.recommend("home", user_id="u1", k=10)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from recsys import pipelines
    from recsys.evaluation import evaluate
    from recsys.library import open

__all__ = ["__version__", "evaluate", "open", "pipelines"]

__version__ = "0.1.0"

# Loaded on first use: an answering process must not pay for the engine, nor a publisher for the server.
_LAZY = {
    "open": ("recsys.library", "open"),
    "evaluate": ("recsys.evaluation", "evaluate"),
    "pipelines": ("recsys.pipelines", None),
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module recsys has no attribute {name}")
    module, attribute = _LAZY[name]
    loaded = import_module(module)
    return getattr(loaded, attribute) if attribute else loaded
