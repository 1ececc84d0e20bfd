"""Downloads against a local server that behaves as badly as the real ones do."""

import hashlib
import http.server
import io
import json
import threading
import time
import zipfile

import fetch_dataset
import pytest
import yaml
from gdown.download import GoogleDriveFileToDownload
from maskguide import downloads, drive
from maskguide.files import InputError

QUOTA = b"<!DOCTYPE html><html><title>Google Drive - Quota exceeded</title></html>"


def archive_bytes(size=300_000):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo("images/a.bin"), bytes(i * 7919 % 251 for i in range(size)))
    return buffer.getvalue()


CONTENT = archive_bytes()
MD5 = hashlib.md5(CONTENT).hexdigest()


class Host(http.server.BaseHTTPRequestHandler):
    """Serves CONTENT under paths named after what goes wrong; `requests` records (path, Range)."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def send(self, status, body, length=None, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True

    def do_GET(self):
        log = self.server.requests
        path, wanted = self.path.split("?")[0].strip("/"), self.headers.get("Range")
        log.append((path, wanted))
        getattr(self, path)(len([1 for name, _ in log if name == path]), wanted)

    def ranged(self, wanted, limit=None, tag='"one"', content=CONTENT):
        """Answer a Range request as RFC 9110 says; `limit` breaks the connection after that many bytes."""
        matches = self.headers.get("If-Range") in (None, tag)
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and matches else 0
        if start >= len(content):
            return self.send(416, b"", Content_Range=f"bytes */{len(content)}")
        body = content[start:]
        headers = {"ETag": tag, "Accept_Ranges": "bytes"}
        if start:
            headers["Content_Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        self.send(206 if start else 200, body[:limit], len(body), **headers)

    def good(self, count, wanted):
        self.ranged(wanted)

    def redirects(self, count, wanted):
        self.send(302, b"", Location="/hop")

    def hop(self, count, wanted):
        self.send(307, b"", Location="/good")

    def circles(self, count, wanted):
        self.send(302, b"", Location="/circles")

    def breaks(self, count, wanted):
        self.ranged(wanted, 100_000)

    def breaks_without_ranges(self, count, wanted):
        self.send(200, CONTENT[:100_000] if count < 3 else CONTENT, len(CONTENT))

    def always_breaks(self, count, wanted):
        self.send(200, CONTENT[:100_000], len(CONTENT))

    def stalls(self, count, wanted):
        self.ranged(wanted, 70_000 if count == 1 else None)
        if count == 1:
            self.wfile.flush()
            time.sleep(1.5)

    def changes(self, count, wanted):
        content = CONTENT if count == 1 else archive_bytes(200_000)
        self.ranged(wanted, 100_000 if count == 1 else None, f'"{min(count, 2)}"', content)

    def changes_silently(self, count, wanted):
        """No validator at all: only the length tells that the file is another one."""
        content = CONTENT if count == 1 else archive_bytes(200_000)
        if wanted:
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            extent = f"bytes {start}-{len(content) - 1}/{len(content)}"
            return self.send(206, content[start:], Content_Range=extent)
        self.send(200, content[:100_000] if count == 1 else content, len(content))

    def wrong_range(self, count, wanted):
        if wanted:
            return self.send(206, CONTENT[7:], Content_Range=f"bytes 7-{len(CONTENT) - 1}/{len(CONTENT)}")
        self.send(200, CONTENT[:100_000] if count == 1 else CONTENT, len(CONTENT), ETag='"one"')

    def says_too_much(self, count, wanted):
        self.send(200, CONTENT, len(CONTENT) + 1000)

    def says_too_little(self, count, wanted):
        self.send(200, CONTENT, len(CONTENT) - 1000)

    def quota(self, count, wanted):
        self.send(200, QUOTA, Content_Type="text/html; charset=utf-8")

    def hidden_quota(self, count, wanted):
        self.send(200, QUOTA, Content_Type="application/zip")

    def missing(self, count, wanted):
        self.send(404, b"no")

    def busy(self, count, wanted):
        self.send(503, b"busy") if count < 3 else self.send(200, CONTENT)

    def drive_file(self, count, wanted):
        self.ranged(wanted, 100_000 if count == 1 else None)

    def drive_quota(self, count, wanted):
        self.send(200, QUOTA, Content_Type="text/html; charset=utf-8")


@pytest.fixture
def host():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Host)
    server.requests = []
    threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
    server.url = f"http://127.0.0.1:{server.server_port}"
    yield server
    server.shutdown()
    server.server_close()


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


def test_a_break_is_continued_where_it_stopped(host, tmp_path):
    fetch(host, "breaks", tmp_path / "data.zip")
    starts = [int(wanted.removeprefix("bytes=").rstrip("-")) for _, wanted in host.requests[1:]]
    assert starts == sorted(set(starts)) and starts[0] > 0


def test_a_stall_ends(host, tmp_path):
    start = time.monotonic()
    fetch(host, "stalls", tmp_path / "data.zip", timeout=0.3)
    assert time.monotonic() - start < 1.4
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


def test_drive_file_is_resumed(host, tmp_path, monkeypatch):
    monkeypatch.setattr(drive, "FILE_ADDRESS", host.url + "/drive_file?id={id}")
    target = tmp_path / "data.zip"
    drive.download_file("abc", target, {"md5": MD5}, timeout=5, attempts=3)
    assert target.read_bytes() == CONTENT
    assert [file.name for file in tmp_path.iterdir()] == ["data.zip"]


def test_drive_quota_is_refused(host, tmp_path, monkeypatch):
    monkeypatch.setattr(drive, "FILE_ADDRESS", host.url + "/drive_quota?id={id}")
    with pytest.raises(InputError, match=r"data\.zip: is a web page"):
        drive.download_file("abc", tmp_path / "data.zip", timeout=5, attempts=1)
    assert not list(tmp_path.iterdir())


def test_drive_failure_is_one_line(host, tmp_path, monkeypatch):
    monkeypatch.setattr(drive, "FILE_ADDRESS", host.url + "/missing?id={id}")
    with pytest.raises(InputError, match=r"data\.zip: Google Drive did not give") as caught:
        drive.download_file("abc", tmp_path / "data.zip", timeout=5, attempts=1)
    assert "\n" not in str(caught.value)


def test_members_of_a_drive_folder():
    listing = {"soybean_1_1/train/1.png": "a", "soybean_2_1/train/1.png": "b", "soybean_2_1/labels.pkl": "c"}
    assert set(drive.choose_members(listing, "soybean_2_1").values()) == {"b", "c"}
    assert drive.choose_members({"soybean_2_1.zip": "d", "x.zip": "e"}, "soybean_2_1") == {
        "soybean_2_1.zip": "d"
    }
    with pytest.raises(InputError, match=r"holds x\.zip"):
        drive.choose_members({"x.zip": "e"}, "soybean_2_1")
    with pytest.raises(InputError, match="not to be trusted"):
        drive.choose_members({"soybean_2_1/../../evil": "e"}, "soybean_2_1")


def test_a_drive_folder_is_downloaded_whole(host, tmp_path, monkeypatch):
    """The listing is given (Drive's address cannot be moved); the files come from the local server."""
    listing = [
        GoogleDriveFileToDownload(id=name, path=name, local_path=name)
        for name in ("soybean_2_1/train/1.png", "soybean_2_1/labels.pkl", "soybean_1_1/labels.pkl")
    ]
    monkeypatch.setattr(drive.gdown, "download_folder", lambda **options: listing)
    monkeypatch.setattr(drive, "FILE_ADDRESS", host.url + "/good?id={id}")
    found = drive.download_folder("abc", tmp_path / "soybean_2_1", timeout=5, attempts=2)
    files = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
    assert found == tmp_path / "soybean_2_1"
    assert files == ["soybean_2_1/labels.pkl", "soybean_2_1/train/1.png"]
    archive = [GoogleDriveFileToDownload(id="z", path="one.zip", local_path="one.zip")]
    monkeypatch.setattr(drive.gdown, "download_folder", lambda **options: archive)
    assert drive.download_folder("abc", tmp_path / "one", timeout=5, attempts=2) == tmp_path / "one.zip"


def test_a_drive_page_among_a_folders_files_is_refused(host, tmp_path, monkeypatch):
    listing = [GoogleDriveFileToDownload(id="1", path="soybean_2_1/1.png", local_path="1.png")]
    monkeypatch.setattr(drive.gdown, "download_folder", lambda **options: listing)
    monkeypatch.setattr(drive, "FILE_ADDRESS", host.url + "/drive_quota?id={id}")
    with pytest.raises(InputError, match=r"1\.png: is a web page"):
        drive.download_folder("abc", tmp_path / "soybean_2_1", timeout=5, attempts=1)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.fixture
def registry(host, tmp_path):
    entry = {
        "title": "Served",
        "source": {"url": f"{host.url}/good", "filename": "data.zip", "md5": MD5},
        **{"layout": "folder", "mask_classes": ["object"], "masks": "none", "split": "1:1"},
        **{"licence": "none", "citation": "none", "homepage": ""},
    }
    path = tmp_path / "datasets.yaml"
    path.write_text(yaml.safe_dump({"served": entry}))
    return path


def run_fetch(tmp_path, registry):
    command = ["--dataset", "served", "--registry", str(registry), "--resources", str(tmp_path / "resources")]
    command += ["--wait", "0.01", "--attempts", "2", "--output", str(tmp_path / "source.json")]
    fetch_dataset.main(fetch_dataset.parse_args(command))
    return json.loads((tmp_path / "source.json").read_text())


def test_fetch_downloads_once(host, tmp_path, registry):
    source = run_fetch(tmp_path, registry)
    assert source["origin"] == "download" and source["url"] == f"{host.url}/good"
    assert source["sha256"] == hashlib.sha256(CONTENT).hexdigest()
    again = run_fetch(tmp_path, registry)
    assert again["origin"] == "placed" and again["sha256"] == source["sha256"]
    assert len(host.requests) == 1


def test_fetch_leaves_nothing_of_a_refused_file(host, tmp_path, registry):
    registry.write_text(registry.read_text().replace("/good", "/quota"))
    with pytest.raises(InputError, match=r"data\.zip: .*web page"):
        run_fetch(tmp_path, registry)
    assert [path.name for path in (tmp_path / "resources/served").iterdir()] == [".fetch.lock"]
    assert not (tmp_path / "source.json").exists()
