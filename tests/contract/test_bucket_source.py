"""What is a bucket's own among the sources of events."""

import http.client
import os

import obstore
import pytest
from tests.contract.origins import Bucket
from tests.contract.servers import SIGNED, s3_options
from tests.contract.test_event_sources import FIRST, LAST, ROWS
from tests.unit.pipelines.shops import new_shop, write_jsonl

from recsys.pipelines import BadInput, ingest
from recsys.pipelines.sources.bucket import BucketFiles, credentials_of, fits
from recsys.progress import silent


@pytest.fixture
def shop():
    return new_shop()


@pytest.fixture
def bucket(shop, tmp_path, monkeypatch):
    return Bucket(shop, tmp_path, monkeypatch.setenv)


def files(bucket, pattern):
    return BucketFiles(f"s3://{bucket.name}/{pattern}", os.environ)


def test_files_here_and_in_a_bucket_are_one_input(bucket, shop, tmp_path):
    bucket.put(ROWS[:40])
    here = write_jsonl(tmp_path / "here.jsonl", ROWS[40:])
    window = {"surface": "home", "start": FIRST, "end": LAST}
    both = [str(here), f"s3://{bucket.name}/shop/dt=2025/*.jsonl"]
    mixed = ingest(shop, events=both, folder=tmp_path / "mixed", **window)
    alone = ingest(shop, events=write_jsonl(tmp_path / "all.jsonl", ROWS), folder=tmp_path / "alone", **window)
    assert mixed.partitions == alone.partitions
    assert mixed.counts["files"] == 2


def test_a_bad_line_is_told_with_its_bucket_and_key(bucket, shop, tmp_path):
    bucket.put([*ROWS[:3], {"not": "an event"}])
    with pytest.raises(BadInput, match=rf"{bucket.name}/shop/dt=2025/events-\d+.jsonl line 4: unknown field"):
        ingest(
            shop,
            events=f"s3://{bucket.name}/shop/**/*.jsonl",
            surface="home",
            start=FIRST,
            end=LAST,
            folder=tmp_path / "run",
        )


def test_a_file_that_changes_between_listing_and_reading_is_told(bucket, tmp_path):
    obstore.put(bucket.objects, "a.jsonl", b"one\n")
    obstore.put(bucket.objects, "b.jsonl", b"one\n")
    source = files(bucket, "*.jsonl")
    found = source.find()
    obstore.put(bucket.objects, "b.jsonl", b"other\n")
    with pytest.raises(BadInput, match=rf"s3://{bucket.name}/b.jsonl changed while it was being read"):
        source.download(found, tmp_path, progress=silent)


def test_progress_is_told_in_bytes(bucket, tmp_path):
    obstore.put(bucket.objects, "a.jsonl", b"x" * 1000)
    obstore.put(bucket.objects, "b/c.jsonl", b"x" * 500)
    told = []

    class Listening:
        def __call__(self, stage, *, total):
            told.append(total)
            return self

        def __enter__(self):
            return told.append

        def __exit__(self, *_error):
            pass

    source = files(bucket, "**/*.jsonl")
    source.download(source.find(), tmp_path, progress=Listening())
    assert told[0] == 1500
    assert sorted(told[1:]) == [500, 1000]


def test_a_bucket_that_is_not_there_is_told(shop, bucket, tmp_path):
    with pytest.raises(BadInput, match=r"there is no bucket nobodys \(credentials: AWS_ACCESS_KEY_ID of the env"):
        ingest(shop, events="s3://nobodys/*.jsonl", surface="home", start=FIRST, end=LAST, folder=tmp_path / "run")


@pytest.mark.parametrize("url", ["s3://", "s3://bucket", "s3://bucket/", "s3://key:secret@bucket/a.jsonl"])
def test_an_address_that_names_no_file_is_refused(url):
    with pytest.raises(BadInput, match="like s3://my-bucket/events") as error:
        BucketFiles(url, {})
    assert "secret" not in str(error.value)


@pytest.mark.parametrize("key", ["a//b.jsonl", "../b.jsonl", "a/../../b.jsonl"])
def test_a_key_that_would_leave_the_folder_is_refused(bucket, tmp_path, key):
    with pytest.raises(BadInput, match="is no path"):
        files(bucket, "**").place(tmp_path, key)


def test_a_file_that_two_globs_name_is_read_once(bucket, shop, tmp_path):
    bucket.put(ROWS[:40])
    twice = [f"s3://{bucket.name}/shop/dt=2025/*.jsonl", f"s3://{bucket.name}/**/*.jsonl"]
    made = ingest(shop, events=twice, surface="home", start=FIRST, end=LAST, folder=tmp_path / "run")
    assert (made.counts["files"], made.counts["rows"]) == (1, 40)


def test_keys_of_all_kinds_become_files_of_that_name(bucket, tmp_path):
    keys = ["a/50%.jsonl", "a/b c.jsonl", "a/x%41.jsonl", "a/é.jsonl"]
    for key in keys:
        obstore.put(bucket.objects, key, key.encode())
    source = files(bucket, "a/*.jsonl")
    found = source.download(source.find(), tmp_path, progress=silent)
    assert {path.relative_to(tmp_path / bucket.name).as_posix(): path.read_text() for path in found} == {
        key: key for key in keys
    }


def test_a_key_that_is_no_path_is_told(bucket):
    host = str(s3_options()["endpoint"]).partition("://")[2]
    connection = http.client.HTTPConnection(host, timeout=10)
    connection.request("PUT", f"/{bucket.name}/a//b.jsonl", headers=SIGNED)
    assert connection.getresponse().status == 200
    connection.close()
    with pytest.raises(BadInput, match=r'"a//b\.jsonl" contained empty path segment'):
        files(bucket, "a/*.jsonl").find()


@pytest.mark.parametrize(
    ("pattern", "means", "not_so"),
    [
        ("a/*.jsonl", ["a/x.jsonl", "a/.jsonl"], ["a/b/x.jsonl", "x.jsonl", "a/x.jsonl.gz"]),
        ("a/**/*.jsonl", ["a/x.jsonl", "a/b/c/x.jsonl"], ["b/x.jsonl"]),
        ("a/**", ["a/x", "a/b/c"], ["b/x", "a"]),
        ("dt=2025-11-0[1-3]/part.?", ["dt=2025-11-02/part.1"], ["dt=2025-11-04/part.1", "dt=2025-11-02/part."]),
        ("[!a]+(x).*", ["b+(x).csv"], ["a+(x).csv", "bb+(x).csv"]),
        ("a[b", ["a[b"], ["ab"]),
    ],
)
def test_globs_mean_what_they_mean_in_a_directory(pattern, means, not_so):
    assert [key for key in [*means, *not_so] if fits(key, pattern)] == means


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({"AWS_ACCESS_KEY_ID": "AKIA1", "AWS_SECRET_ACCESS_KEY": "hunter2"}, "AWS_ACCESS_KEY_ID of the environment"),
        ({"AWS_SKIP_SIGNATURE": "true", "AWS_ACCESS_KEY_ID": "AKIA1"}, "none, as AWS_SKIP_SIGNATURE says"),
        ({"AWS_WEB_IDENTITY_TOKEN_FILE": "/token"}, "the token of AWS_WEB_IDENTITY_TOKEN_FILE"),
        ({"AWS_PROFILE": "shop"}, "this machine's role: AWS_ACCESS_KEY_ID is not set, and profiles are not read"),
    ],
)
def test_whose_credentials_were_used_is_told(environment, says):
    assert credentials_of(environment) == says
