"""The two ports as an attacker meets them: real processes, real sockets, an issuer of tokens that anybody may ask."""

import base64
import hashlib
import hmac
import http.server
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import pytest
from cryptography.hazmat.primitives import serialization
from tests.integration.serving.shops import Shop, call, served, until
from tests.unit.access.issuer import Issuer

from recsys.access import create_key
from recsys.releases import create_tenant
from recsys.serving import Settings
from recsys.serving.admin import admin_app

pytestmark = pytest.mark.long

HOME = {"surface": "home", "k": 3}


class PublishedIssuer(Issuer):
    """Publishes its keys over HTTP; ``away`` and ``page`` say what it answers instead. Remembers every token."""

    def __init__(self):
        super().__init__()
        self.away, self.page, self.tokens = False, None, []
        issuer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                page = issuer.page or issuer.jwks()
                self.send_response(503 if issuer.away else 200)
                self.send_header("Content-Length", str(len(page)))
                self.end_headers()
                self.wfile.write(page)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/jwks.json"
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def token(self, **changes):
        token = super().token(**changes)
        self.tokens.append(token)
        return token


@contextmanager
def attacked(root, **changes):
    """Two tenants: ``demo`` has items that begin with ``a-``, ``other`` has none. Tokens of one issuer are taken."""
    shop = Shop(root)
    shop.ship("a")
    create_tenant(shop.store, "other", actor="tests")
    issuer = PublishedIssuer()
    try:
        tokens = {
            "jwt_issuer": issuer.name,
            "jwt_audience": "recsys",
            "jwt_jwks": issuer.url,
            "jwt_jwks_hosts": "127.0.0.1",
            "jwt_refresh_s": 1.0,
        }
        shop.stranger = create_key(shop.store, "other", "admin", actor="tests").secret
        with served(shop, **{"workers": 1, "max_body_bytes": 50_000, **tokens, **changes}) as service:
            service.issuer = issuer
            service.answers_from(2)
            until(lambda: by_token(service, issuer.token()).status == 200, "the issuer's keys")
            yield service
    finally:
        issuer.close()


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    with attacked(tmp_path_factory.mktemp("shop"), cors_origins="https://shop.example") as running:
        yield running


def by_token(service, token, body=HOME, **headers):
    return call(
        service.process.base_url + "/v1/recommend", body, method="POST", authorization=f"Bearer {token}", **headers
    )


def raw(url, data):
    """Send bytes that end with a request to close; return all that comes back until the server does."""
    host, _, port = url.removeprefix("http://").rpartition(":")
    answer = b""
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        try:
            connection.sendall(data)
            while part := connection.recv(65536):
                answer += part
        except ConnectionError:  # closed while we were still sending
            pass
    return answer


