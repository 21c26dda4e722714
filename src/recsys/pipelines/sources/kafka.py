"""A topic of Kafka as a source: its partitions from a time, or from where the last fetch ended, up to what stood there
when the fetch began.

Partitions are assigned, not subscribed to: a run reads all of them, and nobody joins or leaves. The group holds offsets
for those who watch its lag; where a run goes on is said by the position kept with the events.
"""

import datetime
import importlib.util
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import msgspec

from recsys.errors import Failed, UsageError
from recsys.pipelines.errors import BadInput
from recsys.pipelines.sources.config import KafkaDocument
from recsys.pipelines.sources.errors import PositionGone, SourceAway, SourceDenied
from recsys.pipelines.sources.port import Fetched, SourceCheck, new_file
from recsys.progress import Progress

__all__ = ["KafkaEvents"]

T = TypeVar("T")

_AT_ONCE = 5_000
"""Messages taken from the client at a time."""
_WAIT_S = 0.2
"""For how long to wait for so many."""
_PARTITIONS_AT_ONCE = 200
"""Each has a file open meanwhile."""
_ONE_LINE = bytes.maketrans(b"\n\r", b"  ")
"""Between the words of JSON a line end is a space, and inside its strings there is none."""
_NOTHING = b"null"
"""The line of a message without a value: not an event, and counted as a bad line."""
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


class _Span(msgspec.Struct, frozen=True):
    """Offsets of one partition to be read: ``begin`` is the first, ``end`` the one after the last."""

    begin: int
    end: int


