"""Who may ask for what, and what is kept of people."""

import stat
from collections.abc import Iterator
from pathlib import Path

from recsys.access import Directory, KeyInfo
from recsys.encoding import parse_rfc3339
from recsys.operations.readiness.facts import Facts
from recsys.operations.readiness.item import Found, Item, no, unknown, yes
from recsys.releases.manifest import read_manifest
from recsys.serving.key_sets import read_key_set_copy

__all__ = ["ITEMS"]


def _live(directory: Directory, tenant: str) -> list[KeyInfo]:
    return [key for key in directory.keys_of(tenant) if not key.revoked]


def _least_role(facts: Facts) -> Found:
    if not facts.tenants:
        return no("there is no tenant")
    if facts.settings is not None and facts.settings.token_rules is not None:
        return yes(f"tokens of {facts.settings.jwt_issuer} bear the role")
    lacking = [
        tenant.name
        for tenant in facts.tenants
        if not any(key.role == "client" for key in _live(facts.directory, tenant.name))
    ]
    return no(f"no client key: {', '.join(lacking)}") if lacking else yes("every tenant has a client key")


def _few_admins(facts: Facts) -> Found:
    counts = {
        tenant.name: sum(key.role == "admin" for key in _live(facts.directory, tenant.name)) for tenant in facts.tenants
    }
    most = facts.limits.admin_keys
    said = ", ".join(f"{name}: {count}" for name, count in counts.items()) or "no tenant"
    many = [name for name, count in counts.items() if count > most]
    return no(f"{said}; at most {most} each") if many else yes(said)


def _keys_young(facts: Facts) -> Found:
    ages = {
        key.id: facts.age_d(parse_rfc3339(key.created_at, what="key"))
        for tenant in facts.tenants
        for key in _live(facts.directory, tenant.name)
    }
    limit = facts.limits.key_age_d
    old = [f"{key} is {age:.0f} d old" for key, age in ages.items() if age > limit]
    return no(f"{', '.join(old)}; at most {limit}") if old else yes(f"{len(ages)} live keys, none older than {limit} d")


def _tokens_checked(facts: Facts) -> Found:
    if facts.settings is None:
        return unknown(facts.settings_problem)
    rules = facts.settings.token_rules
    if rules is None:
        return yes("no tokens are taken")
    if "://" not in rules.source:
        there = Path(rules.source).is_file()
        return yes(f"the keys of {rules.issuer} are in {rules.source}") if there else no(f"no file {rules.source}")
    copy = read_key_set_copy(facts.places.key_set, source=rules.source)
    if copy is None:
        return unknown(f"this host has not fetched {rules.source} yet")
    return yes(f"this host has the keys of {rules.issuer}")


def _pseudonym_keys(facts: Facts) -> Found:
    lost = [tenant.name for tenant in facts.tenants if facts.directory.tenant(tenant.name).held is None]
    if lost:
        return no(f"cannot be read: {', '.join(lost)}")
    return yes("every tenant's can be read") if facts.tenants else no("there is no tenant")


def _secrets_closed(facts: Facts) -> Found:
    folder = Path(facts.store.name) / "secrets"
    if not folder.is_dir():
        return unknown(f"{facts.store.name} is no directory of this machine")
    paths = [path for path in folder.rglob("*") if path.is_file()]
    opened = [path for path in paths if stat.S_IMODE(path.stat().st_mode) & 0o077]
    if opened:
        return no(f"others on this machine may read {opened[0]}" + (f" and {len(opened) - 1} more" * (len(opened) > 1)))
    return yes(f"{len(paths)} keys, for their owner alone")


def _lapsed(facts: Facts) -> Iterator[str]:
    today, blobs = facts.store.blobs.today(), facts.store.blobs
    for tenant in facts.tenants:
        for surface in tenant.served:
            named = tenant.head.surfaces[surface].manifest
            assert named is not None
            for ref in read_manifest(blobs.read(tenant.name, named)).artifacts():
                if ref.lapsed(today) and blobs.exists(tenant.name, ref.artifact):
                    yield f"{tenant.name}/{surface}: kept until {ref.retain_until}"