def segment(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")


def test_a_token_opens_both_ports_for_its_role(service):
    assert by_token(service, service.issuer.token(role="client")).status == 200
    path = service.process.admin_url + "/v1/admin/tenants/demo/config"
    for role, status in (("viewer", 200), ("operator", 200), ("client", 403)):
        assert call(path, authorization=f"Bearer {service.issuer.token(role=role)}").status == status


def test_a_stranger_reaches_nothing_of_another_tenant_by_any_path(service):
    token = service.issuer.token(tenant="other", role="admin")
    before = service.shop.releases.current().generation
    for credentials in ({"x_api_key": service.shop.stranger}, {"authorization": f"Bearer {token}"}):
        for path in ("/v1/recommend", "/v1/recommend/validate", "/v1/similar", "/v1/events"):
            url = service.process.base_url + path
            assert call(url, HOME, method="POST", x_org_id="demo", **credentials).status == 403
            body = {**HOME, "item_id": "a-000"} if path == "/v1/similar" else HOME
            own = call(url, body, method="POST", **credentials)
            assert b'"item_id":"a-0' not in own.body
            assert b'"tenant_id":"demo"' not in own.body
        for method, path in admin_routes():
            url = service.process.admin_url + re.sub(r"{tenant}", "demo", re.sub(r"{(?!tenant)\w+}", "2", path))
            body = None if method in ("GET", "DELETE") else {"reason": "mine now"}
            answer = call(url, body, method=method, **credentials)
            if method == "GET" or answer.status not in (400, 422):  # a body may be refused before it is asked whose
                assert answer.status == 403, f"{method} {path} answered {answer.status}"
            assert b'"a-0' not in answer.body  # with the quote: a request id may hold the rest
    assert service.shop.releases.current().generation == before


def admin_routes():
    return [
        (method, re.sub(r":[a-z]+}", "}", route.path))
        for route in admin_app(Settings()).routes
        if "{tenant" in route.path
        for method in route.methods - {"OPTIONS", "HEAD"}
    ]


@pytest.mark.parametrize(
    "name",
    ["..%2fother", "%2e%2e", "demo%2f..%2fdemo", "demo%00", "demo/", "demo;x", "..", "%64emo%20", "demo%2fconfig%3f"],
)
def test_a_tenant_in_a_path_is_a_name_and_nothing_else(service, name):
    answer = raw(
        service.process.admin_url,
        f"GET /v1/admin/tenants/{name}/config HTTP/1.1\r\nHost: x\r\nX-API-Key: {service.shop.stranger}\r\n"
        "Connection: close\r\n\r\n".encode(),
    )
    assert answer.split(b" ")[1] in (b"400", b"403", b"404"), answer[:200]


@pytest.mark.parametrize("name", ["../home", "..%2fhome", "home/../pdp", "home\0", "", "h" * 65, "HOME", "%2e%2e"])
def test_a_surface_is_a_name_and_nothing_else(service, name):
    assert service.recommend(surface=name).status == 422
    assert service.recommend(segment=name).status == 422


def test_a_public_key_is_no_secret_to_sign_with(service):
    issuer = service.issuer
    public = issuer.keys["RS256"].public_key()
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    head = segment({"alg": "HS256", "kid": issuer.kid("RS256")}) + b"." + segment(issuer.claims(role="admin"))
    signature = base64.urlsafe_b64encode(hmac.new(pem, head, hashlib.sha256).digest()).rstrip(b"=")
    answer = by_token(service, (head + b"." + signature).decode())
    assert (answer.status, answer.json["code"]) == (401, "BAD_TOKEN")


@pytest.mark.parametrize("algorithm", ["none", "None", "nOnE"])
def test_nobodys_word_is_not_taken(service, algorithm):
    head = segment({"alg": algorithm, "kid": service.issuer.kid("RS256")})
    for end in (b".", b".x"):
        token = head + b"." + segment(service.issuer.claims(role="admin")) + end
        assert by_token(service, token.decode()).status == 401


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": 1_000_000_000},
        {"exp": None},
        {"nbf": 9_000_000_000},
        {"iat": 9_000_000_000},
        {"aud": "another"},
        {"iss": "https://another.example"},
        {"headers": {"kid": "../../../etc/passwd"}},
        {"headers": {"kid": "https://evil.example/jwks.json"}},
        {"headers": {"jku": "https://evil.example/jwks.json", "kid": "evil"}},
        {"headers": {"crit": ["b64"], "b64": False}},
        {"algorithm": "ES256", "headers": {"kid": "RS256-1"}},
        {"padding": "x" * 10_000},
    ],
)
def test_a_token_that_is_not_for_us_opens_neither_port(service, changes):
    token = service.issuer.token(**changes)
    answer = by_token(service, token)
    assert (answer.status, answer.json["code"]) == (401, "BAD_TOKEN")
    path = service.process.admin_url + "/v1/admin/tenants/demo/config"
    assert call(path, authorization=f"Bearer {token}").status == 401


def test_a_strangers_signature_is_refused(service):
    stranger = Issuer(service.issuer.name)
    token = stranger.token(headers={"kid": service.issuer.kid("RS256"), "jwk": stranger.jwk("RS256")})
    assert by_token(service, token).status == 401


def test_a_huge_token_costs_a_refusal_and_no_more(service):
    assert by_token(service, "x." * 30_000).status in (401, 431)
    assert service.recommend().status == 200


@pytest.mark.parametrize("port", ["base_url", "admin_url"])
@pytest.mark.parametrize("name", ["X-API-Key", "X-Org-Id", "Authorization"])
def test_credentials_that_are_there_twice_are_refused(service, port, name):
    first, second = {
        "X-API-Key": (service.shop.operator, service.shop.stranger),
        "X-Org-Id": ("demo", "other"),
        "Authorization": (f"Bearer {service.issuer.token()}", f"Bearer {service.issuer.token(tenant='other')}"),
    }[name]
    key = "" if name == "X-API-Key" else f"X-API-Key: {service.shop.operator}\r\n"
    for one, two in ((first, second), (second, first), (first, first)):
        answer = raw(
            getattr(service.process, port),
            f"{'POST /v1/recommend' if port == 'base_url' else 'GET /v1/admin/tenants/demo/config'} HTTP/1.1\r\n"
            f"Host: x\r\nContent-Length: 18\r\nConnection: close\r\n{key}{name}: {one}\r\n{name.lower()}: {two}\r\n\r\n"
            '{"surface":"home"}'.encode(),
        )
        assert answer.startswith(b"HTTP/1.1 400 "), answer[:200]
        assert b"HEADER_TWICE" in answer


