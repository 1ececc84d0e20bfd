"""CUB-200-2011, FGVC-Aircraft and Stanford Cars from their archives to index.csv, by the scripts' options."""

import hashlib
import json
import shutil
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import example_benchmarks as examples
import fetch_dataset
import index_dataset
import numpy as np
import pytest
import unpack_dataset
import yaml
from maskguide.data import datasets
from maskguide.data.store import ImageStore, build_images
from maskguide.marks import boxes
from maskguide.system.files import InputError
from PIL import Image

REGISTRY = Path(__file__).parents[2] / "resources" / "datasets.yaml"
CUB, MASKS = "CUB_200_2011.tgz", "segmentations.tgz"


def fetch(tmp_path, dataset, *options, registry=REGISTRY):
    command = ["--dataset", dataset, "--registry", str(registry), "--resources", str(tmp_path / "resources")]
    command += ["--attempts", "1", "--wait", "0", "--output", str(tmp_path / "source.json"), *options]
    fetch_dataset.main(fetch_dataset.parse_args(command))
    return json.loads((tmp_path / "source.json").read_text())


def unpack(tmp_path):
    command = ["--source", str(tmp_path / "source.json"), "--output", str(tmp_path / "files")]
    unpack_dataset.main(unpack_dataset.parse_args(command))


def index(tmp_path, dataset, *options):
    command = ["--dataset", dataset, "--registry", str(REGISTRY), "--files", str(tmp_path / "files")]
    command += ["--masks", str(tmp_path / "masks"), "--output", str(tmp_path / "index.csv"), *options]
    index_dataset.main(index_dataset.parse_args(command))
    return datasets.read_index(tmp_path / "index.csv")


def cub_archives(folder, *which):
    """Both archives of CUB as published, or those named."""
    folder.mkdir(parents=True, exist_ok=True)
    examples.cub(folder / "made")
    tops = {CUB: ("CUB_200_2011", "attributes.txt"), MASKS: ("segmentations",)}
    for name in which or tops:
        examples.pack(folder / "made", folder / name, *tops[name])
    shutil.rmtree(folder / "made")


def box_of(row, region):
    with Image.open(row["path"]) as image:
        [box] = boxes.read_yolo_boxes(row["boxes"], [region], image.size[::-1])
    return [round(side) for side in box[1:]]


def test_cub_from_two_archives(tmp_path, caplog):
    caplog.set_level("INFO")
    cub_archives(tmp_path / "resources" / "cub200")
    source = fetch(tmp_path, "cub200")
    assert source["path"].endswith(CUB) and source["origin"] == "placed"
    assert [Path(each["path"]).name for each in source["also"]] == [MASKS]
    unpack(tmp_path)
    found = index(tmp_path, "cub200")
    assert "8 with a mask, 8 with boxes" in caplog.text
    assert "boxes cut at their image's edge: 1, at most by 1 px" in caplog.text
    assert found["class"].unique().tolist() == examples.BIRDS
    assert found["split"].value_counts().to_dict() == {"train": 4, "test": 4}
    assert [box_of(row, "bird") for _, row in found.iterrows()] == [
        [10, 5, 40 if number == 2 else 30, 20] for number in range(8)
    ]
    for path in found["mask"]:  # where more than half of the annotators agree
        labels = np.asarray(Image.open(path))
        expected = np.zeros((examples.HEIGHT, examples.WIDTH), np.uint8)
        expected[8:15, 12:25] = 1
        assert labels.dtype == np.uint8 and (labels == expected).all()


def test_grey_and_cmyk_images_are_stored(tmp_path):
    cub_archives(tmp_path / "resources" / "cub200")
    fetch(tmp_path, "cub200")
    unpack(tmp_path)
    found = index(tmp_path, "cub200").set_index("image_id", drop=False)
    modes = {Image.open(path).mode for path in found["path"]}
    assert modes == {"L", "CMYK", "RGB"}
    build_images(found, tmp_path / "store")
    store = ImageStore(tmp_path / "store")
    for position, image_id in enumerate(store.layout["image_id"]):
        with Image.open(found.loc[image_id, "path"]) as image:
            assert (store.image(position) == np.asarray(image.convert("RGB"))).all()


