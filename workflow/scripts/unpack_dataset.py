"""Unpack the archive that fetch_dataset.py found or downloaded; a folder is linked to, not copied.

The archive must still be the one that source.json describes. The output is a folder in either case: for a
folder as source it holds one symbolic link, so that nothing is ever written into the user's own folder.
Inside the project the link is relative: a project that is moved or renamed goes on.
Further files of the data set are unpacked into folders of their own, also-1, also-2, ….

Example:
    python workflow/scripts/unpack_dataset.py --source results/butterfly/data/btfpis/source.json \\
        --output results/butterfly/data/btfpis/files
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from maskguide.data import archives
from maskguide.system import cli
from maskguide.system.files import InputError, atomic_directory, read_json, sha256


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = cli.parser(__doc__)
    add = parser.add_argument
    add("--source", type=Path, required=True, help="source.json of fetch_dataset.py")
    add("--output", type=Path, required=True, help="folder to write; an older one is replaced")
    return parser.parse_args(argv)


def main(args: argparse.Namespace) -> None:
    source = read_json(args.source)
    if not isinstance(source, dict) or not {"path", "kind", "sha256"} <= set(source):
        raise InputError(f"{args.source}: is no source.json; write it with fetch_dataset.py")
    parts = [source, *source.get("also", [])]
    for part in parts:
        check_unchanged(part, args.source)
    with atomic_directory(args.output) as folder:
        for number, part in enumerate(parts):
            own, path = folder / f"also-{number}" if number else folder, Path(part["path"])
            own.mkdir(exist_ok=not number)
            if part["kind"] == "folder":
                (own / path.resolve().name).symlink_to(target(path, own), target_is_directory=True)
            else:
                archives.unpack(part["path"], own)
    cli.log.info("%s: ready in %s", ", ".join(part["path"] for part in parts), args.output)


def target(path: Path, folder: Path) -> Path:
    """What a link in `folder` to `path` holds: the way from there where both lie in the working folder."""
    project, start = Path.cwd().resolve(), folder.resolve()
    place = path.parent.resolve() / path.name if path.name else path.resolve()
    inside = place.is_relative_to(project) and start.is_relative_to(project)
    return Path(os.path.relpath(place, start)) if inside and not path.is_absolute() else path.absolute()


def check_unchanged(part: dict, source: Path) -> None:
    """Refuse what is not the archive or folder any more that was fetched."""
    path = Path(part["path"])
    again = f"delete {source} and fetch again"
    if not path.exists():
        raise InputError(f"{path}: is gone; {again}")
    if part["kind"] == "archive" and sha256(path) != part["sha256"]:
        raise InputError(f"{path}: changed since it was fetched; {again}")


if __name__ == "__main__":
    cli.run(main, parse_args())
