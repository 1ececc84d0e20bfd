"""Images that cannot be used are refused by name; what is legal is read right, at every stage."""

import ast
import struct
import zlib
from pathlib import Path

import build_store
import index_dataset
import numpy as np
import pytest
from bad_input import index_options, my_images, picture, refused
from maskguide.data import masks, pictures, store
from PIL import Image

ROOT = Path(__file__).parents[2]


def png_of(width, height):
    """The smallest PNG file that claims to be so large: its pixels are not there."""

    def chunk(kind, content):
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def moving(path):
    frames = [Image.new("RGB", (8, 6), colour) for colour in ("red", "blue", "green")]
    frames[0].save(path, save_all=True, append_images=frames[1:])


def cut(path):
    picture(path, size=(60, 60))
    path.write_bytes(path.read_bytes()[:-2000])


CASES = {
    "image-empty": lambda folder: (folder / "x.png").write_bytes(b""),
    "image-truncated": lambda folder: cut(folder / "x.png"),
    "image-no-image": lambda folder: (folder / "x.jpg").write_text("<html>Not found</html>"),
    "image-program": lambda folder: (folder / "x.png").write_text("%!PS-Adobe-3.0 EPSF-3.0\n(x) run\n"),
    "image-animated-gif": lambda folder: moving(folder / "x.gif"),
    "image-animated-png": lambda folder: moving(folder / "x.png"),
    "image-animated-webp": lambda folder: moving(folder / "x.webp"),
    "image-pages": lambda folder: moving(folder / "x.tif"),
    "image-bomb": lambda folder: (folder / "x.png").write_bytes(png_of(100_000, 100_000)),
    "image-fractions": lambda folder: Image.fromarray(np.ones((6, 8), np.float32)).save(folder / "x.tif"),
    "image-32-bit": lambda folder: Image.fromarray(np.ones((6, 8), np.int32)).save(folder / "x.tif"),
}


@pytest.mark.parametrize("row", CASES)
def test_refused(row, tmp_path, capfd):
    CASES[row](my_images(tmp_path / "files") / "images" / "elm")
    refused(row, index_dataset, index_options(tmp_path), tmp_path, capfd)


GREY = np.arange(6 * 8, dtype=np.uint8).reshape(6, 8) * 5
COLOUR = np.random.default_rng(1).integers(0, 256, (6, 8, 3), np.uint8)
DEEP = np.arange(6 * 8, dtype=np.uint16).reshape(6, 8) * 1394  # up to 65518


def three(grey):
    return np.repeat(np.asarray(grey, np.uint8)[..., None], 3, axis=2)


def palette(path):
    image = Image.fromarray((GREY % 3).astype(np.uint8)).convert("P")
    image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    image.save(path, transparency=bytes([255, 0, 128]))
    return np.array([[255, 0, 0], [255, 255, 255], [127, 127, 255]], np.uint8)[GREY % 3]


def cmyk(path, strip=False):
    """Ink 0…255; a JPEG of one colour, so that its compression loses nothing worth naming."""
    Image.new("CMYK", (16, 16), (10, 200, 30, 0)).save(path, quality=100)
    if strip:  # the marker by which Adobe says that inks are stored inverted
        content = path.read_bytes()
        start = content.index(b"\xff\xee")
        path.write_bytes(
            content[:start] + content[start + 2 + int.from_bytes(content[start + 2 : start + 4]) :]
        )
    return np.full((16, 16, 3), (245, 55, 225), np.uint8)


def saved(path, image, expected, **options):
    image.save(path, **options)
    return expected


def deep_colour(path):
    """A PNG of 16 bits for each of three channels, written by hand: Pillow writes none."""
    values = np.stack([DEEP, DEEP[::-1], DEEP[:, ::-1]], axis=2)
    lines = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    content = png_of(8, 6)

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 6, 16, 2, 0, 0, 0))
    path.write_bytes(content[:8] + header + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b""))
    return values / 257


LEGAL = {
    "grey.png": lambda path: saved(path, Image.fromarray(GREY), three(GREY)),
    "black-and-white.png": lambda path: saved(path, Image.fromarray(GREY > 99), three((GREY > 99) * 255)),
    "palette.png": palette,
    "grey-alpha.png": lambda path: saved(
        path, Image.merge("LA", [Image.fromarray(GREY), Image.new("L", (8, 6), 0)]), three(GREY * 0 + 255)
    ),
    "alpha.png": lambda path: saved(
        path, Image.fromarray(np.dstack([COLOUR, GREY])), 255 - (255.0 - COLOUR) * GREY[..., None] / 255
    ),
    "one-colour-transparent.png": lambda path: saved(
        path, Image.fromarray(GREY), three(np.where(GREY == 50, 255, GREY)), transparency=50
    ),
    "cmyk.jpg": cmyk,
    "cmyk-without-marker.jpg": lambda path: cmyk(path, strip=True),
    "cmyk.tif": cmyk,
    "deep.png": lambda path: saved(path, Image.fromarray(DEEP), three(np.rint(DEEP / 257))),
    "deep.tif": lambda path: saved(path, Image.fromarray(DEEP), three(np.rint(DEEP / 257))),
    "deep-big-endian.tif": lambda path: saved(
        path,
        Image.frombytes("I;16B", (8, 6), DEEP.astype(">u2").tobytes()),
        three(np.rint(DEEP / 257)),
    ),
    "deep-colour.png": deep_colour,
    "still.gif": lambda path: saved(path, Image.fromarray(GREY), three(GREY)),
    "lossless.webp": lambda path: saved(path, Image.fromarray(COLOUR), COLOUR, lossless=True),
    "bitmap.bmp": lambda path: saved(path, Image.fromarray(COLOUR), COLOUR),
}


