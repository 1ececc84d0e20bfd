"""Names that programs make of an image's: which image they mean, and when that is not to be known."""

import unicodedata

import pandas as pd
import pytest
from maskguide.marks.image_names import Ambiguous, ImageNames
from PIL import Image


@pytest.fixture
def images(tmp_path):
    """Two classes with images of the same names; oak/2.png is not in the index."""
    rows = []
    for name, stems in (("elm", ["0", "1", "my leaf.a"]), ("oak", ["0", "1", "2", "café"])):
        (tmp_path / "images" / name).mkdir(parents=True)
        for stem in stems:
            path = tmp_path / "images" / name / f"{stem}.png"
            Image.new("RGB", (4, 3)).save(path)
            if (name, stem) != ("oak", "2"):
                rows.append({"image_id": f"{name}-{stem}", "path": str(path)})
    return ImageNames(pd.DataFrame(rows))


@pytest.mark.parametrize(
    ("reference", "image_id"),
    [
        ("elm-0", "elm-0"),
        ("elm-0.JPG", "elm-0"),
        ("images/elm-0.png", "elm-0"),
        ("elm/0.png", "elm-0"),
        ("C:\\Users\\me\\images\\oak\\1.png", "oak-1"),
        ("/data/images/oak/1.png", "oak-1"),
        ("https://host/bucket/images/oak/1.png?token=a%2Fb", "oak-1"),
        ("/data/local-files/?d=images/elm/my%20leaf.a.png", "elm-my leaf.a"),
        ("/data/upload/1/1a2b3c4d-oak-1.png", "oak-1"),
        ("1a2b3c4d-elm-my_leaf.a.png", "elm-my leaf.a"),
        ("elm-0_png.rf.0123456789abcdef0123456789abcdef.jpg", "elm-0"),
        ("elm-my-leaf-a_png.rf.AbCd1234.jpg", "elm-my leaf.a"),
        ("my-leaf-a_png.rf.AbCd1234", "elm-my leaf.a"),
        ("my leaf.a.png", "elm-my leaf.a"),
        (unicodedata.normalize("NFD", "oak-café.png"), "oak-café"),
        (unicodedata.normalize("NFD", "oak/café.png"), "oak-café"),
        ("2.png", ""),
        ("oak/2.png", ""),
        ("IMG_1.png", None),
        ("elm-9.png", None),
        ("", None),
    ],
)
def test_names_of_programs(images, reference, image_id):
    assert images.find(reference) == image_id


@pytest.mark.parametrize("reference", ["0.png", "train/0.png", "0_png.rf.0a1b2c.jpg", "1a2b3c4d-1.png"])
def test_a_name_of_two_images_is_not_guessed(images, reference):
    with pytest.raises(Ambiguous, match=r"elm-\d or oak-\d"):
        images.find(reference)


def test_only_masks_may_be_called_masks(images):
    assert images.find("elm-0_mask.png", mask=True) == images.find("elm/0_mask.png", mask=True) == "elm-0"
    assert images.find("elm-0_mask.png") is None
