"""librdkafka's own broker, which speaks the protocol, in a process that nothing else happens to.

Its threads end for good at the first signal they are given, and other tests send some to the test process. It says
where it is, and ends with its standard input.
"""

import sys

import confluent_kafka


def main() -> None:
    """Be a broker until nobody holds the other end of standard input any more."""
    made = confluent_kafka.Producer({"bootstrap.servers": "", "test.mock.num.brokers": 1, "log_level": 0})
    known = made.list_topics(timeout=20).brokers.values()
    sys.stdout.write(",".join(f"{broker.host}:{broker.port}" for broker in known) + "\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main()
