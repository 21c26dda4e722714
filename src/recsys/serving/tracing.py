"""Whether this process sends traces. Without ``RECSYS_SERVE_TRACING`` nothing of OpenTelemetry is imported."""

import logging
from typing import TYPE_CHECKING

from recsys.encoding import Invalid
from recsys.serving.settings import Settings

if TYPE_CHECKING:
    from recsys.serving.spans import Spans

__all__ = ["check_tracing", "open_tracing"]

_log = logging.getLogger(__name__)


def open_tracing(settings: Settings, *, process: str) -> "Spans | None":
    """Return what makes this process's spans, to be closed at its end; ``None`` where no traces are sent.

    A process that answers starts without, and says so, rather than not at all.
    """
    if not settings.tracing:
        return None
    try:
        return _open(settings, process)
    except Exception:
        _log.exception("no traces are sent")
        return None


def check_tracing(settings: Settings) -> None:
    """Raise ``Invalid`` when traces are wanted and cannot be sent: better at the start than in each process."""
    if not settings.tracing:
        return
    try:
        spans = _open(settings, "supervisor")
    except ImportError as error:
        raise Invalid(
            "RECSYS_SERVE_TRACING",
            f"traces need OpenTelemetry, which is not installed ({error})",
            suggestion="pip install 'recsys-suite[tracing]'",
        ) from None
    except Exception as error:
        raise Invalid("RECSYS_SERVE_TRACING", str(error), suggestion="look at the OTEL_… variables") from None
    spans.close()


def _open(settings: Settings, process: str) -> "Spans":
    from recsys.serving.spans import Spans

    return Spans(settings, process=process)
