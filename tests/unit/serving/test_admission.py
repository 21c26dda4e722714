"""Who is let in by one process: by keys and tokens, how often, and for how long without the store."""

import json
import os

import jwt
import pytest
from tests.integration.serving.shops import until
from tests.unit.access.issuer import NOW, Issuer

from recsys.access import Directory, Right, create_key, create_tenant, load_directory, revoke_key
from recsys.encoding import Invalid
from recsys.serving import Settings
from recsys.serving.access_seen import AccessSeen
from recsys.serving.credentials import door_of, identify
from recsys.serving.depth import MAX_DEPTH, check_depth
from recsys.serving.guarding import Cors, guard_message
from recsys.serving.host_state import Places
from recsys.serving.key_sets import KeySetKeeper, read_key_set_copy
from recsys.serving.problems import Refusal
from recsys.serving.rates import TenantRates
from recsys.store import open_store


class Gate:
    """A host with two tenants, their keys, and an issuer whose keys lie in a file."""

    def __init__(self, root):
        self.store = open_store(root / "store")
        for tenant in ("demo", "other"):
            create_tenant(self.store, tenant, actor="tests")
        self.made = {}
        for tenant, role in (("demo", "client"), ("demo", "operator"), ("demo", "viewer"), ("other", "operator")):
            self.made[tenant, role] = create_key(self.store, tenant, role, actor="tests")
        self.issuer = Issuer()
        self.file = root / "published.json"
        self.settings = Settings(
            host_dir=str(root / "host"), jwt_issuer=self.issuer.name, jwt_audience="recsys", jwt_jwks=str(self.file)
        )
        self.places = Places(self.settings.host_path)
        self.places.root.mkdir()
        self.now = NOW
        self.keeper = KeySetKeeper(self.settings.token_rules, self.places, refresh_s=300, wall=lambda: self.now)
        self.publish()
        self.door = door_of(self.settings.token_rules, self.places)
        self.door._wall = lambda: self.now

    def publish(self):
        self.file.write_bytes(self.issuer.jwks())
        self.fetch()

    def fetch(self):
        """Let the keeper fetch once, whatever comes of it."""
        self.keeper._due_at = 0.0
        self.keeper.step()
        until(self.keeper._fetching.done, "a fetch")
        self.keeper._due_at = float("inf")
        self.keeper.step()

    def key(self, tenant, role):
        return self.made[tenant, role].secret

    def token(self, **changes):
        return self.issuer.token(now=self.now, **changes)

    def ask(self, right=Right.RECOMMEND, **headers):
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return identify(given.get, load_directory(self.store), right=right, dev_headers=False, tokens=self.door)

    def refused(self, right=Right.RECOMMEND, **headers):
        with pytest.raises(Refusal) as caught:
            self.ask(right, **headers)
        return caught.value.status, caught.value.code


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    return Gate(tmp_path_factory.mktemp("gate"))


@pytest.fixture
def gate(tmp_path):
    return Gate(tmp_path)


def bearer(token):
    return f"Bearer {token}"


def test_a_token_lets_in_whom_it_names(shared):
    who = shared.ask(Right.CHANGE, authorization=bearer(shared.token()))
    assert (who.tenant, who.role, who.key_id) == ("demo", "operator", "jwt:ann")
    assert shared.ask(authorization="bearer   " + shared.token(role="client")).role == "client"


def test_a_token_has_the_rights_of_its_role_and_no_more(shared):
    assert shared.refused(Right.CHANGE, authorization=bearer(shared.token(role="client"))) == (403, "FORBIDDEN")
    assert shared.refused(authorization=bearer(shared.token(role="viewer"))) == (403, "FORBIDDEN")
    assert shared.refused(authorization=bearer(shared.token(role="root"))) == (403, "TOKEN_NAMES_NOBODY")


def test_a_tenant_that_is_not_there_is_not_there_for_a_token_either(shared):
    assert shared.refused(authorization=bearer(shared.token(tenant="nobody"))) == (404, "UNKNOWN_TENANT")
    assert shared.refused(authorization=bearer(shared.token(tenant="../demo"))) == (404, "UNKNOWN_TENANT")