@pytest.mark.parametrize("name", LEGAL)
def test_legal_images_are_read_right(name, tmp_path):
    expected = LEGAL[name](tmp_path / name).astype(float)
    found = pictures.read_rgb(tmp_path / name)
    assert found.dtype == np.uint8 and found.shape == expected.shape
    assert np.abs(found - expected).max() <= 1
    assert np.array_equal(masks.read_image(tmp_path / name), found)
    assert np.array_equal(store.decode(tmp_path / name, "RGB"), found)


# As another of them: in two parts of a split, one would be refused.
SAME_PIXELS = {
    "cmyk.tif",
    "cmyk-without-marker.jpg",
    "deep.tif",
    "deep-big-endian.tif",
    "still.gif",
    "bitmap.bmp",
}

UPRIGHT = {  # EXIF's orientation → how the stored pixels become upright ones
    1: lambda a: a,
    2: np.fliplr,
    3: lambda a: np.rot90(a, 2),
    4: np.flipud,
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(a, 2).swapaxes(0, 1),
    8: np.rot90,
}


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp", ".jpg"])
@pytest.mark.parametrize("orientation", UPRIGHT)
def test_all_eight_orientations(orientation, suffix, tmp_path):
    pixels = np.zeros((16, 32, 3), np.uint8)
    pixels[:8, :16], pixels[:8, 16:], pixels[8:, :16] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    exif = Image.Exif()
    exif[0x0112] = orientation
    lossless = {".webp": {"lossless": True}, ".jpg": {"quality": 100, "subsampling": 0}}.get(suffix, {})
    Image.fromarray(pixels).save(tmp_path / f"x{suffix}", exif=exif, **lossless)
    expected = UPRIGHT[orientation](pixels)
    found = pictures.read_rgb(tmp_path / f"x{suffix}")
    assert found.shape == expected.shape
    assert np.abs(found.astype(int) - expected).max() <= (3 if suffix == ".jpg" else 0)
    assert pictures.image_size(tmp_path / f"x{suffix}") == expected.shape[:2]
    assert pictures.inspect(tmp_path / f"x{suffix}").turned == (orientation != 1)


def test_from_the_folder_to_the_store(tmp_path):
    """Whatever its kind, an image reaches training with the pixels that the reader sees."""
    root = tmp_path / "files" / "images"
    for number, name in enumerate(sorted(set(LEGAL) - SAME_PIXELS)):
        folder = root / ("elm" if number % 2 else "oak")
        folder.mkdir(parents=True, exist_ok=True)
        LEGAL[name](folder / name)
    exif = Image.Exif()
    exif[0x0112] = 6
    picture(root / "elm" / "turned.jpg", 3, exif=exif)
    index_dataset.main(index_dataset.parse_args([str(o) for o in index_options(tmp_path)]))
    index = tmp_path / "out" / "index.csv"
    build_store.main(build_store.parse_args(["--index", str(index), "--output", str(tmp_path / "store")]))
    images = store.ImageStore(tmp_path / "store")
    files = {pictures_id(path): path for path in root.rglob("*.*")}
    assert sorted(images.layout["image_id"]) == sorted(files)
    for i, image_id in enumerate(images.layout["image_id"]):
        assert np.array_equal(images.image(i), pictures.read_rgb(files[image_id])), image_id


def pictures_id(path):
    return f"{path.parent.name}-{path.stem}"


def test_a_phones_second_picture_is_passed_over(tmp_path):
    """MPO: a JPEG with further pictures behind it, as phones write them."""
    first, second = Image.new("RGB", (16, 16), "red"), Image.new("RGB", (16, 16), "blue")
    first.save(tmp_path / "x.jpg", format="MPO", save_all=True, append_images=[second])
    with Image.open(tmp_path / "x.jpg") as image:
        assert image.format == "MPO" and image.n_frames == 2
    assert np.abs(pictures.read_rgb(tmp_path / "x.jpg").astype(int) - (255, 0, 0)).max() <= 3


def test_a_large_scan_is_no_bomb(tmp_path, recwarn):
    """Twice as many pixels as Pillow warns of; black, so that the file is small."""
    Image.new("1", (14_000, 13_000)).save(tmp_path / "scan.tif", compression="group4")
    assert pictures.image_size(tmp_path / "scan.tif") == (13_000, 14_000)
    assert not recwarn.list


def test_one_reader():
    """No other module opens image files, so that no stage sees other pixels."""
    scripts = ROOT / "workflow" / "scripts"
    opening = {
        path.relative_to(scripts).as_posix()
        for path in scripts.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "Image.open"
    }
    assert opening == {"maskguide/data/pictures.py"}
