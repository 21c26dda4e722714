"""A topic of Kafka as a source: its partitions from a time, or from where the last fetch ended, up to what stood there
when the fetch began.

Partitions are assigned, not subscribed to: a run reads all of them, and nobody joins or leaves. The group holds offsets
for those who watch its lag; where a run goes on is said by the position kept with the events.
"""

import datetime
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from recsys.encoding import rfc3339
from recsys.pipelines.errors import BadInput
from recsys.pipelines.sources.config import KafkaDocument
from recsys.pipelines.sources.errors import PositionGone
from recsys.pipelines.sources.kafka_client import KafkaClient, Span, open_consumer
from recsys.pipelines.sources.port import Fetched, SourceCheck, new_file
from recsys.progress import Progress

__all__ = ["KafkaEvents"]

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


class KafkaEvents:
    """A topic whose values are JSON objects.

    Parameters
    ----------
    opens
        Makes the consumer of its settings; by default confluent-kafka's.

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
        opens: Callable[[Mapping[str, Any]], Any] = open_consumer,
    ) -> None:
        self._document = document
        self._client = KafkaClient(document, environment=environment, opens=opens)
        self.name, self.credentials = self._client.name, self._client.credentials
        self.feed = f"kafka topic {document.topic}"

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
        with self._client.consuming() as consumer:
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
        with self._client.consuming() as consumer:
            what, timeout_s = "the events are kept, their offsets are not committed", self._document.timeout_s
            # a commit takes no time limit of ours, and would wait for brokers that are gone
            self._client.ask(consumer, lambda: consumer.committed(offsets, timeout=timeout_s), what=what)
            done = self._client.ask(consumer, lambda: consumer.commit(offsets=offsets, asynchronous=False), what=what)
            for one in done:
                if one.error is not None:
                    raise self._client.explained(
                        one.error, f"partition {one.partition}: offset {one.offset} is not committed"
                    )

    def check(self) -> SourceCheck:
        from confluent_kafka import TopicPartition

        with self._client.consuming() as consumer:
            kept = self._client.kept(consumer)
            asked = [TopicPartition(self._document.topic, n) for n in kept]
            committed = self._client.ask(consumer, lambda: consumer.committed(asked, timeout=self._document.timeout_s))
            at = {one.partition: one.offset for one in committed}
            first = self._first(consumer, kept)
        found: dict[str, int | str] = {"messages": sum(span.end - span.begin for span in kept.values())}
        if first is not None and first.timestamp()[1] >= 0:
            found[f"oldest of partition {first.partition()}"] = rfc3339(first.timestamp()[1] / 1000)
        for n, span in kept.items():
            read = f"group {self._document.group} at {at[n]}" if at[n] >= 0 else "nothing committed"
            found[f"partition {n}"] = f"offsets {span.begin} to {span.end}, {read}"
        fields = () if first is None else _fields(first.value())
        return SourceCheck(source=self.name, credentials=self.credentials, found=found, fields=fields)

    def _spans(
        self, consumer: Any, first: datetime.date, last: datetime.date, since: Mapping[str, Any] | None
    ) -> dict[int, Span]:
        """Tell which offsets to read: none past those that stand there now, nor past the end of the last day."""
        kept = self._client.kept(consumer)
        ends = {n: span.end for n, span in kept.items()}
        if self._document.by_time:
            ends = self._client.at(consumer, last + datetime.timedelta(days=1), ends)
        if not since:
            begins = {n: span.begin for n, span in kept.items()}
            if self._document.by_time:
                begins = {n: max(at, begins[n]) for n, at in self._client.at(consumer, first, ends).items()}
        else:
            begins = self._continued(since, kept)
        # a position may lie past the end of the last day: a fetch for a later day has been here
        return {n: Span(begins[n], max(begins[n], ends[n])) for n in kept}

    def _continued(self, since: Mapping[str, Any], kept: Mapping[int, Span]) -> dict[int, int]:
        """Go on from a position; a partition that is new begins at its oldest."""
        position = self._offsets(since)
        for n in position.keys() - kept.keys():
            raise PositionGone(
                f"{self.name} has no partition {n}, which was read up to offset {position[n]}",
                next_step="the topic was made anew: read the whole window again: --rebuild",
            )
        begins = {n: position.get(n, span.begin) for n, span in kept.items()}
        for n, at in begins.items():
            self._require_kept(n, at, kept[n])
        return begins

    def _require_kept(self, partition: int, offset: int, kept: Span) -> None:
        where = f"{self.name} partition {partition}"
        if offset < kept.begin:
            raise PositionGone(
                f"{where} no longer has offset {offset}: its oldest is {kept.begin}",
                next_step=f"{kept.begin - offset} messages were deleted before they were read: take their days from "
                "elsewhere, then read the whole window again: --rebuild; or keep messages for longer",
            )
        if offset > kept.end:
            raise PositionGone(
                f"{where} ends at offset {kept.end}, and was read up to {offset}: it was made anew",
                next_step="read the whole window again: --rebuild",
            )

    def _offsets(self, position: Mapping[str, Any]) -> dict[int, int]:
        if position.get("topic") != self._document.topic:
            raise BadInput(
                f"the position {dict(position)} is not one of {self.name}",
                next_step="read the whole window again: --rebuild",
            )
        return {int(n): int(at) for n, at in position["offsets"].items()}

    def _read(
        self, consumer: Any, spans: Mapping[int, Span], files: Mapping[int, Path], advance: Callable[[int], None]
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
        spans: Mapping[int, Span],
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
                batch = self._client.ask(consumer, lambda: consumer.consume(_AT_ONCE, _WAIT_S))
                for message in batch:
                    n, offset, ended = message.partition(), message.offset(), message.error() is not None
                    if n not in waiting:
                        if ended:
                            self._client.hear(message.error())
                        continue
                    heard = time.monotonic()
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
                if time.monotonic() > heard + self._document.timeout_s:
                    raise self._client.silent(reached, waiting)

    def _require_end(self, message: Any, span: Span) -> None:
        """Take the notice that a partition ends here; raise whatever else a message can say in place of a value."""
        error, n = message.error(), message.partition()
        if error.name() == "_PARTITION_EOF":
            return
        if error.name() in ("_AUTO_OFFSET_RESET", "OFFSET_OUT_OF_RANGE"):
            raise PositionGone(
                f"{self.name} partition {n} no longer has offset {message.offset()}: it was deleted while it was read",
                next_step=f"run again; {span.begin} was the oldest to be read",
            )
        raise self._client.explained(error, f"partition {n} offset {message.offset()}")

    def _first(self, consumer: Any, kept: Mapping[int, Span]) -> Any:
        """Return the oldest message of some partition; ``None`` where nobody is given one."""
        from confluent_kafka import TopicPartition

        n = next((n for n, span in kept.items() if span.end > span.begin), None)
        if n is None:
            return None
        consumer.assign([TopicPartition(self._document.topic, n, kept[n].begin)])
        messages = self._client.ask(consumer, lambda: consumer.consume(1, self._document.timeout_s))
        return messages[0] if messages and messages[0].error() is None else None


def _line(value: bytes | None) -> bytes:
    """Make one line of a message's value, whatever it is."""
    line = (value or _NOTHING).translate(_ONE_LINE)
    return (line if line.strip() else _NOTHING) + b"\n"


def _fields(value: bytes | None) -> tuple[str, ...]:
    """Return the fields of a value; none where it is not a JSON object."""
    try:
        found = msgspec.json.decode(value or b"")
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ()
    return tuple(found) if isinstance(found, dict) else ()