@pytest.mark.parametrize("named", ["other", "Demo", "demo ", "*", "demo,other"])
def test_all_that_name_a_tenant_must_agree(shared, named):
    key, token = shared.key("demo", "client"), bearer(shared.token())
    wrong = (403, "TENANT_MISMATCH")
    assert shared.refused(x_api_key=key, x_org_id=named) == wrong
    assert shared.refused(authorization=token, x_org_id=named) == wrong
    assert shared.refused(x_api_key=key, authorization=token, x_org_id=named) == wrong
    assert shared.refused(x_api_key=shared.key("other", "operator"), authorization=token) == wrong
    assert shared.ask(x_api_key=key, authorization=token, x_org_id="demo").tenant == "demo"


def test_of_a_key_and_a_token_the_one_that_may_less_is_who_asks(shared):
    key = shared.key("demo", "client")
    assert shared.ask(x_api_key=key, authorization=bearer(shared.token(role="admin"))).role == "client"
    weak, strong = bearer(shared.token(role="client")), shared.key("demo", "operator")
    assert shared.ask(x_api_key=strong, authorization=weak).role == "client"
    assert shared.refused(Right.CHANGE, x_api_key=strong, authorization=weak) == (403, "FORBIDDEN")
    assert shared.refused(x_api_key=shared.key("demo", "viewer"), authorization=weak) == (403, "FORBIDDEN")


def test_a_bad_one_beside_a_good_one_is_refused(shared):
    key = shared.key("demo", "client")
    assert shared.refused(x_api_key=key, authorization="Bearer x.y.z") == (401, "BAD_TOKEN")
    assert shared.refused(x_api_key=key, authorization="Bearer ") == (401, "BAD_TOKEN")
    assert shared.refused(x_api_key="rsk_x", authorization=bearer(shared.token())) == (401, "BAD_KEY")
    assert shared.refused(authorization="Basic YTpi") == (401, "NO_CREDENTIALS")
    assert shared.ask(x_api_key=key, authorization="Basic YTpi").tenant == "demo"  # a proxy's own


@pytest.mark.parametrize("twice", ["x-api-key", "x-org-id", "authorization"])
def test_a_header_of_credentials_that_is_there_twice_is_refused(shared, twice):
    given = {
        "x-api-key": [shared.key("demo", "client")],
        "x-org-id": ["demo"],
        "authorization": [bearer(shared.token())],
        "accept": ["a", "b"],
    }

    def ask():
        return identify(
            lambda name: next(iter(given.get(name, ())), None),
            load_directory(shared.store),
            right=Right.RECOMMEND,
            dev_headers=False,
            tokens=shared.door,
            every=lambda name: given.get(name, []),
        )

    assert ask().tenant == "demo"
    given[twice] *= 2
    with pytest.raises(Refusal, match="2 times"):
        ask()


def test_a_key_is_looked_up_by_its_hash_alone(shared):
    directory = load_directory(shared.store)
    secret = shared.key("demo", "client")
    assert secret.encode() not in directory.encode()
    assert all(len(hashed) == 64 for hashed in directory.secrets)
    assert directory.authenticate(secret).tenant == "demo"
    assert directory.authenticate(secret[:-1]) is None
    assert directory.authenticate(next(iter(directory.secrets))) is None  # the hash is not the secret


def test_a_verified_token_is_known_until_it_expires(gate, monkeypatch):
    token = gate.token()
    gate.ask(authorization=bearer(token))
    monkeypatch.setattr(gate.door, "_verify", None)  # verifying once more would be an error
    gate.now = NOW + 629
    assert gate.ask(authorization=bearer(token)).tenant == "demo"
    monkeypatch.undo()
    gate.now = NOW + 631
    assert gate.refused(authorization=bearer(token)) == (401, "BAD_TOKEN")


