"""Glob patterns over blob names: ``*`` stays inside a folder, ``**`` crosses folders.

The meaning is that of Python 3.13's ``glob.translate(recursive=True, include_hidden=True)``.
``fnmatch`` is no substitute: its ``*`` crosses ``/``, so ``*.csv`` would match an archive below.
"""

from __future__ import annotations

import re
from functools import lru_cache

from airflow_provider_fabml.core.errors import UsageError
from airflow_provider_fabml.core.storage.uri_text import check_segments, has_jinja

_MAGIC = re.compile(r"[*?\[]")
_CLASS = re.compile(r"\[(?P<not>!?)(?P<body>\]?[^]/]*)\]")
_RANGE = re.compile(r"(.)-(.)", re.DOTALL)


def is_hidden(path: str) -> bool:
    """Whether a segment of a name begins with ``_`` or ``.``: such files never count as data."""
    return any(segment.startswith(("_", ".")) for segment in path.split("/"))


def check_glob(pattern: object, *, field: str) -> str:
    """Refuse a pattern that matches nothing, or something else than it seems to.

    :raises UsageError: rules ``glob-*`` and those of `check_segments`.
    """
    if not isinstance(pattern, str) or not pattern.strip():
        raise UsageError(
            rule="glob-empty",
            field=field,
            value=pattern,
            reason="this is no pattern",
            remedy="write e.g. *.parquet, or None for every file.",
        )
    if has_jinja(pattern) or re.search(r"[{}]", pattern):
        raise UsageError(
            rule="glob-braces",
            field=field,
            value=pattern,
            reason=f"{'a template' if has_jinja(pattern) else 'a choice in braces'} is no pattern",
            remedy="use * ? [...] or **, once for each alternative.",
        )
    check_segments(pattern, value=pattern, field=field)
    if any("**" in part and part != "**" for part in pattern.split("/")):
        raise UsageError(
            rule="glob-double-star",
            field=field,
            value=pattern,
            reason="** stands for any folders, so it must be a whole path segment",
            remedy="write **/*.csv for every level, or *.csv for this one.",
        )
    plain = _CLASS.sub("", pattern)
    if "[" in plain:
        raise UsageError(
            rule="glob-bracket",
            field=field,
            value=pattern,
            reason="a [ is not closed within its path segment",
            remedy="close it with ], or write [[] for the character itself.",
        )
    if any(low > high for found in _CLASS.finditer(pattern) for low, high in _ranges(found)):
        raise UsageError(
            rule="glob-range",
            field=field,
            value=pattern,
            reason="a range in brackets runs backwards and matches nothing",
            remedy="write it from low to high, e.g. [0-9].",
        )
    if pattern.rpartition("/")[2] == "":
        raise UsageError(
            rule="glob-directory",
            field=field,
            value=pattern,
            reason="a pattern that ends with / matches folders, and folders never count",
            remedy="write e.g. folder/* or folder/**.",
        )
    if is_hidden(pattern):
        raise UsageError(
            rule="glob-hidden",
            field=field,
            value=pattern,
            reason="names that begin with _ or . never count as data",
            remedy="name a marker (marker='_SUCCESS') or a table (delta_version), or watch the "
            "hidden folder itself as path.",
        )
    return pattern


def is_magic(text: str) -> bool:
    """Whether this is a pattern rather than a name."""
    return _MAGIC.search(text) is not None


def _ranges(found: re.Match[str]) -> list[tuple[str, str]]:
    return _RANGE.findall(found["body"])


def literal_prefix(pattern: str | None) -> str:
    """Give what every match begins with; a listing needs to look at nothing else."""
    if pattern is None:
        return ""
    magic = _MAGIC.search(pattern)
    return pattern if magic is None else pattern[: magic.start()]


def literal_folder(pattern: str | None) -> str:
    """Give the folders, each with its slash, that every match begins with."""
    head, slash, _ = literal_prefix(pattern).rpartition("/")
    return head + slash


@lru_cache(maxsize=256)
def compile_glob(pattern: str) -> re.Pattern[str]:
    """Translate a checked pattern to a regular expression for `fullmatch` on a relative name."""
    segments = pattern.removesuffix("/").split("/")
    last = len(segments) - 1
    return re.compile(
        "".join(_segment(text, is_last=index == last) for index, text in enumerate(segments)),
        re.DOTALL,
    )


def _segment(text: str, *, is_last: bool) -> str:
    if text == "**":
        return ".*" if is_last else "(?:.+/)?"
    if text == "*":
        return "[^/]+" if is_last else "[^/]+/"
    out, at = "", 0
    while at < len(text):
        piece, at = _piece(text, at)
        out += piece
    return out if is_last else out + "/"


def _piece(text: str, at: int) -> tuple[str, int]:
    """Translate one element of a segment; give it and where the next one starts."""
    found = _CLASS.match(text, at)
    if found:
        return _character_class(found), found.end()
    simple = {"*": "[^/]*", "?": "[^/]"}.get(text[at])
    return (simple or re.escape(text[at])), at + 1


def _character_class(found: re.Match[str]) -> str:
    """Keep ranges, escape the rest; a class never matches the separator."""
    ranges = _ranges(found)
    single = _RANGE.sub("", found["body"])
    inner = "".join(f"{re.escape(low)}-{re.escape(high)}" for low, high in ranges)
    inner += "".join(re.escape(character) for character in single)
    if found["not"]:
        return f"[^/{inner}]"
    return f"(?!/)[{inner}]"
