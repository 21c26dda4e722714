"""What a bucket's answers are taken for: a server that says what each test has it say."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import obstore
import pytest

from recsys.store import Blobs, CommitState, Creation, Denied, Missing, Unavailable
from recsys.store.bucket import BucketObjects
from recsys.store.log import ObjectLog

Answer = tuple[int, str, bytes]


class Scripted:
    """An S3 service whose next answers are in ``script``; each is a status, an error code, and whether a write is kept
    all the same. When the script is used up, it works.
    """

    def __init__(self) -> None:
        self.script: list[tuple[int, str, bool]] = []
        self.held: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.lock = threading.Lock()

    def answer(self, method: str, path: str, body: bytes, only_new: bool) -> Answer:
        with self.lock:
            self.asked.append(method)
            status, code, kept = self.script.pop(0) if self.script else (200, "", True)
            there = path in self.held
            if method == "PUT" and kept and not (only_new and there):
                self.held[path] = body
            if status != 200:
                return status, code, b""
            if method == "PUT":
                return (412, "PreconditionFailed", b"") if only_new and there else (200, "", b"")
            return (200, "", self.held[path]) if there else (404, "NoSuchKey", b"")


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recsys.store.bucket._PAUSES_S", (0.0, 0.0))


@pytest.fixture
def service() -> Iterator[Scripted]:
    scripted = Scripted()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            only_new = self.headers.get("If-None-Match") == "*"
            status, code, data = scripted.answer(self.command, self.path, body, only_new)
            if code:
                data = f"<Error><Code>{code}</Code></Error>".encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.send_header("ETag", '"x"')
            self.send_header("Last-Modified", "Wed, 25 Nov 2026 12:00:00 GMT")
            self.end_headers()
            self.wfile.write(b"" if self.command == "HEAD" else data)

        do_PUT = do_HEAD = do_DELETE = do_GET

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    scripted.address = f"http://127.0.0.1:{server.server_port}"  # type: ignore[attr-defined]
    yield scripted
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def objects(service: Scripted) -> BucketObjects:
    return BucketObjects(
        "shop",
        options={
            "endpoint": service.address,  # type: ignore[attr-defined]
            "access_key_id": "us",
            "secret_access_key": "hunter2",
            "region": "us-east-1",
            "allow_http": True,
        },
    )


def test_a_refusal_after_an_unclear_answer_is_unclear(service: Scripted, objects: BucketObjects) -> None:
    service.script = [(503, "SlowDown", True), (403, "AccessDenied", False)]
    with pytest.raises(Unavailable) as error:
        objects.create("a/b", b"x")
    assert not error.value.untouched
    assert service.asked == ["PUT", "PUT"]
    service.script = [(403, "AccessDenied", False)]
    with pytest.raises(Denied):
        objects.create("a/c", b"x")


def test_a_record_kept_by_a_service_that_then_turns_us_away_is_not_called_refused(
    service: Scripted, objects: BucketObjects
) -> None:
    log = ObjectLog(objects, "releases")
    service.script = [(503, "SlowDown", True), *[(403, "AccessDenied", False)] * 1_000]
    assert log.append("demo", 1, b"x", patience_s=0.05).state is CommitState.UNKNOWN
    service.script = []
    assert log.append("demo", 1, b"x").state is CommitState.COMMITTED


def test_a_conflict_is_not_taken_for_something_that_exists(service: Scripted, objects: BucketObjects) -> None:
    service.script = [(409, "ConditionalRequestConflict", False)] * 3
    with pytest.raises(Unavailable, match="409"):
        objects.create("a/b", b"x")
    assert objects.create("a/b", b"x") is Creation.CREATED


def test_a_blob_is_written_though_the_service_is_busy_once(service: Scripted, objects: BucketObjects) -> None:
    for busy in [(503, "SlowDown", False), (503, "SlowDown", True), (409, "ConditionalRequestConflict", False)]:
        service.script = [busy]
        digest = Blobs(objects).put("demo", busy[1].encode() + str(busy).encode())
        assert Blobs(objects).read("demo", digest)


@pytest.mark.parametrize(
    ("status", "code"), [(403, "AccessDenied"), (401, "Unauthorized"), (403, "SignatureDoesNotMatch")]
)
def test_a_refusal_is_denied_and_never_absence(
    service: Scripted, objects: BucketObjects, status: int, code: str
) -> None:
    for call in (objects.read, objects.exists, objects.confirm):
        service.script = [(status, code, False)]
        with pytest.raises(Denied):
            call("a/b")


def test_a_bucket_that_is_not_there_is_unavailable(service: Scripted, objects: BucketObjects) -> None:
    service.script = [(404, "NoSuchBucket", False)]
    with pytest.raises(Unavailable, match="bucket"):
        objects.read("a/b")
    service.script = [(404, "NoSuchKey", False)]
    with pytest.raises(Missing):
        objects.read("a/b")


@pytest.mark.parametrize("status", [400, 500, 503])
def test_what_no_one_understands_is_unknown_and_names_no_secret(
    service: Scripted, objects: BucketObjects, status: int
) -> None:
    service.script = [(status, "Strange", False)] * 50
    with pytest.raises(Unavailable, match=str(status)) as error:
        objects.replace("a/b", b"x")
    assert not error.value.untouched
    assert "hunter2" not in str(error.value) + repr(objects)


def test_a_service_nobody_listens_at_was_not_touched(objects: BucketObjects) -> None:
    nowhere = BucketObjects(
        "shop",
        options={
            "endpoint": "http://127.0.0.1:9",
            "access_key_id": "us",
            "secret_access_key": "x",
            "region": "us-east-1",
            "allow_http": True,
        },
    )
    with pytest.raises(Unavailable) as error:
        nowhere.create("a/b", b"x")
    assert error.value.untouched


def test_large_reads_have_the_time_that_large_reads_need(
    service: Scripted, objects: BucketObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    objects.create("small", b"x")
    objects.create("large", b"x" * (1 << 21))
    asked: list[object] = []
    get = obstore.get
    monkeypatch.setattr(obstore, "get", lambda store, path: asked.append(store) or get(store, path))
    assert len(objects.read("large")) == 1 << 21
    assert asked[-1] is objects._bulk
    objects.read("small")
    assert asked[-1] is objects._small
