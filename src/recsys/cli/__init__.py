"""The commands ``recsys`` and ``recsys-eval``: one thin file per group over the library."""

import sys
from collections.abc import Sequence

__all__ = ["main", "main_eval"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run ``recsys``; exits with the contract's codes."""
    from recsys.cli.app import run

    sys.exit(run(list(sys.argv[1:] if arguments is None else arguments)))


def main_eval(arguments: Sequence[str] | None = None) -> None:
    """Run ``recsys-eval``, the same as ``recsys eval``."""
    main(["eval", *(sys.argv[1:] if arguments is None else arguments)])
