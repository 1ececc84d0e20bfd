"""Archives that would harm, lie, or are none: refused in one line, nothing unpacked."""

import io
import struct
import tarfile
import zipfile
import zlib

import fetch_dataset
import pytest
import unpack_dataset
import yaml
from bad_host import Host, serve
from bad_input import REGISTRY, picture, refused

GIGABYTES = 10


def zeros(count):
    """A raw deflate stream of `count` times 2**26 zeros: one block, repeated as it is."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = packer.compress(bytes(2**26)) + packer.flush(zlib.Z_FULL_FLUSH)
    return block * count + b"\x03\x00"


def zip_of_zeros(path, declared=2**26):
    """160 members of 64 MB of zeros each, 10 GB in all; `declared` is the size they claim to have."""
    packed, count = zeros(1), GIGABYTES * 16
    crc = zlib.crc32(bytes(2**26))
    content, directory = io.BytesIO(), io.BytesIO()
    for number in range(count):
        name = f"{number:03d}.bmp".encode()
        common = struct.pack("<HHHHHIIIHH", 20, 0, 8, 0, 33, crc, len(packed), declared, len(name), 0)
        start = content.tell()
        content.write(b"PK\x03\x04" + common + name + packed)
        directory.write(b"PK\x01\x02" + struct.pack("<H", 20) + common)
        directory.write(struct.pack("<HHHII", 0, 0, 0, 0, start) + name)
    place, size = content.tell(), directory.tell()
    end = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, count, count, size, place, 0)
    path.write_bytes(content.getvalue() + directory.getvalue() + end)


def tar_of_zeros(path):
    """A gzipped tar whose one member has 10 GB."""
    member = tarfile.TarInfo("zeros.bmp")
    member.size = GIGABYTES * 2**30
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    header = packer.compress(member.tobuf(tarfile.GNU_FORMAT)) + packer.flush(zlib.Z_FULL_FLUSH)
    path.write_bytes(b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + header + zeros(GIGABYTES * 16) + bytes(8))


def small_zip(path, name="images/elm/1.png", content=b"1"):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)


def small_tar(path, name, kind=tarfile.REGTYPE, link=""):
    with tarfile.open(path, "w:gz") as archive:
        member = tarfile.TarInfo(name)
        member.type, member.linkname = kind, link
        archive.addfile(member)


def encrypted(path):
    """Bit 0 of a member's flags, in both of its headers, says that it is encrypted."""
    small_zip(path)
    content = bytearray(path.read_bytes())
    for start, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(start) + place] |= 1
    path.write_bytes(content)


def cut(path, kept):
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])


def garbled(path):
    small_zip(path, content=bytes(range(256)) * 100)
    content = bytearray(path.read_bytes())
    content[60] ^= 0xFF
    path.write_bytes(content)


def truncated_tar(path):
    with tarfile.open(path, "w:gz") as archive:
        for number in range(20):
            member = tarfile.TarInfo(f"images/{number}.png")
            member.size = 10_000
            archive.addfile(member, io.BytesIO(bytes(i * 7919 * number % 251 for i in range(10_000))))
    cut(path, 0.6)


CASES = {
    "archive-dotdot": lambda path: small_tar(path, "images/../../evil.png"),
    "archive-dotdot-zip": lambda path: small_zip(path, "../evil.png"),
    "archive-absolute": lambda path: small_tar(path, "/etc/evil.png"),
    "archive-symlink": lambda path: small_tar(path, "images/elm", tarfile.SYMTYPE, "/etc"),
    "archive-hardlink": lambda path: small_tar(path, "images/1.png", tarfile.LNKTYPE, "../../secret"),
    "archive-device": lambda path: small_tar(path, "images/1.png", tarfile.CHRTYPE),
    "archive-zeros-zip": zip_of_zeros,
    "archive-zeros-tar": tar_of_zeros,
    "archive-lying": lambda path: zip_of_zeros(path, declared=1000),
    "archive-encrypted": encrypted,
    "archive-garbled": garbled,
    "archive-truncated": truncated_tar,
    "archive-line-break": lambda path: small_zip(path, "/images\nerror: all is well\x1b[2J"),
    "archive-html": lambda path: path.write_text("<!DOCTYPE html><title>Quota exceeded</title>"),
    "archive-cut-zip": lambda path: [small_zip(path, content=bytes(9999)), cut(path, 0.7)],
    "archive-7z": lambda path: path.write_bytes(b"7z\xbc\xaf\x27\x1c" + bytes(100)),
    "archive-text": lambda path: path.write_text("not an archive"),
    "archive-empty": lambda path: path.write_bytes(b""),
}
AT_FETCH = ("archive-html", "archive-cut-zip", "archive-7z", "archive-text", "archive-empty")


