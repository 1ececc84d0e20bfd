"""A pickle of plain content is read; anything else is refused before it can act."""

import collections
import os
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from maskguide.data import pickles
from maskguide.system.files import InputError
from PIL import Image


class Harmful:
    def __reduce__(self):
        return os.system, ("touch harmed",)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize(
    "content",
    [
        {"1": 1, "b": 2.5, 3: [None, True, (1, 2)], "s": {1, 2}, "f": frozenset([3])},
        collections.OrderedDict(a=1),
        [10**30, "ü", -1],
    ],
)
def test_plain_pickles_are_read(tmp_path, content, protocol):
    (tmp_path / "p.pkl").write_bytes(pickle.dumps(content, protocol))
    assert pickles.load_plain(tmp_path / "p.pkl") == content


@pytest.mark.parametrize(
    "content", [Harmful(), {"1": Harmful()}, print, np.int64(3), np.zeros(3), Image.Image]
)
def test_other_pickles_are_refused(tmp_path, monkeypatch, content):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "p.pkl").write_bytes(pickle.dumps(content))
    with pytest.raises(InputError, match=r"p\.pkl: refused, it wants to import"):
        pickles.load_plain(tmp_path / "p.pkl")
    assert not (tmp_path / "harmed").exists()


@given(st.binary(max_size=60))
def test_any_bytes_end_in_plain_content_or_one_line(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("pickle") / "p.pkl"
    path.write_bytes(content)
    try:
        pickles.load_plain(path)
    except InputError as error:
        assert str(error).startswith(str(path))


@pytest.mark.parametrize("labels", [[1], {}, {"a": 0}, {"a": "x"}, {"a": None}, {("a",): 1}, {"a": True}])
def test_labels_of_another_shape(tmp_path, labels):
    (tmp_path / "labels.pkl").write_bytes(pickle.dumps(labels))
    with pytest.raises(InputError, match=r"labels\.pkl"):
        pickles.load_labels(tmp_path / "labels.pkl")