def test_no_request_hides_in_the_body_of_another(service):
    hidden = f"POST /v1/recommend HTTP/1.1\r\nHost: x\r\nX-API-Key: {service.shop.client}\r\n"
    hidden += "Connection: close\r\nContent-Length: 18\r\n\r\n"
    hidden = hidden.encode() + b'{"surface":"home"}'
    for lengths in (
        b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 400\r\n\r\n0\r\n\r\n",
        b"Content-Length: 0\r\nContent-Length: 4\r\n\r\n",
        b"Content-Length: 4\r\nContent-Length: 0\r\n\r\n",
        b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        b"Content-Length: +4\r\n\r\n",
        b"Content-Length: -1\r\n\r\n",
    ):
        answer = raw(service.process.base_url, b"POST /v1/recommend HTTP/1.1\r\nHost: x\r\n" + lengths + hidden)
        assert answer.count(b"HTTP/1.1 ") == 1, (lengths, answer)
        assert b'"items"' not in answer


def test_headers_are_bounded_in_number_and_size(service):
    for lines in ("".join(f"X-{number}: a\r\n" for number in range(101)), f"X-A: {'a' * 1_000_000}\r\n"):
        for url in (service.process.base_url, service.process.admin_url):
            answer = raw(url, f"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{lines}\r\n".encode())
            assert answer == b"" or answer.startswith(b"HTTP/1.1 431 ")
    assert service.recommend().status == 200


def test_deep_and_large_bodies_are_refused(service):
    deep = b'{"surface":' + b"[" * 40 + b"]" * 40 + b"}"
    assert service.post("/v1/recommend", raw=deep).json["code"] == "TOO_DEEP"
    config = "/v1/admin/tenants/demo/config"
    key = service.shop.operator
    answer = call(service.process.admin_url + config, raw=deep, method="PUT", x_api_key=key)
    assert (answer.status, answer.json["code"]) == (422, "TOO_DEEP")
    assert service.post("/v1/recommend", raw=b" " * 50_001).status == 413
    assert call(service.process.admin_url + config, raw=b" " * (2 << 20), method="PUT", x_api_key=key).status == 413


def test_every_reply_of_both_ports_is_guarded(service):
    replies = [service.recommend(), service.post("/v1/nothing"), service.recommend(surface="")]
    replies += [call(service.process.base_url + path) for path in ("/healthz", "/readyz", "/version", "/nothing")]
    replies += [call(service.process.admin_url + path) for path in ("/healthz", "/metrics", "/health/detailed", "/no")]
    replies += [service.admin("/v1/admin/tenants/demo/config"), service.admin("/v1/admin/tenants/other/config")]
    for reply in replies:
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers["referrer-policy"] == "no-referrer"
        assert reply.headers["cache-control"] == "no-store"


def test_only_named_origins_may_ask_and_only_the_products_port(service):
    url = service.process.base_url + "/v1/recommend"
    asked = {"access_control_request_method": "POST", "access_control_request_headers": "x-api-key"}
    allowed = call(url, method="OPTIONS", origin="https://shop.example", **asked)
    assert allowed.status == 204
    assert allowed.headers["access-control-allow-origin"] == "https://shop.example"
    assert "x-api-key" in allowed.headers["access-control-allow-headers"]
    assert service.post("/v1/recommend", HOME, origin="https://shop.example").headers["access-control-allow-origin"]
    for origin in ("https://evil.example", "null", "https://shop.example.evil.example", "http://shop.example"):
        for answer in (
            call(url, method="OPTIONS", origin=origin, **asked),
            service.post("/v1/recommend", HOME, origin=origin),
        ):
            assert not [name for name in answer.headers if name.startswith("access-control-allow")]
            assert answer.headers["vary"] == "origin"
    on_admin = call(service.process.admin_url + "/v1/admin/tenants", method="OPTIONS", origin="https://shop.example")
    assert not [name for name in on_admin.headers if name.startswith("access-control")]


