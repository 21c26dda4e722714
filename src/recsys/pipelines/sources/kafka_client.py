"""How Kafka is asked: one consumer of librdkafka, its bounds, and its errors in our words."""

import datetime
import importlib.util
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import msgspec

from recsys.errors import Failed, UsageError
from recsys.pipelines.errors import BadInput
from recsys.pipelines.sources.config import KafkaDocument
from recsys.pipelines.sources.errors import SourceAway, SourceDenied

__all__ = ["KafkaClient", "Span", "open_consumer"]

T = TypeVar("T")

_OURS: Mapping[str, Any] = {
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "auto.offset.reset": "error",  # an offset that is gone is told, never passed over
    "isolation.level": "read_committed",
    "enable.partition.eof": True,
    "allow.auto.create.topics": False,
    "log_level": 0,  # what it would log is in our errors
}
_DENIED = (
    "_AUTHENTICATION",
    "SASL_AUTHENTICATION_FAILED",
    "TOPIC_AUTHORIZATION_FAILED",
    "GROUP_AUTHORIZATION_FAILED",
    "CLUSTER_AUTHORIZATION_FAILED",
)


class Span(msgspec.Struct, frozen=True):
    """Offsets of one partition: ``begin`` is the first, ``end`` the one after the last."""

    begin: int
    end: int


def open_consumer(settings: Mapping[str, Any]) -> Any:
    """Make confluent-kafka's consumer."""
    from confluent_kafka import Consumer

    return Consumer(dict(settings))


class KafkaClient:
    """One topic, asked by a consumer that is opened for a while. ``opens`` makes it of its settings."""

    def __init__(
        self, document: KafkaDocument, *, environment: Mapping[str, str], opens: Callable[[Mapping[str, Any]], Any]
    ) -> None:
        _require_installed()
        self._topic, self._timeout_s, self._opens = document.topic, document.timeout_s, opens
        self._said: dict[str, str] = {}
        secrets = {}
        for setting, variable in document.settings_env.items():
            if not environment.get(variable):
                raise BadInput(f"source: {variable} is not set", next_step=f"it holds Kafka's `{setting}`")
            secrets[setting] = environment[variable]
        given = ", ".join(f"{setting} from {variable}" for setting, variable in document.settings_env.items())
        self.credentials = given or str(document.settings.get("security.protocol", "none given"))
        self.name = f"Kafka {','.join(document.brokers)} topic {document.topic}"
        self._settings = {
            **document.settings,
            **secrets,
            **_OURS,
            "bootstrap.servers": ",".join(document.brokers),
            "group.id": document.group,
            "error_cb": self.hear,
        }

    @contextmanager
    def consuming(self) -> Iterator[Any]:
        """Lend a consumer, which is closed afterwards."""
        self._said.clear()
        consumer = self.ask(None, lambda: self._opens(self._settings))
        try:
            yield consumer
        finally:
            consumer.close()

    def ask(self, consumer: Any, ask: Callable[[], T], *, what: str = "") -> T:
        """Ask the client; say its errors in our words, with ``what`` was to be done."""
        from confluent_kafka import KafkaException

        try:
            return ask()
        except KafkaException as error:
            if consumer is not None:
                consumer.poll(0)  # to hear what it said of it meanwhile
            raise self.explained(error.args[0], what) from None

    def hear(self, error: Any) -> None:
        """Keep what the client says of its connections, once each."""
        if error.name() != "_PARTITION_EOF":
            self._said.setdefault(error.name(), error.str())

    def explained(self, error: Any, what: str) -> Failed | SourceDenied | BadInput:
        """Turn an error of the client into ours: who refused, what is set wrongly, or that nobody answers."""
        where = f"{what}: " if what else ""
        denied = next((name for name in (error.name(), *self._said) if name in _DENIED), None)
        if denied is not None:
            said = self._said.get(denied, error.str())
            return SourceDenied(self.name, f"{where}{said}", credentials=self.credentials)
        if error.name() in ("_INVALID_ARG", "_CONFLICT", "_NOT_IMPLEMENTED"):
            return BadInput(f"{self.name}: {where}{error.str()}", next_step="check the settings of the source")
        said = next(iter(self._said.values()), error.str())
        return SourceAway(self.name, f"{where}{said}", credentials=self.credentials)

    def kept(self, consumer: Any) -> dict[int, Span]:
        """Return the oldest offset and the next one of each partition."""
        from confluent_kafka import TopicPartition

        listed = self.ask(consumer, lambda: consumer.list_topics(self._topic, timeout=self._timeout_s))
        known = listed.topics[self._topic]
        if known.error is not None:
            if known.error.name() == "UNKNOWN_TOPIC_OR_PART":
                raise BadInput(
                    f"{self.name}: there is no such topic (credentials: {self.credentials})",
                    next_step="check its name, and that these credentials may describe it",
                )
            raise self.explained(known.error, "the topic cannot be described")
        return {n: self._kept_of(consumer, TopicPartition(self._topic, n)) for n in sorted(known.partitions)}

    def _kept_of(self, consumer: Any, partition: Any) -> Span:
        return Span(*self.ask(consumer, lambda: consumer.get_watermark_offsets(partition, timeout=self._timeout_s)))

    def at(self, consumer: Any, day: datetime.date, ends: Mapping[int, int]) -> dict[int, int]:
        """Return the first offset of a message of that day or later; the end where there is none."""
        from confluent_kafka import TopicPartition

        midnight = datetime.datetime.combine(day, datetime.time(), datetime.UTC)
        asked = [TopicPartition(self._topic, n, int(midnight.timestamp() * 1000)) for n in ends]
        found = self.ask(consumer, lambda: consumer.offsets_for_times(asked, timeout=self._timeout_s))
        for one in found:
            if one.error is not None:
                raise self.explained(one.error, f"partition {one.partition} cannot be asked for {day}")
        return {
            one.partition: min(one.offset, ends[one.partition]) if one.offset >= 0 else ends[one.partition]
            for one in found
        }

    def silent(self, reached: Mapping[int, int], waiting: set[int]) -> SourceAway:
        """Say that nothing comes any more, and at which offsets that was."""
        where = ", ".join(f"partition {n} at offset {reached[n]}" for n in sorted(waiting))
        said = next(iter(self._said.values()), f"nothing came for {self._timeout_s:g} s")
        return SourceAway(self.name, f"{said}; {where}", credentials=self.credentials)


def _require_installed() -> None:
    if importlib.util.find_spec("confluent_kafka") is None:
        raise UsageError(
            "reading Kafka takes a package that is not here", next_step="pip install 'recsys-suite[kafka]'"
        )
