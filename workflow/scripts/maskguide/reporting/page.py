"""A page of plain words and pictures, as Markdown and as one HTML file that needs nothing besides."""

from __future__ import annotations

import base64
import html
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from maskguide.system.files import InputError


class Picture(NamedTuple):
    """A PNG file and what it shows."""

    path: Path
    caption: str


# ("title" or "heading", words), ("list", lines) or ("picture", Picture); **bold** and `code` within words.
Block = tuple[str, str | Sequence[str] | Picture]

STYLE = """
:root { color-scheme: light dark; --ink: #1c1c1c; --paper: #ffffff; --faint: #5c5c5c; --line: #d9d9d9; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #ececec; --paper: #17191c; --faint: #a8a8a8; --line: #3a3d42; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 17px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; }
main { max-width: 46rem; margin: 0 auto; padding: 1.5rem 1rem 3rem; overflow-wrap: break-word; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 1rem; }
h2 { font-size: 1.15rem; margin: 2rem 0 0.5rem; padding-top: 1rem; border-top: 1px solid var(--line); }
ul { padding-left: 1.2rem; margin: 0.5rem 0; } li { margin: 0.4rem 0; }
ul.answer { list-style: none; padding: 0; font-size: 1.1rem; }
ul.answer li { margin: 0.8rem 0; padding-left: 0.9rem; border-left: 4px solid #0072b2; }
figure { margin: 2rem 0; } figcaption { color: var(--faint); font-size: 0.9rem; margin-top: 0.4rem; }
img { display: block; width: 100%; height: auto; background: #ffffff; border-radius: 4px; padding: 6px; }
code { font-size: 0.9em; }
@media print { body { font-size: 11pt; } h2 { break-after: avoid; } figure, li { break-inside: avoid; } }
"""


def as_markdown(page: Sequence[Block], folder: Path) -> str:
    """The page in Markdown; pictures as links from `folder`."""
    parts = []
    for kind, content in page:
        if kind == "picture":
            link = Path(os.path.relpath(content.path, folder)).as_posix()
            parts.append(f"![{content.path.stem}]({link})\n\n*{content.caption}*")
        elif kind == "list":
            parts.append("\n".join(f"- {line}" for line in content))
        else:
            parts.append(f"{'#' if kind == 'title' else '##'} {content}")
    return "\n\n".join(parts) + "\n"


def as_html(page: Sequence[Block], about: str) -> str:
    """The page as one file: pictures lie in it, nothing is loaded, no script runs. about: its last line."""
    title = next(content for kind, content in page if kind == "title")
    body, first = [], True
    for kind, content in page:
        if kind == "picture":
            body.append(_figure(content))
        elif kind == "list":
            items = "\n".join(f"<li>{_inline(line)}</li>" for line in content)
            opened = '<ul class="answer">' if first else "<ul>"
            body.append(f"{opened}\n{items}\n</ul>")
            first = False
        else:
            tag = "h1" if kind == "title" else "h2"
            body.append(f"<{tag}>{_inline(content)}</{tag}>")
    body.append(f"<p><small>{_inline(about)}</small></p>")
    head = (
        '<meta charset="utf-8">\n<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(title)}</title>\n<style>{STYLE}</style>"
    )
    parts = ['<!DOCTYPE html>\n<html lang="en">\n<head>', head, "</head>\n<body>\n<main>", *body]
    return "\n".join([*parts, "</main>\n</body>\n</html>\n"])


def _inline(words: str) -> str:
    escaped = html.escape(words)
    escaped = re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", escaped)
    return re.sub(r"`(.+?)`", r"<code>\1</code>", escaped)


def _figure(picture: Picture) -> str:
    try:
        data = Path(picture.path).read_bytes()
    except OSError as error:
        raise InputError(f"{picture.path}: cannot be read ({error}); draw it again") from error
    if not data.startswith(b"\x89PNG"):
        raise InputError(f"{picture.path}: is no PNG; draw it again")
    shown = base64.b64encode(data).decode("ascii")
    caption = html.escape(picture.caption)
    return (
        f'<figure>\n<img src="data:image/png;base64,{shown}" alt="{caption}">\n'
        f"<figcaption>{_inline(picture.caption)}</figcaption>\n</figure>"
    )
