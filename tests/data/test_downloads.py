"""Downloads against a local server that behaves as badly as the real ones do."""

import hashlib
import json

import pytest
from bad_host import COMPRESSED, CONTENT, MD5, archive_bytes, serve
from maskguide.data import downloads
from maskguide.system.files import InputError


@pytest.fixture
def host():
    with serve() as server:
        yield server


def fetch(host, path, target, **options):
    checksums = options.pop("checksums", {"md5": MD5})
    downloads.download(f"{host.url}/{path}", target, checksums, **({"wait": 0.01, "attempts": 4} | options))


@pytest.mark.parametrize(
    "path", ["good", "redirects", "busy", "breaks", "breaks_without_ranges", "wrong_range"]
)
def test_arrives_whole(host, tmp_path, path):
    target = tmp_path / "data.zip"
    fetch(host, path, target)
    assert target.read_bytes() == CONTENT
    assert [file.name for file in tmp_path.iterdir()] == ["data.zip"]


def test_a_compressed_file_stays_compressed(host, tmp_path):
    md5 = hashlib.md5(COMPRESSED).hexdigest()
    fetch(host, "announced_as_gzip", tmp_path / "data.tar.gz", checksums={"md5": md5})
    assert (tmp_path / "data.tar.gz").read_bytes() == COMPRESSED


def test_a_break_is_continued_where_it_stopped(host, tmp_path):
    fetch(host, "breaks", tmp_path / "data.zip")
    starts = [int(wanted.removeprefix("bytes=").rstrip("-")) for _, wanted in host.requests[1:]]
    assert starts == sorted(set(starts)) and starts[0] > 0


def test_a_stall_ends(host, tmp_path):
    fetch(host, "stalls", tmp_path / "data.zip", timeout=0.3)
    assert host.requests[1][1] is not None


def test_what_arrived_is_kept_for_the_next_run(host, tmp_path):
    target = tmp_path / "data.zip"
    with pytest.raises(InputError, match=r"data\.zip: download from 127\.0\.0\.1 failed 1 times"):
        fetch(host, "breaks", target, attempts=1)
    assert not target.exists()
    kept = (tmp_path / "data.zip.part").stat().st_size
    assert kept > 0
    fetch(host, "breaks", target)
    assert host.requests[1][1] == f"bytes={kept}-"
    assert target.read_bytes() == CONTENT


def test_a_complete_part_is_recognised(host, tmp_path):
    (tmp_path / "data.zip.part").write_bytes(CONTENT)
    state = {"url": f"{host.url}/good", "validator": '"one"', "total": len(CONTENT)}
    (tmp_path / "data.zip.part.json").write_text(json.dumps(state))
    fetch(host, "good", tmp_path / "data.zip")
    assert (tmp_path / "data.zip").read_bytes() == CONTENT


def test_a_part_longer_than_the_file_starts_afresh(host, tmp_path):
    (tmp_path / "data.zip.part").write_bytes(CONTENT + b"more")
    state = {"url": f"{host.url}/good", "validator": '"one"', "total": None}
    (tmp_path / "data.zip.part.json").write_text(json.dumps(state))
    fetch(host, "good", tmp_path / "data.zip")
    assert (tmp_path / "data.zip").read_bytes() == CONTENT


def test_a_part_from_elsewhere_is_not_continued(host, tmp_path):
    (tmp_path / "data.zip.part").write_bytes(b"other")
    (tmp_path / "data.zip.part.json").write_text('{"url": "http://other", "validator": null, "total": 9}')
    fetch(host, "good", tmp_path / "data.zip")
    assert host.requests == [("good", None)]


@pytest.mark.parametrize("path", ["changes", "changes_silently"])
def test_another_file_is_not_spliced(host, tmp_path, path):
    target = tmp_path / "data.zip"
    fetch(host, path, target, checksums={})
    assert target.read_bytes() == archive_bytes(200_000)


@pytest.mark.parametrize(
    ("path", "checksums", "message"),
    [
        ("quota", {"md5": MD5}, "web page"),
        ("hidden_quota", {"md5": MD5}, "web page"),
        ("hidden_quota", {}, "web page"),
        ("good", {"md5": "0" * 32}, f"its md5 is {MD5}, the registry says 0000"),
        ("good", {"sha256": "0" * 64}, "its sha256 is"),
        ("missing", {}, "404"),
        ("circles", {}, "redirects"),
        ("always_breaks", {}, "failed 4 times"),
        ("says_too_much", {}, "failed 4 times"),
        ("says_too_little", {}, "cut short"),
        ("says_too_little", {"md5": MD5}, "cut short"),
    ],
)
def test_refused_by_name(host, tmp_path, path, checksums, message):
    target = tmp_path / "data.zip"
    with pytest.raises(InputError, match=message) as caught:
        fetch(host, path, target, checksums=checksums)
    assert str(caught.value).startswith("data.zip: ")
    assert "\n" not in str(caught.value)
    assert not target.exists()
    if path not in ("always_breaks", "says_too_much"):  # these can still be continued
        assert not list(tmp_path.glob("*.part"))


def test_nobody_answers(tmp_path, host):
    host.shutdown()
    host.server_close()
    with pytest.raises(InputError, match="failed 2 times"):
        fetch(host, "good", tmp_path / "data.zip", attempts=2)
