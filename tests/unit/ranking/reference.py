"""The order of work, done the slow and obvious way: every item is scored and compared with every other."""

from dataclasses import dataclass, field

from recsys.catalog import Item
from recsys.documents import Config, Rule
from recsys.encoding import parse_rfc3339
from recsys.ranking.request import RecommendRequest


@dataclass(frozen=True)
class World:
    """Everything a shelf is made of, in plain words."""

    items: tuple[Item, ...]
    popularity: dict[str, float]
    cooc: dict[str, dict[str, float]]
    rules: tuple[Rule, ...] = ()
    withdrawn: frozenset[str] = frozenset()
    config: Config = field(default_factory=Config)
    popularity_scale: float = 1.0
    cooc_scale: float = 1.0
    cosines: dict[str, dict[str, dict[str, float]]] = field(default_factory=dict)
    surface: str = "home"
    segment: str | None = None
    rows: dict[str, Item] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.rows.update({item.item_id: item for item in self.items})
        lists = [known for near in (self.cooc, *self.cosines.values()) for known in (near, *near.values())]
        for item_id in (*self.popularity, *(name for known in lists for name in known)):
            self.rows.setdefault(item_id, Item(item_id=item_id))


def matches(rule: Rule, item: Item) -> bool:
    match rule.target_type:
        case "item":
            return item.item_id in rule.item_ids
        case "tag":
            return rule.target_key in item.tags
        case "brand":
            return item.brand == rule.target_key
        case _:
            return item.category == rule.target_key


def valid(world: World, now: float) -> list[Rule]:
    here = [
        rule
        for rule in world.rules
        if rule.enabled
        and rule.surface in (None, world.surface)
        and rule.segment in (None, world.segment)
        and (rule.valid_from is None or parse_rfc3339(rule.valid_from) <= now)
        and (rule.valid_until is None or now < parse_rfc3339(rule.valid_until))
    ]
    return sorted(here, key=lambda rule: (-rule.priority, rule.id))


def gone(world: World, item: Item) -> bool:
    return not item.available or item.item_id in world.withdrawn


def passes(request: RecommendRequest, item: Item) -> bool:
    asked = request.constraints
    if request.candidates.include_ids and item.item_id not in request.candidates.include_ids:
        return False
    if any(tag not in item.tags for tag in asked.required_tags):
        return False
    if any(tag in item.tags for tag in asked.forbidden_tags):
        return False
    if asked.min_price is not None and (item.price is None or item.price < asked.min_price):
        return False
    if asked.max_price is not None and (item.price is None or item.price > asked.max_price):
        return False
    if asked.created_after is not None and (
        item.created_at is None or parse_rfc3339(item.created_at) < parse_rfc3339(asked.created_after)
    ):
        return False
    country, locale = request.context.country, request.context.locale
    if country and item.countries and country not in item.countries:
        return False
    return not (locale and item.locales and locale not in item.locales and locale.split("-")[0] not in item.locales)


def asked_of(request: RecommendRequest) -> list[str]:
    """What is asked to start from, newest first, known or not."""
    ids = request.anchors.item_ids
    if not ids:
        events = list(request.user.history)
        events.sort(key=lambda e: float("inf") if e.ts is None else -parse_rfc3339(e.ts))
        ids = tuple(event.item_id for event in events)
    return list(dict.fromkeys(ids))[: request.anchors.max_anchors]


def anchors_of(world: World, request: RecommendRequest) -> list[str]:
    return [item_id for item_id in asked_of(request) if item_id in world.rows]


def seen_of(world: World, request: RecommendRequest, now: float) -> set[str]:
    settings = world.config.exclude_seen
    return {
        event.item_id
        for event in request.user.history
        if event.event_type in settings.events
        and (event.ts is None or parse_rfc3339(event.ts) >= now - settings.days * 86400)
    }


COSINES = ("implicit", "content_sim", "session_seq")


def weights_of(world: World, request: RecommendRequest) -> dict[str, float]:
    algorithm = request.algorithm or world.config.algorithm
    if algorithm != "blend":
        return {algorithm: 1.0}
    weights = dict(world.config.weights)
    if request.weights and world.config.flags.request_weights:
        weights = request.weights
    if not weights:
        common, more = {"popularity": 0.5, "cooc": 1.0}, {"content_sim": 0.25, "session_seq": 0.5}
        if "implicit" in world.cosines:
            common, more = {"popularity": 0.2, "cooc": 0.1, "implicit": 1.0}, {"content_sim": 0.2, "session_seq": 1.0}
        return common | {name: w for name, w in more.items() if name in world.cosines}
    found = {"popularity" if name == "pop" else name: max(0.0, weight) for name, weight in weights.items()}
    return found if any(found.values()) else {"popularity": 1.0}


def norm(ratio: float) -> float:
    return ratio / (ratio + 1.0) if ratio > 0 else 0.0


def evidence(world: World, request: RecommendRequest, item_id: str, weights: dict[str, float]) -> float:
    """What the neighbour signals say for one item."""
    asked = asked_of(request)
    places = {anchor: place for place, anchor in enumerate(asked)}
    anchors = sorted(anchors_of(world, request), key=str.encode)
    total = 0.0
    for anchor in anchors:
        total += world.cooc.get(anchor, {}).get(item_id, 0.0) / world.cooc_scale
    norms = {"cooc": norm(total)}
    for signal in world.cosines:
        total = 0.0
        for anchor in anchors:
            recency = 1.0 / (places[anchor] + 1) if signal == "session_seq" else 1.0
            total += world.cosines[signal].get(anchor, {}).get(item_id, 0.0) * recency
        whole = 1.0 if signal == "implicit" else float(len(asked))
        if signal == "session_seq":
            whole = 0.0
            for place in range(len(asked)):
                whole += 1.0 / (place + 1)
        norms[signal] = min(total / whole, 1.0) if asked else 0.0
    said = 0.0
    for signal in ("cooc", *COSINES):
        said += weights.get(signal, 0.0) * norms.get(signal, 0.0)
    return said + weights.get("emb", 0.0) * max(norms.get(signal, 0.0) for signal in COSINES)