def test_known_tokens_are_bounded(gate, monkeypatch):
    monkeypatch.setattr("recsys.serving.token_door._MAX_KNOWN", 3)
    for number in range(5):
        gate.ask(authorization=bearer(gate.token(sub=f"user-{number}")))
    assert len(gate.door._known) == 3


def test_a_key_that_the_issuer_took_back_opens_nothing_any_more(gate):
    old = bearer(gate.token())
    assert gate.ask(authorization=old)
    gate.issuer.rotate()
    new = bearer(gate.token())
    assert gate.refused(authorization=new) == (401, "BAD_TOKEN")
    assert gate.places.key_set_wanted.exists()
    gate.publish()
    gate.door.look()
    assert gate.ask(authorization=new)
    assert gate.refused(authorization=old) == (401, "BAD_TOKEN")


def test_strangers_tokens_ask_for_one_fetch_and_not_for_many(gate):
    began = []
    gate.keeper._thread.submit, submit = (lambda *what: began.append(what) or submit(*what)), gate.keeper._thread.submit
    gate.keeper._began_at = -100.0
    for number in range(50):
        gate.refused(authorization=bearer(Issuer.token(gate.issuer, now=NOW, headers={"kid": f"made-up-{number}"})))
        gate.places.key_set_wanted.touch()  # as other processes of the host do
        gate.keeper.step()
        until(lambda: gate.keeper._fetching is None or gate.keeper._fetching.done(), "the fetch")
    assert len(began) == 1


def test_a_bad_set_never_displaces_a_good_one_and_its_age_is_told(gate):
    token = bearer(gate.token())
    for bad in (b"", b"{}", b'{"keys":[]}', b"[" * 100_000):
        gate.file.write_bytes(bad)
        gate.fetch()
        gate.door.look()
        assert gate.ask(authorization=token)
    copy = read_key_set_copy(gate.places.key_set, source=str(gate.file))
    assert copy.fetched_at == NOW
    assert "not taken over" in copy.problem
    gate.file.unlink()
    gate.fetch()
    again = door_of(gate.settings.token_rules, gate.places)  # a process that starts while the issuer is away
    again._wall = lambda: NOW + 60
    assert again.principal(gate.token()).tenant == "demo"


def test_keys_of_another_source_are_not_used(gate):
    assert read_key_set_copy(gate.places.key_set, source="https://issuer.example/jwks.json") is None
    data = bytearray(gate.places.key_set.read_bytes())
    data[len(data) // 2] ^= 1
    gate.places.key_set.write_bytes(data)
    assert read_key_set_copy(gate.places.key_set, source=str(gate.file)) is None


def test_a_revoked_key_is_refused(gate):
    key = gate.made["demo", "client"]
    revoke_key(gate.store, "demo", key.info.id, actor="tests")
    assert gate.refused(x_api_key=key.secret) == (401, "BAD_KEY")


def test_an_hour_without_the_store_is_counted_over_restarts(tmp_path):
    places = Places(tmp_path)
    now = [1000.0]
    seen = AccessSeen(places, wall=lambda: now[0])
    assert seen.unseen_s() == float("inf")
    places.access.write_bytes(Directory().encode())
    os.utime(places.access, (400.0, 400.0))
    assert seen.unseen_s() == 600.0
    seen.note()
    assert seen.unseen_s() < 5
    of_another_boot = json.loads(places.access_seen.read_bytes()) | {"boot": "another"}
    del of_another_boot["check"]
    places.access_seen.write_text(json.dumps(of_another_boot))
    now[0] = 1060.0
    assert seen.unseen_s() == 60.0
    now[0] = 900.0  # set back
    assert seen.unseen_s() == float("inf")
    places.access_seen.write_text("{")
    assert seen.unseen_s() == float("inf")


def test_a_tenants_bucket_holds_a_burst_and_fills_at_its_rate():
    now = [0.0]
    rates = TenantRates(rate_per_s=2.0, burst=3.0, clock=lambda: now[0])
    assert [rates.wait_s("demo") for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]
    assert rates.wait_s("other") == 0.0
    now[0] = 0.5
    assert [rates.wait_s("demo"), rates.wait_s("demo")] == [0.0, 0.5]
    now[0] = 1000.0
    assert [rates.wait_s("demo") for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]


def test_workers_share_the_hosts_limit_out():
    rates = TenantRates.of(Settings(workers=4, tenant_rate_per_s=40.0, tenant_burst=8.0))
    assert [rates.wait_s("demo") > 0 for _ in range(3)] == [False, False, True]
    assert TenantRates.of(Settings()) is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[" * MAX_DEPTH + b"]" * MAX_DEPTH,
        b'{"a":"' + b"[" * 100 + b'"}',
        b'{"a":"\\"' + b"{" * 100 + b'"}',
        b"[" + b'{"a":[{"b":1}]},' * 1000 + b"1]",
        b"[" * 100_000,  # no JSON: its reader says so
        b"}]" * 100,
    ],
)
def test_what_is_flat_enough_passes(body):
    check_depth(body)


