"""The program of the operators' port: the API of ``serving``, what operations adds to it, and the console.

The supervisor starts it by name (docs/adr/0010).
"""

from recsys.console.pages import PAGES
from recsys.operations.admin import ROUTES
from recsys.operations.pipeline_figures import PipelineFigures
from recsys.serving.admin import serve_operators
from recsys.serving.role import begin

__all__ = ["main"]


def main() -> None:
    """Serve operators."""
    serve_operators(begin(), more=ROUTES, pages=(PAGES,), figures=(PipelineFigures,))


if __name__ == "__main__":
    main()