@pytest.mark.parametrize("given", [True, False])
def test_cub_without_its_masks(tmp_path, given, caplog):
    place = tmp_path / ("elsewhere" if given else "resources/cub200")
    cub_archives(place, CUB)
    source = fetch(tmp_path, "cub200", *(["--archive", str(place / CUB)] if given else []))
    assert source["also"] == [] and f"goes on without {MASKS}" in caplog.text
    unpack(tmp_path)
    found = index(tmp_path, "cub200")
    assert (found["mask"] == "").all() and (found["boxes"] != "").all()
    assert f"holds no mask; methods that need them want {MASKS}" in caplog.text


@pytest.mark.parametrize("place", ["elsewhere", "resources/cub200"])
def test_masks_beside_the_given_archive_or_in_their_place(tmp_path, place):
    cub_archives(tmp_path / "elsewhere", CUB)
    cub_archives(tmp_path / place, MASKS)
    source = fetch(tmp_path, "cub200", "--archive", str(tmp_path / "elsewhere" / CUB))
    assert source["also"][0]["origin"] == ("config" if place == "elsewhere" else "placed")
    unpack(tmp_path)
    assert (index(tmp_path, "cub200")["mask"] != "").all()


def test_a_folder_with_masks_beside_it(tmp_path):
    place = tmp_path / "mine"
    base = examples.cub(place)
    before = sorted(place.rglob("*"))
    fetch(tmp_path, "cub200", "--archive", str(place))
    unpack(tmp_path)
    assert (index(tmp_path, "cub200")["mask"] != "").all()
    examples.pack(place, place / MASKS, "segmentations")
    fetch(tmp_path, "cub200", "--archive", str(base))
    unpack(tmp_path)
    assert (index(tmp_path, "cub200")["mask"] != "").all()
    assert sorted(path for path in place.rglob("*") if path.name != MASKS) == before


class Publisher(SimpleHTTPRequestHandler):
    """Serves the files of a folder; the server's list `asked` holds what was asked for."""

    def log_message(self, *args):
        self.server.asked.append(Path(self.path).name)


@pytest.fixture
def publisher(tmp_path):
    """The registry with a local server as publisher of CUB's archives, and what it was asked for."""
    cub_archives(tmp_path / "published")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Publisher, directory=tmp_path / "published"))
    server.asked = []
    threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
    registry = yaml.safe_load(REGISTRY.read_text())
    source = registry["cub200"]["source"]
    source.pop("sha256")
    for part in (source, source["also"][0]):
        part["url"] = f"http://127.0.0.1:{server.server_port}/{part['filename']}"
        part["md5"] = hashlib.md5((tmp_path / "published" / part["filename"]).read_bytes()).hexdigest()
    path = tmp_path / "registry.yaml"
    path.write_text(yaml.safe_dump(registry))
    yield path, server.asked
    server.shutdown()
    server.server_close()


def test_both_archives_are_downloaded_once(tmp_path, publisher):
    registry, asked = publisher
    source = fetch(tmp_path, "cub200", registry=registry)
    for part, name in ((source, CUB), (source["also"][0], MASKS)):
        assert part["origin"] == "download" and part["url"].endswith(name)
        content = (tmp_path / "published" / name).read_bytes()
        assert part["sha256"] == hashlib.sha256(content).hexdigest() and part["bytes"] == len(content)
    again = fetch(tmp_path, "cub200", registry=registry)
    assert again["origin"] == again["also"][0]["origin"] == "placed"
    assert asked == [MASKS, CUB]
    unpack(tmp_path)
    assert (index(tmp_path, "cub200")["mask"] != "").all()


def test_the_second_archive_has_its_checksum(tmp_path, publisher):
    registry, asked = publisher
    (tmp_path / "published" / MASKS).write_bytes((tmp_path / "published" / CUB).read_bytes())
    with pytest.raises(InputError, match=r"segmentations\.tgz: its md5 is"):
        fetch(tmp_path, "cub200", registry=registry)
    assert asked == [MASKS] and not (tmp_path / "source.json").exists()


def test_masks_alone_are_not_the_data_set(tmp_path, publisher):
    """An interrupted run, or a user, left the masks only: the images are still to be downloaded."""
    registry, asked = publisher
    place = tmp_path / "resources" / "cub200"
    place.mkdir(parents=True)
    shutil.copy(tmp_path / "published" / MASKS, place)
    assert fetch(tmp_path, "cub200", registry=registry)["path"].endswith(CUB)
    assert asked == [CUB]


