"""Run the contract suites of the store on a real S3 server: ``python -m tests.contract.real_s3`` (``make test-s3``).

The server is the one at ``RECSYS_TEST_S3_ENDPOINT`` (with ``AWS_ACCESS_KEY_ID`` and ``AWS_SECRET_ACCESS_KEY``), or
versitygw, built here with Go and started on this machine for as long as the suite takes.
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

GATEWAY = "github.com/versity/versitygw/cmd/versitygw@v1.8.0"
_START_S = 30.0


def main() -> int:
    """Return the exit code of the suite; 0, with the reason, where there is no server to run it on."""
    if os.environ.get("RECSYS_TEST_S3_ENDPOINT"):
        return _suite({})
    go = shutil.which("go")
    if go is None:
        print("skipped: no RECSYS_TEST_S3_ENDPOINT, and no Go to build a server with")
        return 0
    built = Path(sys.prefix) / "go"
    subprocess.run([go, "install", GATEWAY], env={**os.environ, "GOBIN": str(built)}, check=True)
    with tempfile.TemporaryDirectory(prefix="recsys-s3-") as folder, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        keys = {"ROOT_ACCESS_KEY": "test", "ROOT_SECRET_KEY": "testsecret"}
        data = Path(folder) / "data"
        data.mkdir()
        command = [str(built / "versitygw"), "--port", f"127.0.0.1:{port}", "--iam-dir", folder, "posix", str(data)]
        with subprocess.Popen(command, env={**os.environ, **keys}, stdout=subprocess.DEVNULL) as server:
            try:
                _wait_for(port)
                return _suite(
                    {
                        "RECSYS_TEST_S3_ENDPOINT": f"http://127.0.0.1:{port}",
                        "AWS_ACCESS_KEY_ID": keys["ROOT_ACCESS_KEY"],
                        "AWS_SECRET_ACCESS_KEY": keys["ROOT_SECRET_KEY"],
                    }
                )
            finally:
                server.terminate()


def _suite(environment: dict[str, str]) -> int:
    suite = [sys.executable, "-m", "pytest", "-n0", "tests/contract", "-k", "bucket"]
    return subprocess.run(suite, env={**os.environ, **environment}, check=False).returncode


def _wait_for(port: int) -> None:
    end = time.monotonic() + _START_S
    while time.monotonic() < end:
        with socket.socket() as trying:
            if trying.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit(f"the S3 server did not listen within {_START_S:g} s")


if __name__ == "__main__":
    sys.exit(main())
