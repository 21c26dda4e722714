"""Is the service set up for strangers, on more than one host, and does it answer?"""

from recsys.operations.alive import alive
from recsys.operations.health import health
from recsys.operations.readiness.facts import Facts, is_inside, seen_at
from recsys.operations.readiness.item import Found, Item, no, unknown, yes
from recsys.operations.thresholds import THRESHOLDS
from recsys.snapshot import SnapshotRejected, open_floor

__all__ = ["ITEMS"]

_TRUSTING = ("development", "test")
PROBES = ("/healthz", "/readyz")


def _settings_fit(facts: Facts) -> Found:
    if facts.settings is None:
        return no(facts.settings_problem)
    return yes("the service would start with the settings of this environment")


def _mode_named(facts: Facts) -> Found:
    if facts.settings is None:
        return unknown(facts.settings_problem)
    env = facts.settings.env
    return no(f"RECSYS_ENV is {env or 'empty'}") if env in (*_TRUSTING, "") else yes(f"RECSYS_ENV is {env}")


def _keys_asked(facts: Facts) -> Found:
    if facts.settings is None:
        return unknown(facts.settings_problem)
    if facts.settings.dev_headers:
        return no("RECSYS_SERVE_DEV_HEADERS is on: whoever asks may name any tenant")
    return yes("RECSYS_SERVE_DEV_HEADERS is off")


def _operators_inside(facts: Facts) -> Found:
    if facts.settings is None:
        return unknown(facts.settings_problem)
    host = facts.settings.admin_host
    inside = is_inside(host)
    if inside is None:
        return unknown(f"RECSYS_SERVE_ADMIN_HOST is the name {host}; whether that is inside cannot be seen from here")
    said = f"RECSYS_SERVE_ADMIN_HOST is {host}"
    return yes(said) if inside else no(f"{said}: whoever reaches this machine reaches it")


def _rate_limited(facts: Facts) -> Found:
    if facts.settings is None:
        return unknown(facts.settings_problem)
    rate = facts.settings.tenant_rate_per_s
    if rate:
        return yes(f"at most {rate:g} requests/s of a tenant on a host")
    return no("RECSYS_SERVE_TENANT_RATE_PER_S is 0: one tenant can take all")


def _two_hosts(facts: Facts) -> Found:
    live = [beat.host for beat in alive(facts.heartbeats, now_s=facts.now_s)]
    said = f"{len(live)} reported in the last {THRESHOLDS.heartbeat_missing_s:g} s" + (
        f": {', '.join(sorted(live))}" if live else ""
    )
    return yes(said) if len(live) >= facts.limits.hosts else no(said)


def _probes_answer(facts: Facts) -> Found:
    seen = {probe: seen_at(facts.urls.product + probe) for probe in PROBES}
    if all(answer is None for answer in seen.values()):
        return unknown(f"nothing answers HTTP at {facts.urls.product}")
    said = ", ".join(f"{probe} {answer[0] if answer else 'no answer'}" for probe, answer in seen.items())
    right = all(answer is not None and answer[0] == 200 for answer in seen.values())
    return yes(f"{facts.urls.product}: {said}") if right else no(f"{facts.urls.product}: {said}")


def _operators_guarded(facts: Facts) -> Found:
    where = f"{facts.urls.operators}/v1/admin/tenants"
    seen = seen_at(where)
    if seen is None:
        return unknown(f"nothing answers HTTP at {facts.urls.operators}")
    said = f"{where} without a key: {seen[0]}"
    return yes(said) if seen[0] in (401, 403) else no(said)


def _floor_there(facts: Facts) -> Found:
    if not facts.places.root.is_dir():
        return unknown(f"no service runs from {facts.places.root} on this machine")
    lacking = []
    for tenant in facts.tenants:
        try:
            open_floor(facts.places.floor(tenant.name))
        except (SnapshotRejected, OSError):
            lacking.append(tenant.name)
    return no(f"no floor on this host for {', '.join(lacking)}") if lacking else yes("for every tenant on this host")


def _healthy(facts: Facts) -> Found:
    spool = facts.places.spool if facts.places.spool.is_dir() else None
    found = health(facts.store, [tenant.name for tenant in facts.tenants], spool=spool, now_s=facts.now_s)
    bad, unseen = [], []
    for tenant, of in found.tenants.items():
        for surface, layers in of.surfaces.items():
            for name in ("serving", "pipelines", "releases"):
                layer = getattr(layers, name)
                if layer.state in ("failing", "degraded"):
                    bad.append(f"{tenant}/{surface} {name} is {layer.state}")
                elif layer.state == "unknown":
                    unseen.append(f"{tenant}/{surface} {name}")
    if bad:
        return no("; ".join(bad))
    return unknown(f"nothing to judge {', '.join(unseen)} by") if unseen else yes("every layer of every surface")