@pytest.mark.parametrize(
    "body",
    [
        b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1),
        b'{"a":' * 40 + b"1" + b"}" * 40,
        b'["\\\\",' + b'{"[":[' * 20 + b"]}" * 20 + b"]",
        b"[1," * 100_000 + b"1" + b"]" * 100_000,
    ],
)
def test_what_is_nested_deeper_is_refused(body):
    with pytest.raises(Refusal) as caught:
        check_depth(body)
    assert (caught.value.status, caught.value.code) == (422, "TOO_DEEP")


def test_pages_are_kept_out_of_frames_and_every_reply_is_guarded():
    message = {"type": "http.response.start", "headers": [(b"content-type", b"text/html; charset=utf-8")]}
    guard_message(message)
    headers = dict(message["headers"])
    assert headers[b"x-frame-options"] == b"DENY"
    assert b"frame-ancestors 'none'" in headers[b"content-security-policy"]
    plain = {"type": "http.response.start", "headers": [(b"cache-control", b"max-age=60")]}
    guard_message(plain)
    assert dict(plain["headers"]) == {
        b"cache-control": b"max-age=60",
        b"x-content-type-options": b"nosniff",
        b"referrer-policy": b"no-referrer",
    }


@pytest.mark.parametrize("origin", ["*", "null", "shop.example", "https://shop.example/", "https://shop.example/page"])
def test_an_origin_is_a_scheme_and_a_host(origin):
    with pytest.raises(Invalid, match="is not an origin"):
        Cors.of((origin,))


def test_settings_that_let_the_wrong_ones_in_are_refused_at_the_start():
    from recsys.serving import read_settings

    tokens = {
        "RECSYS_SERVE_JWT_ISSUER": "https://issuer.example",
        "RECSYS_SERVE_JWT_AUDIENCE": "recsys",
        "RECSYS_SERVE_JWT_JWKS": "https://issuer.example/jwks.json",
    }
    assert read_settings(tokens).token_rules.algorithms == ("RS256", "ES256", "EdDSA")
    for wrong in (
        {"RECSYS_SERVE_JWT_ALGORITHMS": "RS256,none"},
        {"RECSYS_SERVE_JWT_ALGORITHMS": "HS256"},
        {"RECSYS_SERVE_JWT_AUDIENCE": ""},
        {"RECSYS_SERVE_JWT_JWKS": "https://evil.example/jwks.json"},
        {"RECSYS_SERVE_CORS_ORIGINS": "*"},
    ):
        with pytest.raises(Invalid):
            read_settings(tokens | wrong)


def test_a_token_of_the_same_issuer_for_another_service_is_refused(shared):
    token = jwt.encode(
        shared.issuer.claims(now=NOW, aud="mail"),
        shared.issuer.keys["ES256"],
        "ES256",
        headers={"kid": shared.issuer.kid("ES256")},
    )
    assert shared.refused(authorization=bearer(token)) == (401, "BAD_TOKEN")