@pytest.mark.parametrize("row", CASES)
def test_refused(row, tmp_path, capfd):
    """Through both scripts: what is no archive is refused when it is fetched, harm when it is unpacked."""
    archive, source = tmp_path / "given.zip", tmp_path / "source.json"
    CASES[row](archive)
    options = ["--dataset", "folder", "--registry", REGISTRY, "--resources", tmp_path / "resources"]
    options += ["--archive", archive, "--output", source]
    if row in AT_FETCH:
        refused(row, fetch_dataset, options, tmp_path, capfd)
        return
    fetch_dataset.main(fetch_dataset.parse_args([str(option) for option in options]))
    options = ["--source", source, "--output", tmp_path / "out" / "files"]
    (tmp_path / "out").mkdir()
    refused(row, unpack_dataset, options, tmp_path, capfd)
    if row == "archive-dotdot":
        assert not (tmp_path.parent / "evil.png").exists()


@pytest.mark.parametrize("row", ["checksum", "download-html", "download-zeros"])
def test_downloads_are_refused(row, tmp_path, capfd, monkeypatch):
    """What a host sends instead of the registry's file: nothing of it is kept."""
    if row == "download-zeros":
        zip_of_zeros(tmp_path / "zeros")
        content = (tmp_path / "zeros").read_bytes()
        monkeypatch.setattr(Host, "zeros", lambda self, *_: self.send(200, content), raising=False)
    with serve() as host:
        path = {"checksum": "good", "download-html": "quota", "download-zeros": "zeros"}[row]
        source = {"url": f"{host.url}/{path}", "filename": "data.zip"}
        source |= {"md5": "0" * 32} if row == "checksum" else {}
        entry = yaml.safe_load(REGISTRY.read_text())["folder"] | {"source": source}
        registry = tmp_path / "datasets.yaml"
        registry.write_text(yaml.safe_dump({"served": entry}))
        (tmp_path / "resources" / "served").mkdir(parents=True)
        options = ["--dataset", "served", "--registry", registry, "--resources", tmp_path / "resources"]
        options += ["--wait", "0.01", "--attempts", "2", "--output", tmp_path / "source.json"]
        refused(row, fetch_dataset, options, tmp_path, capfd)


def test_unchanged_since_it_was_fetched(tmp_path, capfd):
    archive, source = tmp_path / "given.zip", tmp_path / "source.json"
    small_zip(archive)
    options = ["--dataset", "folder", "--registry", REGISTRY, "--archive", archive, "--output", source]
    fetch_dataset.main(fetch_dataset.parse_args([str(option) for option in options]))
    small_zip(archive, content=b"2")
    options = ["--source", source, "--output", tmp_path / "files"]
    refused("archive-changed", unpack_dataset, options, tmp_path, capfd)


def test_an_archive_by_another_name_is_read(tmp_path):
    """The content decides, not the suffix."""
    picture(tmp_path / "1.png")
    small_zip(tmp_path / "given.tar.gz", content=(tmp_path / "1.png").read_bytes())
    source = tmp_path / "source.json"
    options = ["--dataset", "folder", "--registry", REGISTRY, "--archive", tmp_path / "given.tar.gz"]
    fetch_dataset.main(fetch_dataset.parse_args([str(o) for o in [*options, "--output", source]]))
    options = ["--source", str(source), "--output", str(tmp_path / "files")]
    unpack_dataset.main(unpack_dataset.parse_args(options))
    found = tmp_path / "files" / "images" / "elm" / "1.png"
    assert found.read_bytes() == (tmp_path / "1.png").read_bytes()