ITEMS = (
    Item(
        id="settings-fit",
        area="service mode",
        asks="Can the service start with the settings of this environment?",
        how="the environment of this command is read as recsys serve reads it",
        why="a service that does not start is noticed at the next restart, at night",
        todo="docs/reference/settings.md; run this command with the environment of the service",
        check=_settings_fit,
    ),
    Item(
        id="mode-named",
        area="service mode",
        asks="Does the installation say that it is not for development?",
        how="RECSYS_ENV is neither empty, development nor test",
        why="only then are development headers refused, whatever else is set",
        todo="export RECSYS_ENV=production where the service is started",
        check=_mode_named,
    ),
    Item(
        id="keys-asked",
        area="service mode",
        asks="Is everybody asked for a key or a token?",
        how="RECSYS_SERVE_DEV_HEADERS is off",
        why="with development headers anybody is any tenant",
        todo="unset RECSYS_SERVE_DEV_HEADERS; make keys with: recsys keys create",
        check=_keys_asked,
    ),
    Item(
        id="operators-port-inside",
        area="service mode",
        asks="Is the operators' port out of the public's reach?",
        how="RECSYS_SERVE_ADMIN_HOST is a loopback or private address; a name has to be answered for",
        why="metrics and health are open there, and the levers lie behind one key",
        todo="set RECSYS_SERVE_ADMIN_HOST to an inside address",
        check=_operators_inside,
        answerable=True,
    ),
    Item(
        id="tls",
        area="service mode",
        asks="Does TLS end in front of both ports, wherever a network is crossed?",
        how="asked: a proxy does it, which nobody sees from here",
        why="keys and user ids would cross the network for all to read",
        todo="put a proxy with TLS in front of both ports",
    ),
    Item(
        id="rate-limited",
        area="service mode",
        asks="Is there a limit on what one tenant may ask?",
        how="RECSYS_SERVE_TENANT_RATE_PER_S is above 0",
        why="one tenant's loop is every tenant's outage",
        todo="export RECSYS_SERVE_TENANT_RATE_PER_S=N, above the busiest hour; docs/reference/settings.md",
        check=_rate_limited,
    ),
    Item(
        id="two-hosts",
        area="service mode",
        asks="Do two hosts or more serve?",
        how="heartbeats in the store, of the last half minute",
        why="a host that is restarted or lost takes nobody's answers with it",
        todo="start recsys serve on another host, on the same store",
        check=_two_hosts,
    ),
    Item(
        id="probes-answer",
        area="probes and alerts",
        asks="Do the probes of the service say yes?",
        how=f"{' and '.join(PROBES)} answer 200; the ports of this host's service, or --url",
        why="what routes traffic goes by them",
        todo="recsys doctor not-ready; name the port with --url",
        check=_probes_answer,
    ),
    Item(
        id="operators-port-guarded",
        area="probes and alerts",
        asks="Does the operators' port refuse who has no key?",
        how="it is asked for the tenants without a key, and answers 401 or 403; --admin-url names it",
        why="it reads every tenant's state and pulls every lever",
        todo="is something between that adds a key? name the port with --admin-url",
        check=_operators_guarded,
    ),
    Item(
        id="floor-present",
        area="probes and alerts",
        asks="Has this host a floor for every tenant?",
        how="the floor files below --host-dir open",
        why="it is what is shown when nothing else opens",
        todo="ship something and start the service once: docs/explanation/availability.md",
        check=_floor_there,
    ),
    Item(
        id="health-good",
        area="probes and alerts",
        asks="Are serving, pipelines and releases healthy now?",
        how="the health model of recsys status, over the last 24 h",
        why="what begins ill is not noticed when it falls ill",
        todo="recsys status, then recsys doctor",
        check=_healthy,
    ),
    Item(
        id="alerts-loaded",
        area="probes and alerts",
        asks="Do the alerts of docs/how-to/alert-on-it.md reach somebody, and was one tried?",
        how="asked: they live in your monitoring",
        why="staleness is served and flagged, and stays so until somebody is told",
        todo="docs/how-to/alert-on-it.md",
    ),
    Item(
        id="on-call",
        area="probes and alerts",
        asks="Is somebody on call who can run recsys doctor against this store?",
        how="asked",
        why="a lever takes a second to act, and hours to be found",
        todo="give them a key or a login, and docs/index.md",
    ),
)
