import subprocess
import sys

HEAVY = (
    "duckdb",
    "litestar",
    "scipy",
    "typer",
    "rich",
    "yaml",
    "prometheus_client",
    "jwt",
    "httpx2",
    "recsys.pipelines",
)
SAYS = f"import sys, recsys.serving.worker; print(*[name for name in {HEAVY!r} if name in sys.modules])"


def test_an_answering_process_loads_neither_the_engine_nor_the_admin_framework():
    said = subprocess.run([sys.executable, "-c", SAYS], capture_output=True, text=True, check=True)
    assert said.stdout.split() == []
