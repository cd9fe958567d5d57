"""A path template gives each partition's folder a key, and each key its folder.

``date=%Y-%m-%d``, ``year=%Y/month=%m/day=%d``, ``region={region}/date=%Y-%m-%d`` or ``{key}``: the
codes of ``strftime`` that make up an instant, and named parts of a folder's name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_provider_fabml.core.arrivals.partition_date import (
    CODES,
    date_example,
    date_pattern,
    date_text,
    digits,
    is_date,
    stretches,
)
from airflow_provider_fabml.core.arrivals.partition_key import (
    NAMED,
    SEPARATOR,
    check_key,
    is_storable,
)
from airflow_provider_fabml.core.errors import UsageError
from airflow_provider_fabml.core.storage.uri_text import check_segments, check_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_TOKEN = re.compile(
    r"%(?P<code>.?)|\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)\}|(?P<text>[^%{}]+)|(?P<stray>[{}])",
    re.DOTALL,
)
_NAME = r"\{\w+\}"
_DATE = "%"


@dataclass(frozen=True, slots=True)
class PartitionTemplate:
    """A template that `parse_template` has checked; equal where its text is.

    `prefix` is the longest part that no partition varies: what a listing begins with. `components`
    are what a key consists of, in order: names, and ``%`` for the date.
    """

    text: str
    prefix: str = field(compare=False)
    components: tuple[str, ...] = field(compare=False)
    codes: str = field(compare=False)
    folder: re.Pattern[str] = field(compare=False)
    key: re.Pattern[str] = field(compare=False)

    def partition_of(self, path: str) -> tuple[str, str] | None:
        """Give key and folder of a blob's path below the tree, or None if it is in no partition.

        A folder whose date does not exist, or whose name is no key, is no partition.
        """
        found = self.folder.match(path)
        if found is None or not path[found.end() :]:
            return None
        values = found.groupdict()
        if not is_date(values, self.codes):
            return None
        parts = [
            date_text(values, self.codes) if name == _DATE else values[f"n_{name}"]
            for name in self.components
        ]
        key = SEPARATOR.join(parts)
        return (key, found.group().rstrip("/")) if is_storable(key) else None

    def folder_of(self, key: object) -> str:
        """Give the folder of a key, below the tree.

        :raises UsageError: rules ``partition-key-*``.
        """
        values = _values_of(key, self)
        return _TOKEN.sub(lambda token: _filled(token, values), self.text)

    @property
    def jinja(self) -> str:
        """Jinja text that renders to the folder of ``partition_key``, and to no folder without one.

        A key that `folder_of` would refuse is not noticed.
        """
        dates = stretches(self.codes)
        token = re.compile("|".join([*map(re.escape, dates), _NAME]))
        return token.sub(lambda found: _in_jinja(found, dates, self), self.text)

    @property
    def example(self) -> str:
        """A key as this template makes them."""
        return SEPARATOR.join(
            date_example(self.codes) if name == _DATE else f"<{name}>" for name in self.components
        )

    def order(self, key: str) -> tuple[str, str]:
        """Sort keys by date, then by all the rest; by the key itself where there is no date."""
        found = self.key.fullmatch(key)
        return (date_text(found.groupdict(), self.codes) if found else "", key)


def _values_of(key: object, template: PartitionTemplate) -> dict[str, str]:
    text = check_key(key)
    found = template.key.fullmatch(text)
    values = found.groupdict() if found else {}
    if found is None or not is_date(values, template.codes):
        raise UsageError(
            rule="partition-key-shape",
            field="partition key",
            value=text,
            reason=f"this is no key of {template.text}",
            remedy=f"write it as {template.example}.",
        )
    return values


def _filled(token: re.Match[str], values: Mapping[str, str]) -> str:
    code, name, text, _ = token.groups()
    return values[f"c_{code}"] if code else values[f"n_{name}"] if name else text or ""


def _in_jinja(
    found: re.Match[str], dates: Mapping[str, tuple[int, int]], template: PartitionTemplate
) -> str:
    """Name the part of the key that stands here: names have any length, dates always the same."""
    component = _DATE if found.group() in dates else found.group().strip("{}")
    alone = template.components == (component,)
    part = "" if alone else f".split('{SEPARATOR}')[{template.components.index(component)}]"
    start, end = dates.get(found.group(), (0, 0))
    if end and (start, end) != next(iter(dates.values())):
        part += f"[{start or ''}:{end}]"
    elif alone and _hides_none(found):
        part = "[:]"  # which None has not
    return f"{{{{ partition_key{part} }}}}"


def _hides_none(found: re.Match[str]) -> bool:
    """Whether a rendered None would not be refused here (`check_text`, rule ``uri-none``)."""
    before, after = found.string[: found.start()], found.string[found.end() :]
    return before[-1:] not in {"", "/", "="} or after[:1] not in {"", "/"}


def parse_template(text: object, *, field: str = "partitions") -> PartitionTemplate:
    """Check a template.

    :raises UsageError: rules ``partition-*`` and those of `check_text` and `check_segments`.
    """
    plain = check_text(text, field=field)
    template = check_segments(plain, value=plain, field=field).removesuffix("/")
    _check_tokens(template, field)
    tokens = list(_TOKEN.finditer(template))
    used = {token["code"] for token in tokens if token["code"]}
    codes = CODES[: len(used)]
    if used != set(codes):
        raise UsageError(
            rule="partition-date-gap",
            field=field,
            value=template,
            reason="these codes do not make up an instant, from the year downwards",
            remedy=f"use the first of {' '.join('%' + code for code in CODES)}, without a gap.",
        )
    components = dict.fromkeys(
        _DATE if token["code"] else token["name"] for token in tokens if token["text"] is None
    )
    first = next(token.start() for token in tokens if token["text"] is None)
    return PartitionTemplate(
        text=template,
        prefix=template[:first],
        components=tuple(components),
        codes=codes,
        folder=re.compile(f"{_pattern(tokens)}/"),
        key=re.compile(re.escape(SEPARATOR).join(_key_pattern(n, codes) for n in components)),
    )


def _check_tokens(template: str, field: str) -> None:
    tokens = list(_TOKEN.finditer(template))
    unknown = next((t.group() for t in tokens if t["code"] is not None and not _known(t)), None)
    if unknown is not None:
        raise UsageError(
            rule="partition-code",
            field=field,
            value=template,
            reason=f"{unknown} is no part of a folder's date that is read here",
            remedy="use %Y, %m, %d, %H and %M.",
        )
    if any(token["stray"] for token in tokens):
        raise UsageError(
            rule="partition-brace",
            field=field,
            value=template,
            reason="a brace is open, empty, or holds more than a name",
            remedy="write e.g. region={region}/date=%Y-%m-%d.",
        )
    if re.search(r"[*?\[\]]", template):
        raise UsageError(
            rule="partition-glob",
            field=field,
            value=template,
            reason="a partition's folder is named exactly; patterns choose files within it",
            remedy="write {name} for a part that varies, and use glob for the files.",
        )
    if all(token["text"] is not None for token in tokens):
        raise UsageError(
            rule="partition-nothing-varies",
            field=field,
            value=template,
            reason="every partition would have the same folder",
            remedy="write what varies, e.g. date=%Y-%m-%d or {key}.",
        )
    if any(segment.count("{") > 1 for segment in template.split("/")):
        raise UsageError(
            rule="partition-two-names",
            field=field,
            value=template,
            reason="where one name ends and the other begins, a folder's name does not tell",
            remedy="write at most one {name} between two slashes.",
        )


def _known(token: re.Match[str]) -> bool:
    return bool(token["code"]) and token["code"] in CODES


def _pattern(tokens: Sequence[re.Match[str]]) -> str:
    """Match a folder; a code or name that comes again must have the same value."""
    seen: set[str] = set()
    parts = []
    for token in tokens:
        group = f"c_{token['code']}" if token["code"] else f"n_{token['name']}"
        inner = digits(token["code"]) if token["code"] else NAMED
        if token["text"] is not None:
            parts.append(re.escape(token["text"]))
        else:
            parts.append(f"(?P={group})" if group in seen else f"(?P<{group}>{inner})")
            seen.add(group)
    return "".join(parts)


def _key_pattern(component: str, codes: str) -> str:
    return date_pattern(codes) if component == _DATE else f"(?P<n_{component}>{NAMED})"