def test_an_archive_that_leaves_its_folder(tmp_path):
    place = tmp_path / "resources" / "cub200"
    cub_archives(place, CUB)
    examples.pack_with_outsider(place / MASKS)
    fetch(tmp_path, "cub200")
    with pytest.raises(InputError, match=r"segmentations\.tgz: .*outside\.png' would lie outside the folder"):
        unpack(tmp_path)
    assert not (tmp_path / "files").exists() and not (tmp_path / "outside.png").exists()


def test_changed_masks_are_refused(tmp_path):
    place = tmp_path / "resources" / "cub200"
    cub_archives(place)
    fetch(tmp_path, "cub200")
    (place / MASKS).write_bytes(b"other")
    with pytest.raises(InputError, match=r"segmentations\.tgz: changed since it was fetched"):
        unpack(tmp_path)
    (place / MASKS).unlink()
    with pytest.raises(InputError, match=r"segmentations\.tgz: is gone"):
        unpack(tmp_path)


def test_a_mask_of_another_size(tmp_path):
    root = examples.cub(tmp_path / "files").parent
    mask = next((root / "segmentations").rglob("*_796001.png"))
    Image.new("L", (40, 31)).save(mask)
    with pytest.raises(InputError, match=r"_796001\.png: is 40×31 pixels"):
        index(tmp_path, "cub200")


def test_a_box_outside_its_image(tmp_path):
    table = examples.cub(tmp_path / "files") / "bounding_boxes.txt"
    table.write_text(table.read_text().replace("4 10.0 5.0 20.0", "4 100.0 5.0 20.0"))
    with pytest.raises(InputError, match=r"_796004\.jpg: its published box .* lies outside of its 40×30"):
        index(tmp_path, "cub200")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["files"]


def test_turned_images_keep_their_stored_pixels(tmp_path):
    """Boxes and masks mean the stored pixels, so that EXIF is dropped, not obeyed."""
    base = examples.cub(tmp_path / "files")
    exif = Image.Exif()
    exif[0x0112] = 6
    path = next(base.rglob("*_796004.jpg"))
    with Image.open(path) as image:
        image.load()
    image.save(path, exif=exif)
    found = index(tmp_path, "cub200").set_index("image_id").loc[path.stem]
    assert found["path"].endswith(f"masks/as_stored/{path.stem}.png")
    with Image.open(path) as stored, Image.open(found["path"]) as copy:
        assert copy.size == (40, 30) and not copy.getexif()
        assert (np.asarray(copy) == np.asarray(stored)).all()
    assert box_of(found, "bird") == [10, 5, 30, 20]


def test_an_image_in_both_parts_of_a_published_split(tmp_path, caplog):
    base = examples.cub(tmp_path / "files")
    first, second = (next(base.rglob(f"*_79600{number}.jpg")) for number in (5, 6))
    shutil.copy(first, second)
    assert len(index(tmp_path, "cub200")) == 8
    assert "(train and test, as published)" in caplog.text
    with pytest.raises(InputError, match="one for training and one for test"):
        for seed in range(10):  # an own split refuses it, once it falls apart
            index(tmp_path, "cub200", "--split", "1:1", "--split-seed", str(seed))


def test_aircraft_from_their_archive(tmp_path):
    examples.aircraft(tmp_path / "made")
    archive = examples.pack(tmp_path / "made", tmp_path / "given.tar.gz")
    assert "also" not in fetch(tmp_path, "aircraft", "--archive", str(archive))
    unpack(tmp_path)
    found = index(tmp_path, "aircraft")
    assert found["class"].tolist() == sorted(examples.VARIANTS * 3)
    assert found["split"].value_counts().to_dict() == {"train": 6, "test": 3}
    assert (found["mask"] == "").all()
    assert {tuple(box_of(row, "aircraft")) for _, row in found.iterrows()} == {(0, 5, 40, 25)}


def test_cars_from_a_local_archive(tmp_path):
    with pytest.raises(InputError, match=r"put the archive or folder of cars there .*StanfordCars"):
        fetch(tmp_path, "cars")
    examples.cars(tmp_path / "made")
    (tmp_path / "resources" / "cars").mkdir(parents=True)
    examples.pack(tmp_path / "made", tmp_path / "resources" / "cars" / "stanford_cars.tgz")
    fetch(tmp_path, "cars")
    unpack(tmp_path)
    found = index(tmp_path, "cars")
    assert found["class"].tolist() == sorted([*examples.CARS * 3, examples.CARS[1]])
    assert found["image_id"].tolist()[:3] == ["test-00001", "train-00001", "train-00002"]
    assert {tuple(box_of(row, "car")) for _, row in found.iterrows()} == {(0, 5, 40, 25)}
