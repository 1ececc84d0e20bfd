"""The split of a data set into training and test images: published or drawn, and what makes one wrong."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from itertools import chain
from typing import NamedTuple

import numpy as np

from maskguide.data.layout_files import Entry
from maskguide.system.cli import log
from maskguide.system.files import InputError

# CRE1 of CRE1_a.jpg, plant12 of plant12-1.png, s3 of "s3 (1).png"
LIKELY_GROUP = r"^(.*\d.*?)[-_. (]+[A-Za-z0-9]{1,3}\)?\.[^.]+$"


def split(entries: list[Entry], rule: str, seed: int = 0, number: int = 1) -> list[Entry]:
    """The used images of split `number`, each with its part; their order in `entries` plays no role.

    rule: "a:b", ratio of training to test images within each class (all images used); "a/b", images per class
    (the others are left out); "published", the publisher's own. seed: of the order within each class.

    Training parts of the splits 1, 2, … are disjoint as long as the images suffice; the splits after that are
    drawn each by itself, and overlap with the others. A split is the same however many are drawn.
    Images of one group stay on one side; of groups, those are taken whose images come nearest to what the
    rule asks for, and with "a/b" images beyond the counts are left out.
    """
    if rule == "published":
        missing = next((entry for entry in entries if entry.split not in ("train", "test")), None)
        if missing:
            raise InputError(f"{missing.path}: its publisher gives no split; give a ratio such as 2:1")
        if number > 1:
            raise InputError(f"--number {number}: a published split is one; give a ratio such as 2:1")
        return entries
    match = re.fullmatch(r"([1-9][0-9]*)([:/])([1-9][0-9]*)", rule)
    if not match:
        raise InputError(
            f"--split {rule}: is no split; give a ratio (2:1), images per class (10/40) or published"
        )
    first, second, counted = int(match[1]), int(match[3]), match[2] == "/"
    classes: dict[str, list[Entry]] = {}
    for entry in sorted(entries, key=lambda entry: entry.image_id):
        classes.setdefault(entry.class_name, []).append(entry)
    wanted: dict[str, Wanted] = {}
    for name, members in sorted(classes.items()):
        if counted:
            num_train, num_used = first, first + second
        else:
            num_train, num_used = round_half_up(len(members) * first, first + second), len(members)
            num_train = min(max(num_train, 1), num_used - 1)
        if num_used > len(members) or num_train < 1:
            least = max(num_used, 2)
            raise InputError(
                f"class {name}: has {len(members)} image(s), the split {rule} needs {least}; add images, "
                "leave the class out, or split otherwise"
            )
        wanted[name] = Wanted(num_train, num_used - num_train)
    one = draw_groups if any(entry.group for entry in entries) else draw_images
    before: set[str] = set()
    for _ in range(number):
        chosen = one(classes, wanted, counted, [seed], before)
        if chosen is None:
            log.warning(
                "split %d: too few images are left that train in no other split, so it trains with some of "
                "theirs; lower `repeats`, or the share of training images",
                number,
            )
            chosen = one(classes, wanted, counted, [seed, number], set())
            break
        before |= {entry.image_id for entry in chosen if entry.split == "train"}
    return sorted(chosen, key=lambda entry: entry.image_id)


class Wanted(NamedTuple):
    """How many images of a class a split asks for; `test` is only heeded where the rule counts images."""

    train: int
    test: int


Classes = dict[str, list[Entry]]


def draw_images(
    classes: Classes, wanted: dict[str, Wanted], counted: bool, seed: list[int], before: set[str]
) -> list[Entry] | None:
    """One split, image by image. None where too few images are left that did not train `before`."""
    generator, used = np.random.default_rng(seed), []
    for name, (num_train, num_test) in wanted.items():
        members = classes[name]
        order = [members[index] for index in generator.permutation(len(members))]
        # those not in training yet, then the others, beginning with what trained last
        start = sum(entry.image_id in before for entry in order)
        order = order[start:] + order[:start]
        if start + num_train > len(members):
            return None
        used += [replace(entry, split="train") for entry in order[:num_train]]
        used += [replace(entry, split="test") for entry in order[num_train:][:num_test]]
    return used


def draw_groups(
    classes: Classes, wanted: dict[str, Wanted], counted: bool, seed: list[int], before: set[str]
) -> list[Entry] | None:
    """One split, group by group; a group may be of several classes. None as `draw_images`."""
    members: dict[str, list[Entry]] = {}
    left = dict.fromkeys(classes, 0)  # groups of each class that do not train
    for entry in chain.from_iterable(classes.values()):
        members.setdefault(entry.group, []).append(entry)
    names = sorted(members)
    of_class = {group: Counter(entry.class_name for entry in members[group]) for group in names}
    for group in names:
        left.update({name: left[name] + 1 for name in of_class[group]})
    order = [names[index] for index in np.random.default_rng(seed).permutation(len(names))]
    training, count = set(), dict.fromkeys(classes, 0)
    for group in order:
        if any(entry.image_id in before for entry in members[group]) or any(
            left[name] < 2 for name in of_class[group]
        ):
            continue
        gains = 0
        for name, number in of_class[group].items():
            lacking = wanted[name].train - count[name]
            gains += max(lacking, 0) if counted else abs(lacking) - abs(lacking - number)
        if gains > 0 or not all(count[name] for name in of_class[group]):
            training.add(group)
            for name, number in of_class[group].items():
                count[name] += number
                left[name] -= 1
    used, taken = [], Counter()
    for group in order:
        part = "train" if group in training else "test"
        for entry in members[group]:
            most = getattr(wanted[entry.class_name], part)
            if not counted or taken[entry.class_name, part] < most:
                taken[entry.class_name, part] += 1
                used.append(replace(entry, split=part))
    for name, each in wanted.items():
        short = counted and (taken[name, "train"] < each.train or taken[name, "test"] < each.test)
        if not taken[name, "train"] or short:
            if before:
                return None
            raise InputError(
                f"class {name}: its groups give {taken[name, 'train']} training and {taken[name, 'test']} "
                f"test image(s), the split needs {each.train} and {each.test}; ask for fewer"
            )
    return used


def grouped(entries: list[Entry], pattern: str) -> list[Entry]:
    """The entries with the group that a regular expression finds in each file's name.

    The group is what the first parenthesis holds, else all that matched. `InputError` for a pattern that is
    none or matches no part of a file's name, and for a class that has one group only.
    """
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise InputError(f"--group {pattern}: is no regular expression ({error}); correct it") from error
    found, groups = [], {}
    for entry in entries:
        match = expression.search(entry.path.name)
        group = match and (match[1] if expression.groups else match[0])
        if not group:
            raise InputError(
                f"{entry.path}: --group {pattern} finds no group in its name; correct the expression"
            )
        found.append(replace(entry, group=group))
        groups.setdefault(entry.class_name, set()).add(group)
    for name, of_class in groups.items():
        if len(of_class) == 1:
            raise InputError(
                f"class {name}: --group {pattern} finds one group only ({min(of_class)}), which cannot stand "
                "on both sides; correct the expression, or leave the class out"
            )
    return found


def warn_of_groups(entries: list[Entry]) -> None:
    """Say so where names speak of several images of one plant, session or individual (CRE1_a, CRE1_b)."""
    stems: dict[tuple[str, str], list[Entry]] = {}
    for entry in entries:
        match = re.match(LIKELY_GROUP, entry.path.name)
        if match:
            stems.setdefault((entry.class_name, match[1]), []).append(entry)
    several = Counter(name for name, _ in stems)
    alike = [each for (name, _), each in stems.items() if len(each) > 1 and several[name] > 1]
    if 2 * sum(map(len, alike)) >= len(entries) > 0:
        one, other = (entry.path.name for entry in alike[0][:2])
        log.warning(
            "%s and %s may show one plant, session or individual, and may stand on both sides of the split: "
            "results are then too good; name the part of a file's name that such images share, as "
            "group: '%s'",
            *(one, other, LIKELY_GROUP),
        )


def round_half_up(numerator: int, denominator: int) -> int:
    """numerator / denominator to the nearest whole number, halves up (`round` takes the even one)."""
    return (2 * numerator + denominator) // (2 * denominator)


def check_split(entries: list[Entry], contents: list[str], published: bool = False) -> None:
    """Every class in both parts, no image in both; `contents` are the hashes of the entries' pixels.

    An image in both parts of a `published` split is only warned of: the papers' numbers are of this split.
    """
    if not entries:
        raise InputError("the split uses no image")
    present = {(entry.class_name, entry.split) for entry in entries}
    classes = sorted({name for name, _ in present})
    for name in classes:
        for part in ("train", "test"):
            if (name, part) not in present:
                raise InputError(f"class {name}: has no image in the {part} part; every class needs both")
    if len(classes) < 2:
        raise InputError(f"class {entries[0].class_name}: is the only one; add images of another class")
    sides: dict[str, Entry] = {}
    for entry in (each for each in entries if each.group):
        other = sides.setdefault(entry.group, entry)
        if other.split != entry.split:
            said = f"{entry.path}: is of the group {entry.group} as {other.path}, on the other side"
            if not published:
                raise InputError(f"{said}; put both on one side")
            log.warning("%s (as published)", said)
            break
    first: dict[str, Entry] = {}
    for entry, content in zip(entries, contents, strict=True):
        other = first.setdefault(content, entry)
        if other.split != entry.split and not published:
            raise InputError(
                f"{entry.path}: same content as {other.path}, one for training and one for test; take one out"
            )
        if other is not entry:
            where = "" if other.split == entry.split else f" ({entry.split} and {other.split}, as published)"
            log.warning("%s: same content as %s%s", entry.path, other.path, where)
