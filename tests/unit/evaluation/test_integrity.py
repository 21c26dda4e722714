def test_a_low_join_holds_and_names_the_worst_day(log):
    for number in range(10):
        log.show(f"r{number}", "ab")
        log.act(f"r{number}" if number else "lost", "a")
    report = log.run()
    assert report.exit_code == 2
    assert report.decision.outcome == "hold"
    assert report.decision.rule == "integrity"
    assert "outcomes_matched: 90% of outcomes have their exposure; at least 95% must" in report.decision.what_happened
    assert "2026-11-22" in report.decision.what_happened


def test_the_threshold_itself_passes(log):
    for number in range(20):
        log.show(f"r{number}", "ab")
        log.act(f"r{number}" if number else "lost", "a")
    assert log.run().exit_code == 0


def test_a_failing_gate_does_not_speak_when_the_data_is_unsound(log):
    log.show("r1", "ab")
    log.act("r1", "a")
    log.act("lost", "a")
    report = log.run(offline={"gates": [{"metric": "ndcg@10", "min_value": 5}]})
    assert report.decision.rule == "integrity"


def test_a_request_id_used_twice_holds_and_is_named(tiny):
    tiny.show("r1", ["i9"], minute=5)
    report = tiny.run("precision@2")
    assert report.exit_code == 2
    assert report.data.duplicate_request_ids == 1
    assert "`r1`" in report.decision.what_happened


def test_of_a_request_id_used_twice_the_earliest_stands(tiny, read):
    tiny.rows["exposures"].insert(0, {"request_id": "r1", "ts": "2026-11-22T09:00:00Z", "items": []})
    report = tiny.run("recall@2", integrity={"max_duplicates": 0.5})
    assert report.exit_code == 0
    assert report.data.requests == 2
    assert read.value(report, "recall@2") == 0.5


def test_clocks_in_another_zone_hold_and_say_by_how_much(log):
    for number in range(5):
        log.show(f"r{number}", "ab", minute=60 + number)
        log.act(f"r{number}", "a", minute=number + 1)
    report = log.run()
    assert report.exit_code == 2
    assert "0.9833 h before: is one log in another time zone?" in report.decision.what_happened


def test_answers_the_service_could_not_record_hold_above_their_share(tiny, read):
    assert read.check(tiny.run(), "unrecorded").state == "unmeasured"
    tiny.rows["exposures"][0]["context"]["unrecorded"] = "0"
    assert read.check(tiny.run(), "unrecorded").state == "ok"
    tiny.rows["exposures"][0]["context"]["unrecorded"] = "2"
    report = tiny.run()
    assert read.check(report, "unrecorded").value == 0.5
    assert report.exit_code == 2


def test_outcomes_none_of_which_count_hold_rather_than_score_zero(log):
    log.show("r1", "ab")
    log.act("r1", "z")
    report = log.run()
    assert report.exit_code == 2
    assert "no outcome counts; most were dropped as not_shown" in report.decision.what_happened


def test_assignments_are_checked_and_their_join_is_told(tiny, tmp_path, read):
    from recsys.evaluation import evaluate

    path = tmp_path / "assignments.jsonl"
    row = '{"experiment_id":"x","variant":"a","request_id":"%s","ts":"2026-11-22T08:00:00Z"}\n'
    path.write_text(row % "r1" + row % "gone")
    dataset = tiny.dataset() | {"assignments": {"type": "jsonl", "path": str(path)}}
    report = evaluate(
        dataset=dataset, config={"offline": {"metrics": [{"name": "mrr", "k": 2}]}}, allow_no_baseline=True
    )
    assert read.check(report, "assignments_matched").value == 0.5
