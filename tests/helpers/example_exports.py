"""The same marks as each annotation program exports them: of every image, 40 × 30 pixels, a square of the
first class, columns and rows 5 to 15, and a rectangle of the second, columns 25 to 35, rows 10 to 25."""

import json

import numpy as np
from example_marks import CLASSES, SIZE, labelme
from PIL import Image

FIRST, SECOND = CLASSES
HEIGHT, WIDTH = SIZE
SQUARE = [[5, 5], [15, 5], [15, 15], [5, 15]]
FLAT = [number for point in SQUARE for number in point]
BOXES = [(0, 5, 5, 15, 15), (1, 25, 10, 35, 25)]
IDS = [f"leaf.{number}" for number in range(4)]
# pycocotools 2.0.11 on the square alone; label-studio-converter 0.0.59 on the square alone
SQUARE_RLE = {"counts": "k4:d000000000000000000Yg0", "size": [30, 40]}
SQUARE_BRUSH = [0, 0, 18, 192, 57, 27, 255, 3, 51, 0, 196, 255, 249, 220, 3, 19, 255, 231, 112, 12, 79, 255]
SQUARE_BRUSH += [157, 192, 49, 63, 254, 119, 0, 196, 255, 249, 220, 3, 19, 255, 231, 112, 12, 79, 255, 157]
SQUARE_BRUSH += [192, 49, 63, 254, 119, 0, 196, 255, 249, 220, 3, 19, 255, 240, 156, 48, 0]


def labels():
    """The label mask of the marks."""
    expected = np.zeros(SIZE, dtype=np.uint8)
    expected[5:15, 5:15] = 1
    expected[10:25, 25:35] = 2
    return expected


def write(folder, name, content):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")


def coco(segmentation=(FLAT,), name="{}.png", first_id=1, key=int, supercategory=""):
    """A COCO file: the square drawn, the rectangle as a bbox with empty segmentation, as CVAT does."""
    ids = [key(number) for number in range(first_id, first_id + 4)]
    categories = [(key(first_id), SECOND), (key(first_id + 1), FIRST)]  # not in the order of the classes
    content = {
        "images": [
            {"id": number, "file_name": name.format(image_id), "width": WIDTH, "height": HEIGHT}
            for number, image_id in zip(ids, IDS, strict=True)
        ],
        "categories": [{"id": k, "name": n, "supercategory": supercategory} for k, n in categories],
        "annotations": [],
    }
    for number in ids:
        square = {"category_id": categories[1][0], "segmentation": segmentation, "bbox": [5, 5, 10, 10]}
        other = {"category_id": categories[0][0], "segmentation": [], "bbox": [25, 10, 10, 15]}
        for mark in (square, other):
            place = {"id": len(content["annotations"]) + 1, "image_id": number, "iscrowd": 0}
            content["annotations"].append(place | mark)
    return content


def yolo(folder, names, where="{}.txt", first="0"):
    """YOLO files whose class 0 is the second class, and the program's own list of names."""
    for image_id in IDS:
        square = "1 0.125 0.16666667 0.375 0.16666667 0.375 0.5 0.125 0.5"
        write(folder, where.format(image_id), f"{first} 0.75 0.58333333 0.25 0.5\r\n{square}\r\n")
    for name, content in names.items():
        write(folder, name, content)


def voc(image_id, polygon=False):
    """A Pascal VOC file; with `polygon` as Roboflow writes segmentations."""
    corners = "".join(f"<x{n}>{x}</x{n}><y{n}>{y}</y{n}>" for n, (x, y) in enumerate(SQUARE, 1))
    drawn = f"<polygon>{corners}</polygon>" if polygon else ""
    objects = ""
    for name, (left, top, right, bottom), more in (
        (FIRST, BOXES[0][1:], drawn),
        (SECOND, BOXES[1][1:], ""),
    ):
        sides = f"<xmin>{left}</xmin><xmax>{right}</xmax><ymin>{top}</ymin><ymax>{bottom}</ymax>"
        objects += f"<object><name>{name}</name><bndbox>{sides}</bndbox>{more}</object>"
    size = f"<size><width>{WIDTH}</width><height>{HEIGHT}</height><depth>3</depth></size>"
    return f"<annotation><filename>{image_id}.png</filename>{size}{objects}</annotation>"


def cvat(mask=False):
    """A file "CVAT for images"; the square as a polygon or, with `mask`, as run lengths."""
    images = ""
    for number, image_id in enumerate(IDS):
        points = ";".join(f"{x:.2f},{y:.2f}" for x, y in SQUARE)
        square = f'<polygon label="{FIRST}" points="{points}" z_order="0"/>'
        if mask:
            square = (
                f'<mask label="{FIRST}" rle="0, 100" left="5" top="5" width="10" height="10" z_order="0"/>'
            )
        box = f'<box label="{SECOND}" xtl="25.00" ytl="10.00" xbr="35.00" ybr="25.00" z_order="0"/>'
        head = f'<image id="{number}" name="my task/{image_id}.png" width="{WIDTH}" height="{HEIGHT}">'
        images += f"{head}{square}{box}<tag label='checked'/></image>"
    return f'<?xml version="1.0" encoding="utf-8"?><annotations><version>1.1</version>{images}</annotations>'


