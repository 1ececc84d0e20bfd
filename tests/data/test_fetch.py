"""Google Drive's files and fetch_dataset.py against a badly behaved local server."""

import hashlib
import json

import fetch_dataset
import pytest
import yaml
from bad_host import CONTENT, MD5, serve
from gdown.download import GoogleDriveFileToDownload
from maskguide.data import drive
from maskguide.system.files import InputError


@pytest.fixture
def host():
    with serve() as server:
        yield server


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
        **{
            "layout": "folder",
            "mask_classes": ["object"],
            "regions": {"object": []},
            "masks": "none",
            "split": "1:1",
        },
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
