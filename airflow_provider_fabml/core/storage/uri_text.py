"""Checks that hold for the text of every path and URI, whatever its form."""

from __future__ import annotations

import re

from airflow_provider_fabml.core.errors import UsageError

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ufffe\uffff]")


def redact(text: str) -> str:
    """Give `text` without what may be a secret: a query, and a user or password before a host."""
    bare = re.sub(r"(?i)^(https?://)[^/?#]*@", r"\1***@", text)
    bare = re.sub(r"(?i)^(\w+://[^/:@?#]*):[^/@?#]*@", r"\1:***@", bare)
    return re.sub(r"\?.*", "?…", bare, flags=re.DOTALL)


def has_jinja(text: object) -> bool:
    """Whether `text` still waits to be rendered, so that its shape cannot be judged yet."""
    return isinstance(text, str) and ("{{" in text or "{%" in text)


def waits(value: object) -> bool:
    """Whether it is a template, or another task's output (Airflow's ``ResolveMixin``), as yet."""
    return has_jinja(value) or hasattr(value, "iter_references")


def has_none(text: str) -> bool:
    """Whether a part of a path is the word None: what named it had no value."""
    return re.search(r"(?:^|[/=:@])None(?:/|$)", text) is not None


def check_text(text: object, *, field: str) -> str:
    """Refuse what is no rendered, one-line text.

    :raises UsageError: rules ``uri-type``, ``uri-empty``, ``uri-whitespace``,
        ``uri-control-character``, ``uri-jinja``, ``uri-sas``, ``uri-none``.
    """
    if not isinstance(text, str):
        raise UsageError(
            rule="uri-type",
            field=field,
            value=type(text).__name__,
            reason="a URI is text",
            remedy="pass the URI as a string.",
        )
    shown = redact(text)
    if not text:
        raise UsageError(
            rule="uri-empty",
            field=field,
            value=text,
            reason="nothing is written here (a template that rendered to nothing?)",
            remedy="write a URI, or look at what the template renders to.",
        )
    if text != text.strip():
        raise UsageError(
            rule="uri-whitespace",
            field=field,
            value=shown,
            reason="white space stands before or after the URI and would become part of a name",
            remedy="strip it.",
        )
    if _CONTROL.search(text):
        raise UsageError(
            rule="uri-control-character",
            field=field,
            value=shown,
            reason="a line break, tab or other control character stands in the URI",
            remedy="remove it.",
        )
    if has_jinja(text):
        raise UsageError(
            rule="uri-jinja",
            field=field,
            value=shown,
            reason="the template was not rendered, so this would be taken literally",
            remedy="use it in a templated field, and check that the braces are closed.",
        )
    if re.search(r"(?i)[?&]sig=", text):
        raise UsageError(
            rule="uri-sas",
            field=field,
            value=shown,
            reason="the URI carries a SAS signature, a secret that would end in logs and XComs",
            remedy="put the SAS into the connection's sas_token and write the URI without it.",
        )
    if has_none(text):
        raise UsageError(
            rule="uri-none",
            field=field,
            value=shown,
            reason="a part of the path is the word None: a template variable had no value "
            "({{ partition_key }} in a run without partition)",
            remedy="use a variable that this kind of run has, such as {{ ds }} or {{ run_id }}.",
        )
    return text


def check_segments(path: str, *, value: str, field: str) -> str:
    """Refuse a path that storage and its readers understand differently; one final / may stand.

    ``a//b`` is a blob of its own on flat accounts, ``..`` is taken literally by azure-ai-ml and
    resolved by HTTP clients, a backslash is turned into a slash by some of them.

    :raises UsageError: rules ``path-control-character``, ``path-backslash``,
        ``path-double-slash``, ``path-dot-segment``.
    """
    if _CONTROL.search(path):
        raise UsageError(
            rule="path-control-character",
            field=field,
            value=value,
            reason="the path decodes to a control character",
            remedy="remove the percent escape of it.",
        )
    if "\\" in path:
        raise UsageError(
            rule="path-backslash",
            field=field,
            value=value,
            reason="a backslash is a plain character of a name here, not a separator",
            remedy="separate folders with /.",
        )
    segments = path.removesuffix("/").split("/") if path else []
    if "" in segments:
        raise UsageError(
            rule="path-double-slash",
            field=field,
            value=value,
            reason="an empty folder name (//) names another place than the same path without it",
            remedy="write one / between folders.",
        )
    if {".", ".."} & set(segments):
        raise UsageError(
            rule="path-dot-segment",
            field=field,
            value=value,
            reason="object stores do not resolve . and .. in a path",
            remedy="write the path out.",
        )
    return path