def jaccard(a: Item, b: Item) -> float:
    either = set(a.tags) | set(b.tags)
    return len(set(a.tags) & set(b.tags)) / len(either) if either else 0.0


class Count:
    """Caps, by counting what an answer holds so far."""

    def __init__(self, world: World, request: RecommendRequest) -> None:
        self.per_tag = request.constraints.max_per_tag
        self.per_brand = world.config.diversity.max_per_brand
        self.per_category = world.config.diversity.max_per_category
        self.held: list[Item] = []

    def take(self, item: Item) -> bool:
        if self.per_tag is not None and any(
            sum(tag in held.tags for held in self.held) >= self.per_tag for tag in set(item.tags)
        ):
            return False
        if (
            self.per_brand is not None
            and item.brand is not None
            and sum(held.brand == item.brand for held in self.held) >= self.per_brand
        ):
            return False
        if (
            self.per_category is not None
            and item.category is not None
            and sum(held.category == item.category for held in self.held) >= self.per_category
        ):
            return False
        self.held.append(item)
        return True


def answer(
    world: World, request: RecommendRequest, *, now: float, pool_size: int = 50, least: int = 3
) -> list[tuple[str, float]]:
    """Return (item id, score) in the order of the answer."""
    k = min(max(request.k, 1), world.config.limits.max_k)
    pool_size = max(pool_size, least * k)
    rules = valid(world, now)
    weights = weights_of(world, request)
    asked_for = request.anchors.item_ids and anchors_of(world, request)
    seen = seen_of(world, request, now)
    popularity = {i: norm(world.popularity.get(i, 0.0) / world.popularity_scale) for i in world.rows}

    def lift(item: Item) -> float:
        product = 1.0
        for rule in rules:
            if rule.action == "boost" and matches(rule, item):
                product *= 1.0 + rule.boost_value
        return product

    def score(item: Item) -> float:
        by_popularity = weights.get("popularity", 0.0) * popularity[item.item_id]
        base = by_popularity + evidence(world, request, item.item_id, weights)
        return base * lift(item)

    history = sorted((e.item_id for e in request.user.history if e.item_id in world.rows), key=str.encode)
    tagged = [world.rows[item_id] for item_id in history if world.rows[item_id].tags]
    settings = world.config.personalization
    taste = settings.boost
    if len(tagged) < settings.min_events:
        taste = settings.boost * len(tagged) / settings.min_events
    profile: dict[str, float] = {}
    for item in tagged:
        for tag in sorted(set(item.tags)):
            profile[tag] = profile.get(tag, 0.0) + 1.0 / len(set(item.tags))
    profile = {tag: share / len(tagged) for tag, share in profile.items()}

    def fit(item: Item) -> float:
        if not taste or not tagged:
            return 1.0
        overlap = 0.0
        for tag in sorted(set(item.tags)):
            overlap += profile.get(tag, 0.0)
        return 1.0 + taste * overlap

    def final(item: Item) -> float:
        return score(item) * fit(item)

    def by_id(item: Item) -> bytes:
        return item.item_id.encode()

    blocks = [rule for rule in rules if rule.action in ("block", "exclude")]
    shown = [
        item
        for item in world.rows.values()
        if not gone(world, item)
        and not any(matches(rule, item) for rule in blocks)
        and item.item_id not in request.candidates.exclude_ids
        and item.item_id not in asked_for
        and item.item_id not in seen
        and passes(request, item)
    ]
    known = {item.item_id: item for item in shown}
    count = Count(world, request)

    pins: list[Item] = []
    for rule in rules:
        if rule.action != "pin":
            continue
        room = len(rule.item_ids) if rule.max_pins is None else rule.max_pins
        for item_id in rule.item_ids:
            item = known.get(item_id)
            if item is not None and item not in pins and room > 0 and len(pins) < k and count.take(item):
                pins.append(item)
                room -= 1

    rest = [item for item in shown if item not in pins]
    pool = sorted((item for item in rest if score(item) > 0.0), key=lambda i: (-score(i), by_id(i)))[:pool_size]
    reordered = taste > 0 or count.per_tag is not None or count.per_brand or count.per_category
    mmr = world.config.diversity.mmr_lambda
    if not reordered and mmr == 1.0:
        pool = pool[: k - len(pins)]
    pool.sort(key=lambda i: (-final(i), by_id(i)))

    chosen: list[Item] = []
    waiting = list(pool)
    while waiting and len(pins) + len(chosen) < k:
        top = final(pool[0])

        def worth(item: Item, top: float = top) -> tuple[float, float, bytes]:
            nearest = max((jaccard(item, other) for other in chosen), default=0.0)
            if mmr == 1.0:
                return (-final(item), 0.0, by_id(item))
            return (mmr * -final(item) / top + (1.0 - mmr) * nearest, -final(item), by_id(item))

        nxt = min(waiting, key=worth)
        waiting.remove(nxt)
        if count.take(nxt):
            chosen.append(nxt)

    def popular(item: Item) -> tuple[float, float, bytes]:
        return (-popularity[item.item_id] * lift(item), -popularity[item.item_id], by_id(item))

    refill: list[Item] = []
    for item in sorted((i for i in rest if i not in chosen), key=popular):
        if len(pins) + len(chosen) + len(refill) == k:
            break
        if count.take(item):
            refill.append(item)
    return [(item.item_id, final(item)) for item in (*pins, *chosen, *refill)]