def via_regions():
    xs, ys = zip(*SQUARE, strict=True)
    polygon = {"name": "polygon", "all_points_x": xs, "all_points_y": ys}
    box = {"name": "rect", "x": 25, "y": 10, "width": 10, "height": 15}
    return [
        {"shape_attributes": polygon, "region_attributes": {"sure": "yes", "part": FIRST}},
        {"shape_attributes": box, "region_attributes": {"sure": "", "part": {FIRST: False, SECOND: True}}},
    ]


def via(numbered=False):
    """VIA's annotations; with `numbered`, regions as VIA 1 has them."""
    regions = via_regions()
    if numbered:
        regions = {str(number): region for number, region in enumerate(regions)}
    return {
        f"{image_id}.png7": {
            "filename": f"{image_id}.png",
            "size": 7,
            "regions": regions,
            "file_attributes": {},
        }
        for image_id in IDS
    }


def via_csv():
    head = (
        "filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,region_attributes"
    )
    rows = [head]
    for image_id in IDS:
        for number, region in enumerate(via_regions()):
            coded = [json.dumps(region[key]).replace('"', '""') for key in region]
            rows.append(f'{image_id}.png,7,"{{}}",2,{number},"{coded[0]}","{coded[1]}"')
    return "\n".join([*rows, 'other.png,7,"{}",0,0,"{}","{}"'])


def label_studio(kind="polygonlabels", url="/data/upload/3/1a2b3c4d-{}.png"):
    """Label Studio's tasks; the square as a polygon, a turned rectangle or a stroke of the brush."""
    square = {
        "polygonlabels": {"points": [[x / 40 * 100, y / 30 * 100] for x, y in SQUARE]},
        "brushlabels": {"format": "rle", "rle": SQUARE_BRUSH},
        # turned by 90 degrees about its corner at (15, 5), its width runs down and its height to the left
        "rectanglelabels": {"x": 37.5, "y": 50 / 3, "width": 25, "height": 100 / 3, "rotation": 90},
    }[kind]
    box = {"x": 62.5, "y": 100 / 3, "width": 25, "height": 50, "rotation": 0, "rectanglelabels": [SECOND]}
    size = {"original_width": WIDTH, "original_height": HEIGHT}
    results = [
        size | {"type": kind, "value": square | {kind: [FIRST]}},
        size | {"type": "rectanglelabels", "value": box},
        {"type": "choices", "value": {"choices": ["good"]}},
    ]
    cancelled = {"was_cancelled": True, "result": [size | {"type": "rectanglelabels", "value": {}}]}
    return [
        {
            "id": number,
            "data": {"image": url.format(image_id), "note": "seen"},
            "annotations": [cancelled, {"was_cancelled": False, "result": results}],
            "predictions": [{"result": results}],
        }
        for number, image_id in enumerate(IDS)
    ]


def label_studio_min():
    """Label Studio's JSON-MIN."""
    tasks = label_studio()
    flat = []
    for task in tasks:
        marks = [
            {**mark["value"], **{key: mark[key] for key in ("original_width", "original_height")}}
            for mark in task["annotations"][1]["result"][:2]
        ]
        flat.append({"image": task["data"]["image"], "id": task["id"], "annotation_id": 1})
        flat[-1] |= {"outline": marks[:1], "box": marks[1:]}
    return flat


def makesense():
    """makesense's table of rectangles."""
    rows = ["label_name,bbox_x,bbox_y,bbox_width,bbox_height,image_name,image_width,image_height"]
    for image_id in IDS:
        for name, (left, top, right, bottom) in zip(CLASSES, (box[1:] for box in BOXES), strict=True):
            rows.append(f"{name},{left},{top},{right - left},{bottom - top},{image_id}.png,{WIDTH},{HEIGHT}")
    return "\n".join(rows)


def cvat_coloured(folder):
    """CVAT's "Segmentation mask 1.1": colours named by labelmap.txt, and a second mask of object numbers."""
    colours = np.array([[0, 0, 0], [250, 50, 83], [128, 0, 0]], dtype=np.uint8)
    lines = [
        "# label:color_rgb:parts:actions",
        f"{SECOND}:128,0,0::",
        "background:0,0,0::",
        f"{FIRST}:250,50,83::",
    ]
    write(folder, "labelmap.txt", "\n".join(lines))
    write(folder, "ImageSets/Segmentation/default.txt", "\n".join(IDS))
    for image_id in IDS:
        for kind, pixels in (("Class", colours[labels()]), ("Object", colours[labels()][..., ::-1])):
            (folder / f"Segmentation{kind}").mkdir(exist_ok=True)
            Image.fromarray(np.ascontiguousarray(pixels)).save(
                folder / f"Segmentation{kind}" / f"{image_id}.png"
            )