class KafkaEvents:
    """A topic whose values are JSON objects.

    Parameters
    ----------
    open_consumer
        Makes the client of its settings; by default confluent-kafka's.

    Raises
    ------
    BadInput
        A variable of ``settings_env`` is not set.
    UsageError
        confluent-kafka is not installed.
    """

    def __init__(
        self,
        document: KafkaDocument,
        *,
        environment: Mapping[str, str],
        open_consumer: Callable[[Mapping[str, Any]], Any] | None = None,
    ) -> None:
        _require_installed()
        self._document = document
        self._open_consumer = open_consumer or _consumer
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
            "error_cb": self._hear,
        }

    def fetch(
        self,
        into: Path,
        *,
        first: datetime.date,
        last: datetime.date,
        since: Mapping[str, Any] | None,
        progress: Progress,
    ) -> Fetched:
        """Lay the messages down as one JSONL file a partition, named by the offset of its first. The position is the
        next offset of each partition.
        """
        with self._consuming() as consumer:
            spans = self._spans(consumer, first, last, since)
            files = {n: into / f"{self._document.topic}-{n}-from-{span.begin}.jsonl" for n, span in spans.items()}
            with progress("fetch", total=sum(span.end - span.begin for span in spans.values())) as advance:
                reached = self._read(consumer, spans, files, advance)
        return Fetched(
            files=tuple(path for path in files.values() if path.exists()),
            position={"topic": self._document.topic, "offsets": {str(n): at for n, at in sorted(reached.items())}},
            whole_days=not since,
        )

    def confirm(self, position: Mapping[str, Any]) -> None:
        """Commit the offsets in the group. May be repeated; what was committed and what is durable never differ by more
        than one confirmation.
        """
        from confluent_kafka import TopicPartition

        offsets = [TopicPartition(self._document.topic, n, at) for n, at in self._offsets(position).items()]
        if not offsets:
            return
        with self._consuming() as consumer:
            done = self._asked(consumer, lambda: consumer.commit(offsets=offsets, asynchronous=False))
            for one in done:
                if one.error is not None:
                    raise self._explained(one.error, f"partition {one.partition}: offset {one.offset} is not committed")

    def check(self) -> SourceCheck:
        from confluent_kafka import TopicPartition

        with self._consuming() as consumer:
            kept = self._kept(consumer)
            asked = [TopicPartition(self._document.topic, n) for n in kept]
            committed = self._asked(consumer, lambda: consumer.committed(asked, timeout=self._document.timeout_s))
            at = {one.partition: one.offset for one in committed}
            fields = self._first_fields(consumer, kept)
        found: dict[str, int | str] = {"messages": sum(span.end - span.begin for span in kept.values())}
        for n, span in kept.items():
            read = f"group {self._document.group} at {at[n]}" if at[n] >= 0 else "nothing committed"
            found[f"partition {n}"] = f"offsets {span.begin} to {span.end}, {read}"
        return SourceCheck(source=self.name, credentials=self.credentials, found=found, fields=fields)

    def _spans(
        self, consumer: Any, first: datetime.date, last: datetime.date, since: Mapping[str, Any] | None
    ) -> dict[int, _Span]:
        """Tell which offsets to read: none past those that stand there now, nor past the end of the last day."""
        kept = self._kept(consumer)
        ends = {n: span.end for n, span in kept.items()}
        if self._document.by_time:
            ends = self._at(consumer, last + datetime.timedelta(days=1), ends)
        if not since:
            begins = {n: span.begin for n, span in kept.items()}
            if self._document.by_time:
                begins = {n: max(at, begins[n]) for n, at in self._at(consumer, first, ends).items()}
        else:
            begins = self._continued(since, kept)
        # a position may lie past the end of the last day: a fetch for a later day has been here
        return {n: _Span(begins[n], max(begins[n], ends[n])) for n in kept}

    def _continued(self, since: Mapping[str, Any], kept: Mapping[int, _Span]) -> dict[int, int]:
        """Go on from a position; a partition that is new begins at its oldest."""
        position = self._offsets(since)
        for n in position.keys() - kept.keys():
            raise PositionGone(
                f"{self.name} has no partition {n}, which was read up to offset {position[n]}",
                next_step="the topic was made anew: read the whole window again, without --incremental",
            )
        begins = {n: position.get(n, span.begin) for n, span in kept.items()}
        for n, at in begins.items():
            self._require_kept(n, at, kept[n])
        return begins

    def _require_kept(self, partition: int, offset: int, kept: _Span) -> None:
        where = f"{self.name} partition {partition}"
        if offset < kept.begin:
            raise PositionGone(
                f"{where} no longer has offset {offset}: its oldest is {kept.begin}",
                next_step=f"{kept.begin - offset} messages were deleted before they were read: take their days from "
                "elsewhere, then read the whole window again, without --incremental; or keep messages for longer",
            )
        if offset > kept.end:
            raise PositionGone(
                f"{where} ends at offset {kept.end}, and was read up to {offset}: it was made anew",
                next_step="read the whole window again, without --incremental",
            )

    def _offsets(self, position: Mapping[str, Any]) -> dict[int, int]:
        if position.get("topic") != self._document.topic:
            raise BadInput(
                f"the position {dict(position)} is not one of {self.name}", next_step="read the whole window again"
            )
        return {int(n): int(at) for n, at in position["offsets"].items()}

    def _kept(self, consumer: Any) -> dict[int, _Span]:
        """Return the oldest offset and the next one of each partition."""
        from confluent_kafka import TopicPartition

        topic, timeout_s = self._document.topic, self._document.timeout_s
        known = self._asked(consumer, lambda: consumer.list_topics(topic, timeout=timeout_s)).topics[topic]
        if known.error is not None:
            if known.error.name() == "UNKNOWN_TOPIC_OR_PART":
                raise BadInput(
                    f"{self.name}: there is no such topic (credentials: {self.credentials})",
                    next_step="check its name, and that these credentials may describe it",
                )
            raise self._explained(known.error, "the topic cannot be described")
        return {n: self._kept_of(consumer, TopicPartition(topic, n)) for n in sorted(known.partitions)}

    def _kept_of(self, consumer: Any, partition: Any) -> _Span:
        timeout_s = self._document.timeout_s
        return _Span(*self._asked(consumer, lambda: consumer.get_watermark_offsets(partition, timeout=timeout_s)))

    def _at(self, consumer: Any, day: datetime.date, ends: Mapping[int, int]) -> dict[int, int]:
        """Return the first offset of a message of that day or later; the end where there is none."""
        from confluent_kafka import TopicPartition

        topic, timeout_s = self._document.topic, self._document.timeout_s
        midnight = datetime.datetime.combine(day, datetime.time(), datetime.UTC)
        asked = [TopicPartition(topic, n, int(midnight.timestamp() * 1000)) for n in ends]
        found = self._asked(consumer, lambda: consumer.offsets_for_times(asked, timeout=timeout_s))
        for one in found:
            if one.error is not None:
                raise self._explained(one.error, f"partition {one.partition} cannot be asked for {day}")
        return {
            one.partition: min(one.offset, ends[one.partition]) if one.offset >= 0 else ends[one.partition]
            for one in found
        }

    def _read(
        self, consumer: Any, spans: Mapping[int, _Span], files: Mapping[int, Path], advance: Callable[[int], None]
    ) -> dict[int, int]:
        """Write what lies in the spans, some partitions at a time; return the next offset of each."""
        reached = {n: span.begin for n, span in spans.items()}
        waiting = sorted(n for n, span in spans.items() if span.end > span.begin)
        for begin in range(0, len(waiting), _PARTITIONS_AT_ONCE):
            some = waiting[begin : begin + _PARTITIONS_AT_ONCE]
            self._read_some(consumer, {n: spans[n] for n in some}, files, reached, advance)
        return reached

    def _read_some(
        self,
        consumer: Any,
        spans: Mapping[int, _Span],
        files: Mapping[int, Path],
        reached: dict[int, int],
        advance: Callable[[int], None],
    ) -> None:
        from confluent_kafka import TopicPartition

        waiting = set(spans)
        consumer.assign([TopicPartition(self._document.topic, n, span.begin) for n, span in spans.items()])
        heard = time.monotonic()
        with ExitStack() as opened:
            writers: dict[int, BinaryIO] = {}
            while waiting:
                batch = self._asked(consumer, lambda: consumer.consume(_AT_ONCE, _WAIT_S))
                for message in batch:
                    n, offset, ended = message.partition(), message.offset(), message.error() is not None
                    if n not in waiting:
                        continue
                    if ended:
                        self._require_end(message, spans[n])
                    elif offset < spans[n].end:
                        if n not in writers:
                            writers[n] = opened.enter_context(new_file(files[n]))
                        writers[n].write(_line(message.value()))
                        advance(offset + 1 - reached[n])
                        reached[n] = offset + 1
                    if ended or offset + 1 >= spans[n].end:
                        # what follows the last message may be marks of transactions, which nobody is given
                        reached[n] = min(offset, spans[n].end) if ended else spans[n].end
                        waiting.discard(n)
                        consumer.pause([TopicPartition(self._document.topic, n)])
                if batch:
                    heard = time.monotonic()
                elif time.monotonic() > heard + self._document.timeout_s:
                    raise self._silent(reached, waiting)

    def _require_end(self, message: Any, span: _Span) -> None:
        """Take the notice that a partition ends here; raise whatever else a message can say in place of a value."""
        error, n = message.error(), message.partition()
        if error.name() == "_PARTITION_EOF":
            return
        if error.name() in ("_AUTO_OFFSET_RESET", "OFFSET_OUT_OF_RANGE"):
            raise PositionGone(
                f"{self.name} partition {n} no longer has offset {message.offset()}: it was deleted while it was read",
                next_step=f"run again; {span.begin} was the oldest to be read",
            )
        raise self._explained(error, f"partition {n} offset {message.offset()}")

    def _silent(self, reached: Mapping[int, int], waiting: set[int]) -> Failed:
        where = ", ".join(f"partition {n} at offset {reached[n]}" for n in sorted(waiting))
        said = next(iter(self._said.values()), f"nothing came for {self._document.timeout_s:g} s")
        return SourceAway(self.name, f"{said}; {where}", credentials=self.credentials)

    def _first_fields(self, consumer: Any, kept: Mapping[int, _Span]) -> tuple[str, ...]:
        """Return the fields of the oldest message of some partition; none where it is not a JSON object."""
        from confluent_kafka import TopicPartition

        n = next((n for n, span in kept.items() if span.end > span.begin), None)
        if n is None:
            return ()
        consumer.assign([TopicPartition(self._document.topic, n, kept[n].begin)])
        messages = self._asked(consumer, lambda: consumer.consume(1, self._document.timeout_s))
        try:
            value = msgspec.json.decode(messages[0].value() or b"") if messages else None
        except (msgspec.DecodeError, UnicodeDecodeError):
            return ()
        return tuple(value) if isinstance(value, dict) else ()

    @contextmanager
    def _consuming(self) -> Iterator[Any]:
        self._said.clear()
        consumer = self._asked(None, lambda: self._open_consumer(self._settings))
        try:
            yield consumer
        finally:
            consumer.close()

    def _asked(self, consumer: Any, ask: Callable[[], T]) -> T:
        """Ask the client; say its errors in our words."""
        from confluent_kafka import KafkaException

        try:
            return ask()
        except KafkaException as error:
            if consumer is not None:
                consumer.poll(0)  # to hear what it said of it meanwhile
            raise self._explained(error.args[0], "") from None

    def _hear(self, error: Any) -> None:
        """Keep what the client says of its connections, once each."""
        self._said.setdefault(error.name(), error.str())

    def _explained(self, error: Any, what: str) -> Failed | SourceDenied | BadInput:
        where = f"{what}: " if what else ""
        denied = next((name for name in (error.name(), *self._said) if name in _DENIED), None)
        if denied is not None:
            said = self._said.get(denied, error.str())
            return SourceDenied(self.name, f"{where}{said}", credentials=self.credentials)
        if error.name() in ("_INVALID_ARG", "_CONFLICT", "_NOT_IMPLEMENTED"):
            return BadInput(f"{self.name}: {where}{error.str()}", next_step="check the settings of the source")
        said = next(iter(self._said.values()), error.str())
        return SourceAway(self.name, f"{where}{said}", credentials=self.credentials)


def _line(value: bytes | None) -> bytes:
    """Make one line of a message's value, whatever it is."""
    line = (value or _NOTHING).translate(_ONE_LINE)
    return (line if line.strip() else _NOTHING) + b"\n"


def _consumer(settings: Mapping[str, Any]) -> Any:
    from confluent_kafka import Consumer

    return Consumer(dict(settings))


def _require_installed() -> None:
    if importlib.util.find_spec("confluent_kafka") is None:
        raise UsageError(
            "reading Kafka takes a package that is not here", next_step="pip install 'recsys-suite[kafka]'"
        )
