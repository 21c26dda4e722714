"""Traces are an extra: without them nothing of OpenTelemetry is loaded, and what is missing is said at the start."""

import subprocess
import sys

import pytest

LOADED = "[name for name in sys.modules if name.partition('.')[0] == 'opentelemetry']"


def python(code, **environment):
    return subprocess.run(
        [sys.executable, "-c", f"import os, sys\nos.environ |= {environment!r}\n{code}"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("module", ["recsys.serving.worker", "recsys.serving.follower", "recsys.console.process"])
def test_with_tracing_off_nothing_of_opentelemetry_is_loaded(module):
    done = python(
        f"import {module}\nfrom recsys.serving.tracing import open_tracing\nfrom recsys.serving import Settings\n"
        f"assert open_tracing(Settings(), process='p') is None\nprint({LOADED})"
    )
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


def test_without_the_library_tracing_is_refused_at_the_start_with_the_next_step(tmp_path):
    done = python(
        "sys.modules['opentelemetry'] = None\nsys.argv[1:] = ['serve']\nfrom recsys.cli import main\nmain()",
        RECSYS_SERVE_TRACING="true",
        RECSYS_HOST_DIR=str(tmp_path),
    )
    assert done.returncode == 2
    assert "pip install 'recsys-suite[tracing]'" in " ".join((done.stdout + done.stderr).split())


@pytest.mark.parametrize(
    ("variable", "value"), [("OTEL_BSP_MAX_QUEUE_SIZE", "0"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")]
)
def test_what_cannot_be_sent_as_the_variables_say_is_refused_at_the_start(tmp_path, variable, value):
    done = python(
        "sys.argv[1:] = ['serve']\nfrom recsys.cli import main\nmain()",
        RECSYS_SERVE_TRACING="true",
        RECSYS_HOST_DIR=str(tmp_path),
        **{variable: value},
    )
    assert done.returncode == 2
    assert "look at the OTEL_… variables" in " ".join((done.stdout + done.stderr).split())