def _personal_gone(facts: Facts) -> Found:
    late = list(_lapsed(facts))
    return no("; ".join(late)) if late else yes("nothing personal is kept past its last day")


def _erasure_tried(facts: Facts) -> Found:
    dates = [
        parse_rfc3339(release.at, what="record")
        for tenant in facts.tenants
        for release in tenant.releases
        if release.action == "erase"
    ]
    return yes("a user was erased", at_s=max(dates)) if dates else unknown("no erasure in the log")


ITEMS = (
    Item(
        id="least-role",
        area="tenancy and access",
        asks="Does each tenant's product ask with a key that can do nothing else?",
        how="every tenant has a live key of role client, or tokens (JWT) bear roles",
        why="an operator's key in a page is everybody's lever",
        todo="recsys keys create --tenant T --role client",
        check=_least_role,
    ),
    Item(
        id="few-admin-keys",
        area="tenancy and access",
        asks="Are there few admin keys?",
        how="live keys of role admin, for each tenant",
        why="an admin makes keys; each key of one more is one more way in",
        todo="recsys keys list, then recsys keys revoke",
        check=_few_admins,
    ),
    Item(
        id="keys-young",
        area="tenancy and access",
        asks="Are keys changed now and then?",
        how="the age of live keys",
        why="an old key has been in more places than anybody remembers",
        todo="docs/how-to/add-a-key.md",
        check=_keys_young,
    ),
    Item(
        id="tokens-checked",
        area="tenancy and access",
        asks="Where tokens (JWT) are taken, has the host the issuer's keys?",
        how="the JWKS file is there, or this host fetched it; without tokens there is nothing to check",
        why="without them everybody with a token is refused",
        todo="docs/how-to/let-in-with-jwt.md",
        check=_tokens_checked,
    ),
    Item(
        id="keys-in-use",
        area="tenancy and access",
        asks="Is every live key known to be in use, and by whom?",
        how="asked: use of single keys is not recorded",
        why="a key without a user is only of use to a thief",
        todo="recsys keys list, then recsys keys revoke",
    ),
    Item(
        id="contracts-agreed",
        area="contracts and privacy",
        asks="Have those who send events agreed to the schemas, and do they hear when a run counts bad lines?",
        how="asked",
        why="a field that changes its meaning empties no list; it makes every list a little worse",
        todo="docs/how-to/bring-your-own-data.md and docs/reference/checks.md",
    ),
    Item(
        id="pseudonym-key",
        area="contracts and privacy",
        asks="Can every tenant's pseudonym key be read?",
        how="the store's secrets/ are read",
        why="without it users are strangers at every visit, and no raw id leads anywhere",
        todo="put secrets/ back from the backup: docs/how-to/back-up-and-restore.md",
        check=_pseudonym_keys,
    ),
    Item(
        id="secrets-closed",
        area="contracts and privacy",
        asks="Can only the service's user read the pseudonym keys?",
        how="modes of the files below secrets/; for a bucket it is asked",
        why="with the key pseudonyms are names again",
        todo="chmod -R go-rwx on secrets/ of the store; of a bucket, its policy",
        check=_secrets_closed,
        answerable=True,
    ),
    Item(
        id="personal-data-deleted",
        area="contracts and privacy",
        asks="Is personal data deleted after its last day?",
        how="personal artifacts that are served are not past their last day",
        why="a promise to delete is kept by a collection, and by nothing else",
        todo="recsys releases gc, and a schedule for it: docs/how-to/collect-garbage.md",
        check=_personal_gone,
    ),
    Item(
        id="retention-set",
        area="contracts and privacy",
        asks="Is it decided and set how long event files are kept?",
        how="asked: the suite does not delete events, a bucket's lifecycle or your schedule does",
        why="events are the largest personal data there is",
        todo="a lifecycle rule on events/ of the store",
    ),
    Item(
        id="erasure-tried",
        area="contracts and privacy",
        asks="Was a user erased once, from request to proof?",
        how="an erase in the log; else asked",
        why="the law gives a month, and the first try takes most of it",
        todo="docs/how-to/erase-a-user.md",
        check=_erasure_tried,
        answerable=True,
    ),
)
