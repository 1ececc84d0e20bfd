"""Archives are recognised, found in place and unpacked only when nothing in them leaves the folder."""

import contextlib
import io
import stat
import tarfile
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st
from maskguide.data import archives
from maskguide.system.files import InputError


def make_zip(path, files):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def make_tar(path, members, mode="w:gz"):
    with tarfile.open(path, mode) as archive:
        for name, content in members:
            member = tarfile.TarInfo(name)
            if isinstance(content, bytes):
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
            else:
                member.type, member.linkname = content
                archive.addfile(member)
    return path


def unpacked(archive, tmp_path):
    target = tmp_path / "out"
    target.mkdir()
    archives.unpack(archive, target)
    return target


def test_unpacks_zip_and_tar(tmp_path):
    files = {"top/a.txt": b"a", "top/sub/b.txt": b"b", "__MACOSX/top/._a.txt": b"x", "top/.DS_Store": b"x"}
    target = unpacked(make_zip(tmp_path / "a.zip", files), tmp_path)
    found = sorted(str(path.relative_to(target)) for path in target.rglob("*") if path.is_file())
    assert found == ["top/a.txt", "top/sub/b.txt"]
    other = tmp_path / "other"
    other.mkdir()
    members = [("top/a.txt", b"a"), ("top/sub/b.txt", b"b"), ("top/l", (tarfile.SYMTYPE, "sub/b.txt"))]
    archives.unpack(make_tar(tmp_path / "a.tar.gz", members), other)
    assert (other / "top/sub/b.txt").read_bytes() == b"b"
    assert (other / "top/l").read_bytes() == b"b"


OUTSIDE = ["/etc/evil", "../evil", "a/../../evil", "..\\evil", "C:/evil", "C:\\evil"]


@pytest.mark.parametrize("name", OUTSIDE)
def test_refuses_names_outside(tmp_path, name):
    for archive in (
        make_zip(tmp_path / "bad.zip", {"good.txt": b"", name: b"evil"}),
        make_tar(tmp_path / "bad.tar", [("good.txt", b""), (name, b"evil")], "w"),
    ):
        target = tmp_path / f"out-{archive.suffix}"
        target.mkdir()
        with pytest.raises(InputError, match=rf"{archive.name}.*outside the folder"):
            archives.unpack(archive, target)
        assert not list(target.iterdir())


@pytest.mark.parametrize(
    "member",
    [
        ("link", (tarfile.SYMTYPE, "/etc/passwd")),
        ("sub/link", (tarfile.SYMTYPE, "../../secret")),
        ("link", (tarfile.LNKTYPE, "../secret")),
        ("device", (tarfile.CHRTYPE, "")),
        ("pipe", (tarfile.FIFOTYPE, "")),
    ],
)
def test_refuses_links_out_and_devices(tmp_path, member):
    archive = make_tar(tmp_path / "bad.tar", [("good.txt", b"good"), member], "w")
    target = tmp_path / "out"
    target.mkdir()
    with pytest.raises(InputError, match=r"out of the folder|device or pipe"):
        archives.unpack(archive, target)
    assert not list(target.iterdir())


def test_refuses_zip_links(tmp_path):
    path = tmp_path / "link.zip"
    with zipfile.ZipFile(path, "w") as archive:
        link = zipfile.ZipInfo("link")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(InputError, match="link or device"):
        unpacked(path, tmp_path)


@given(st.lists(st.sampled_from(["a", "b", "..", ".", "/", "\\", "c:", "é", " "]), min_size=1, max_size=6))
def test_no_name_escapes(tmp_path_factory, parts):
    """Whatever a member is called: it is refused, or lies inside."""
    base = tmp_path_factory.mktemp("escape")
    archive = make_tar(base / "t.tar", [("/".join(parts), b"x")], "w")
    target = base / "deep" / "out"
    target.mkdir(parents=True)
    with contextlib.suppress(InputError):
        archives.unpack(archive, target)
    written = [path for path in base.rglob("*") if path.is_file() and path != archive]
    assert all(path.is_relative_to(target) for path in written)


def test_more_than_the_disk_holds(tmp_path, monkeypatch):
    archive = make_zip(tmp_path / "a.zip", {"a": b"x" * 1000})
    usage = archives.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(archives.shutil, "disk_usage", lambda _: usage._replace(free=999))
    with pytest.raises(InputError, match="make room"):
        unpacked(archive, tmp_path)


def test_broken_archives_are_named(tmp_path):
    whole = make_zip(tmp_path / "whole.zip", {"a": bytes(range(256)) * 100})
    archives.check_archive(whole)
    cut = tmp_path / "cut.zip"
    cut.write_bytes(whole.read_bytes()[:-30])
    with pytest.raises(InputError, match=r"cut\.zip: is neither"):
        archives.check_archive(cut)
    garbled = tmp_path / "garbled.zip"
    content = bytearray(whole.read_bytes())
    content[60] ^= 0xFF
    garbled.write_bytes(content)
    with pytest.raises(InputError, match=r"garbled\.zip: broken"):
        archives.check_archive(garbled)
    with pytest.raises(InputError, match=r"garbled\.zip: cannot be unpacked"):
        unpacked(garbled, tmp_path)
    tar = make_tar(tmp_path / "t.tar.gz", [(str(i), bytes(range(256)) * 40) for i in range(20)])
    tar.write_bytes(tar.read_bytes()[:-40])
    with pytest.raises(InputError, match=r"t\.tar\.gz: broken"):
        archives.check_archive(tar)


@pytest.mark.parametrize(
    "start", [b"<!DOCTYPE html><html>", b"\xef\xbb\xbf\n <HTML>", b"<?xml version='1.0'?>"]
)
def test_web_page_is_called_one(tmp_path, start):
    page = tmp_path / "page.zip"
    page.write_bytes(start + b"Quota exceeded")
    with pytest.raises(InputError, match=r"page\.zip: is a web page"):
        archives.check_archive(page)


def test_a_tar_that_ends_with_a_zip_is_a_tar(tmp_path):
    inner = make_zip(tmp_path / "inner.zip", {"inside": b"1"})
    outer = make_tar(tmp_path / "outer.tar", [("first", b"1"), ("inner.zip", inner.read_bytes())], "w")
    target = unpacked(outer, tmp_path)
    assert sorted(path.name for path in target.iterdir()) == ["first", "inner.zip"]


def test_find_placed(tmp_path):
    folder = tmp_path / "resources"
    assert archives.find_placed(folder, "x.zip") is None
    folder.mkdir()
    (folder / "x.zip.part").write_bytes(b"half")
    (folder / "README.txt").write_text("hello")
    (folder / ".hidden").mkdir()
    assert archives.find_placed(folder, "x.zip") is None
    (folder / "images").mkdir()
    assert archives.find_placed(folder, "x.zip") == folder / "images"
    (folder / "more").mkdir()
    assert archives.find_placed(folder, "x.zip") == folder
    other = make_zip(folder / "other.zip", {"a": b""})
    assert archives.find_placed(folder, "x.zip") == other
    second = make_zip(folder / "second.zip", {"a": b""})
    with pytest.raises(InputError, match=r"several archives \(other\.zip, second\.zip\)"):
        archives.find_placed(folder, "x.zip")
    assert archives.find_placed(folder, "second.zip") == second


def test_find_placed_says_what_is_wrong(tmp_path):
    (tmp_path / "data.zip").write_bytes(b"<html>quota</html>")
    with pytest.raises(InputError, match="web page"):
        archives.find_placed(tmp_path, None)