def corners_csv():
    """TensorFlow's table, as Roboflow writes it."""
    rows = ["filename,width,height,class,xmin,ymin,xmax,ymax"]
    for image_id in IDS:
        for name, (left, top, right, bottom) in zip(CLASSES, (box[1:] for box in BOXES), strict=True):
            copy = f"{image_id}_png.rf.0a1b2c3d.jpg"
            rows.append(f"{copy},{WIDTH},{HEIGHT},{name},{left},{top},{right},{bottom}")
    return "\n".join(rows)


def each(folder, name, content):
    for image_id in IDS:
        write(folder, name.format(image_id), content(image_id))


SHAPES = [(FIRST, "polygon", SQUARE), (SECOND, "rectangle", [[35, 25], [25, 10]])]
REVERSED = f"{SECOND}\n{FIRST}\n"
EXPORTS = {
    "labelme": lambda m: each(m, "{}.json", lambda _: labelme(SHAPES, imageHeight=30, imageWidth=40)),
    "labelme-bom": lambda m: each(
        m, "{}.json", lambda _: b"\xef\xbb\xbf" + json.dumps(labelme(SHAPES)).encode()
    ),
    "labelme-inside": lambda m: each(
        m, "of {}.json", lambda i: labelme(SHAPES) | {"imagePath": f"..\\images\\{i}.png"}
    ),
    "coco-cvat": lambda m: write(m, "annotations/instances_default.json", coco()),
    "coco-from-0": lambda m: write(m, "coco.json", coco(first_id=0, supercategory="none")),
    "coco-text-ids": lambda m: write(m, "via_coco.json", coco(segmentation=FLAT, key=str)),
    "coco-runs": lambda m: write(m, "coco.json", coco({"counts": runs(), "size": [30, 40]})),
    "coco-compressed": lambda m: write(m, "coco.json", coco(SQUARE_RLE)),
    "coco-roboflow": lambda m: write(
        m, "train/_annotations.coco.json", coco(name="{}_png.rf.0123456789abcdef0123456789abcdef.jpg")
    ),
    "coco-label-studio": lambda m: write(m, "result.json", coco(name="images\\1a2b3c4d-{}.png")),
    "yolo-classes": lambda m: yolo(m, {"classes.txt": b"\xef\xbb\xbf" + REVERSED.encode()}),
    "yolo-roboflow": lambda m: yolo(
        m,
        {"data.yaml": f"nc: 2\nnames: ['{SECOND}', '{FIRST}']\n", "README.roboflow.txt": "from roboflow"},
        "train/labels/{}_png.rf.0a1b2c3d4e5f.txt",
    ),
    "yolo-ultralytics": lambda m: yolo(
        m, {"data.yaml": f"names:\n  0: {SECOND}\n  1: {FIRST}\n"}, "labels/train/{}.txt"
    ),
    "yolo-cvat": lambda m: yolo(
        m,
        {"obj.names": REVERSED, "obj.data": "classes = 2\n", "train.txt": "data/obj_train_data/leaf.0.png\n"},
        "obj_train_data/{}.txt",
        "0.000e+00",
    ),
    "yolo-darknet": lambda m: yolo(m, {"train/_darknet.labels": REVERSED}, "train/{}.txt"),
    "yolo-label-studio": lambda m: yolo(
        m,
        {
            "classes.txt": REVERSED,
            "notes.json": {"categories": [{"id": 0, "name": SECOND}, {"id": 1, "name": FIRST}]},
        },
        "labels/1a2b3c4d-{}.txt",
    ),
    "voc": lambda m: each(m, "Annotations/{}.xml", voc),
    "voc-polygon": lambda m: each(m, "{}_png.rf.0a1b2c3d.xml", lambda i: voc(i, polygon=True)),
    "cvat": lambda m: write(m, "annotations.xml", cvat()),
    "cvat-mask": lambda m: write(m, "annotations.xml", cvat(mask=True)),
    "cvat-coloured": cvat_coloured,
    "via": lambda m: write(m, "via_region_data.json", via()),
    "via-1": lambda m: write(m, "via_region_data.json", via(numbered=True)),
    "via-project": lambda m: write(m, "via_project.json", {"_via_settings": {}, "_via_img_metadata": via()}),
    "via-csv": lambda m: write(m, "via_region_data.csv", via_csv()),
    "label-studio": lambda m: write(m, "project-3-at-2026.json", label_studio()),
    "label-studio-brush": lambda m: write(m, "tasks.json", label_studio("brushlabels")),
    "label-studio-turned": lambda m: write(m, "tasks.json", label_studio("rectanglelabels")),
    "label-studio-local": lambda m: write(
        m, "tasks.json", label_studio(url="http://host/data/local-files/?d=my%20images/{}.png")
    ),
    "label-studio-min": lambda m: write(m, "tasks.json", label_studio_min()),
    "tensorflow": lambda m: write(m, "train/_annotations.csv", corners_csv()),
    "makesense": lambda m: write(m, "labels_my-project_2026.csv", makesense()),
    "makesense-old": lambda m: write(m, "labels.csv", makesense().split("\n", 1)[1]),
}


def runs():
    """The square as COCO's run lengths, written out, by counting."""
    square = (labels() == 1).T.ravel().astype(int)
    edges = np.flatnonzero(np.diff(square)) + 1
    return np.diff([0, *edges, len(square)]).tolist()
