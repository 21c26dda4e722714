from recsys.serving.counters import LATENCY_BUCKETS_S, Counters, read_counters


def values(paths):
    return {(one.name, tuple(one.labels.values())): one.values for one in read_counters(paths)}


def test_the_counts_of_all_workers_are_added_up(tmp_path):
    for name, count in (("a", 2), ("b", 3)):
        counters = Counters(tmp_path / name)
        counters.cells[counters.cell("answers", {"tenant": "demo"})] += count
    assert values([tmp_path / "a", tmp_path / "b"]) == {("answers", ("demo",)): (5.0,)}


def test_a_successor_goes_on_from_where_the_killed_worker_was(tmp_path):
    first = Counters(tmp_path / "w")
    first.cells[first.cell("answers", {"tenant": "a"})] += 1
    first.cells[first.cell("answers", {"tenant": "b"})] += 1
    second = Counters(tmp_path / "w")
    second.cells[second.cell("answers", {"tenant": "b"})] += 1
    second.cells[second.cell("more")] += 7
    assert values([tmp_path / "w"]) == {
        ("answers", ("a",)): (1.0,),
        ("answers", ("b",)): (2.0,),
        ("more", ()): (7.0,),
    }


def test_a_duration_is_counted_in_its_bucket_and_summed(tmp_path):
    counters = Counters(tmp_path / "w")
    histogram = counters.histogram("seconds")
    for seconds in (0.001, 0.004, 99.0):
        counters.observe(histogram, seconds)
    (one,) = read_counters([tmp_path / "w"])
    assert one.values[0] == 1.0
    assert one.values[LATENCY_BUCKETS_S.index(0.005)] == 1.0
    assert one.values[len(LATENCY_BUCKETS_S)] == 1.0
    assert one.values[-1] == 99.005


def test_series_without_end_do_not_take_memory_without_end(tmp_path):
    counters = Counters(tmp_path / "w")
    known = counters.cell("answers", {"tenant": "demo"})
    for number in range(4000):
        counters.observe(counters.histogram("seconds", {"surface": f"s{number}"}), 0.1)
    counters.cells[known] += 1
    assert values([tmp_path / "w"])["answers", ("demo",)] == (1.0,)
    assert (tmp_path / "w").stat().st_size < 2 << 20


def test_a_name_torn_by_a_kill_is_not_read(tmp_path):
    counters = Counters(tmp_path / "w")
    counters.cells[counters.cell("answers")] += 1
    with (tmp_path / "w").open("r+b") as file:
        head = file.read(200)
        end = head.index(b"\n") + 1
        file.seek(end)
        file.write(b'{"first":2,"na')
    again = Counters(tmp_path / "w")
    again.cells[again.cell("other")] += 1
    assert values([tmp_path / "w"]) == {("answers", ()): (1.0,), ("other", ()): (1.0,)}