def test_the_issuer_may_change_its_keys_and_may_go_away(tmp_path):
    with attacked(tmp_path) as service:
        issuer = service.issuer
        old = issuer.token()
        assert by_token(service, old).status == 200
        issuer.rotate()
        new = issuer.token()
        until(lambda: by_token(service, new).status == 200, "the new keys")
        assert by_token(service, old).status == 401  # known before, and its key is gone

        issuer.away = True
        told = until(lambda: (check := token_keys(service))["state"] == "degraded" and check, "health to say so")
        assert re.match(r"fetched \d+ s ago; since then: .* answered 503", told["reason"])
        assert by_token(service, new).status == 200
        issuer.away, issuer.page = False, b'{"keys":[]}'
        until(lambda: "no public key" in token_keys(service)["reason"], "health to say so")
        assert by_token(service, new).status == 200

        issuer.away = True
        service.process.stop()
        service.process.start()
        service.process.wait_ready()
        assert by_token(service, issuer.token()).status == 200  # this host's copy
        issuer.away, issuer.page = False, None
        until(lambda: token_keys(service)["state"] == "healthy", "the keys again")


def token_keys(service):
    checks = call(service.process.admin_url + "/health/detailed").json["checks"]
    return next(check for check in checks if check["name"] == "token keys")


def test_development_headers_stop_the_start_in_production(tmp_path):
    told = subprocess.run(
        [sys.executable, "-m", "recsys", "serve"],
        env={**os.environ, "RECSYS_ENV": "production", "RECSYS_SERVE_DEV_HEADERS": "true"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert told.returncode == 2
    assert "development headers are refused in production" in told.stderr
    assert "Traceback" not in told.stderr


def test_a_tenant_that_asks_too_much_waits_and_others_do_not(tmp_path):
    shop = Shop(tmp_path)
    shop.ship("a")
    create_tenant(shop.store, "other", actor="tests")
    stranger = create_key(shop.store, "other", "client", actor="tests").secret
    with served(shop, workers=1, tenant_rate_per_s=0.01, tenant_burst=3.0, admin_away_s=3.0) as service:
        until(lambda: service.post("/v1/recommend", HOME, key=stranger).status == 200, "the other tenant's floor")
        answers = [service.recommend() for _ in range(5)]
        assert {one.status for one in answers[3:]} == {429}
        assert answers[-1].json["code"] == "RATE_LIMITED"
        assert 90 <= int(answers[-1].headers["retry-after"]) <= 100
        assert service.post("/v1/recommend", HOME, key=stranger).status == 200

        # and with the store away: client keys work on, the operators' port lets nobody in after its limit
        assert service.admin("/v1/admin/tenants").status == 200
        shop.take_store_away()
        expired = until(lambda: (one := service.admin("/v1/admin/tenants")).status == 403 and one, "the limit")
        assert expired.json["code"] == "ADMIN_EXPIRED"
        assert "recsys pin" in expired.json["next_step"]
        assert service.recommend().status == 429  # known, and over its limit
        shop.bring_store_back()
        until(lambda: service.admin("/v1/admin/tenants").status == 200, "the store again")


def test_no_secret_is_ever_in_a_log_or_an_event(service):
    shop, issuer = service.shop, service.issuer
    good, bad = issuer.token(), issuer.token(aud="another")
    for token in (good, bad, good + "x", "eyJ" + "y" * 9000):
        by_token(service, token)
        call(service.process.admin_url + "/v1/admin/tenants/demo/config", authorization=f"Bearer {token}")
        service.recommend(surface=token[:60])
    unknown = "rsk_0123456789ab_" + "f" * 64
    service.post("/v1/recommend", HOME, key=unknown)
    service.post("/v1/recommend", raw=b"{" + shop.client.encode(), key=shop.client)
    service.post("/v1/events", {"event_id": "e1"}, key=shop.client)
    service.admin(f"/v1/admin/tenants/{shop.operator}/config")
    service.recommend()
    time_of_last = time.time()
    spool = shop.root / "host" / "spool"
    until(lambda: any(one.stat().st_mtime <= time_of_last + 5 for one in spool.rglob("*") if one.is_file()), "a spool")
    written = b"".join(one.read_bytes() for one in spool.rglob("*") if one.is_file())
    written += b"".join(one.read_bytes() for one in (shop.root / "store" / "events").rglob("*") if one.is_file())
    written += (shop.root / "service.log").read_bytes()
    assert b"request_id" in written
    secrets = [shop.client, shop.operator, shop.stranger, unknown, *issuer.tokens]
    for secret in secrets:
        assert secret.encode() not in written
        assert secret.rpartition(".")[2].encode() not in written  # a signature is secret without its claims too
