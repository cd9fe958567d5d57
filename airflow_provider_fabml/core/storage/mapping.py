"""The connection's rows that tie a OneLake shortcut, a container and a datastore together."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from airflow_provider_fabml.core.errors import UsageError
from airflow_provider_fabml.core.storage.shortcuts.item_path import Lakehouse, parse_lakehouse
from airflow_provider_fabml.core.storage.storage_url import blob_endpoint
from airflow_provider_fabml.core.storage.uri_text import check_segments


class MappingRow(NamedTuple):
    """`shortcut` shows `prefix` of `container`, and `datastore` is that container in Azure ML.

    `shortcut` is the path below the lakehouse (``Files/datasets``); `lakehouse`
    (``<workspace>/<item>.Lakehouse``, or both GUIDs) keeps apart shortcuts of one name.
    """

    shortcut: str | None
    account: str
    container: str
    prefix: str
    datastore: str | None
    endpoint: str | None = None
    lakehouse: str | None = None

    def serves(self, lakehouse: Lakehouse | None) -> bool:
        """Whether this row's shortcut lies in `lakehouse`; None stands for any."""
        if lakehouse is None or self.lakehouse is None:
            return True
        return parse_lakehouse(self.lakehouse, field="mapping").key == lakehouse.key


def parse_mapping(rows: object, field: str) -> tuple[MappingRow, ...]:
    """Read mapping rows from a connection: a list of objects, or the same as JSON text.

    :raises UsageError: rules ``mapping-*`` and ``lakehouse-*``.
    """
    value = _loaded(rows) if isinstance(rows, str) else rows
    if value is None or value == "":
        return ()
    if not isinstance(value, list) or not all(isinstance(row, Mapping) for row in value):
        raise UsageError(
            rule="mapping-shape",
            field=field,
            value=type(value).__name__,
            reason="the mapping is no list of objects",
            remedy='write [{"shortcut": "Files/datasets", "account": "...", "container": "...", '
            '"prefix": "datasets", "datastore": "..."}].',
        )
    parsed = tuple(_row(row, f"{field}[{index}]") for index, row in enumerate(value))
    _check_conflicts(parsed, field)
    return parsed


def _loaded(text: str) -> object:
    """Read JSON text; what is none stays text, which no list of rows is."""
    if not text.strip():
        return None
    try:
        return json.loads(text)
    except ValueError:
        return text


def _row(row: Mapping[str, Any], field: str) -> MappingRow:
    unknown = sorted(set(row) - set(MappingRow._fields))
    if unknown:
        raise UsageError(
            rule="mapping-key",
            field=field,
            value=unknown[0],
            reason="a mapping row has no such key",
            remedy=f"write {', '.join(MappingRow._fields)}.",
        )
    given = {name: row.get(name) or "" for name in MappingRow._fields}
    wrong = [name for name, value in given.items() if not isinstance(value, str)]
    if wrong:
        raise UsageError(
            rule="mapping-value",
            field=f"{field}.{wrong[0]}",
            value=given[wrong[0]],
            reason="the values of a mapping row are text",
            remedy="write it in quotes.",
        )
    return _checked(given, field)


def _checked(given: dict[str, str], field: str) -> MappingRow:
    prefix = check_segments(given["prefix"].strip("/"), value=given["prefix"], field=field)
    shortcut = check_segments(given["shortcut"].strip("/"), value=given["shortcut"], field=field)
    if not given["account"] or not given["container"]:
        raise UsageError(
            rule="mapping-place",
            field=field,
            value={name: given[name] for name in ("account", "container")},
            reason="a row needs the storage account and the container",
            remedy="write both, as the shortcut's target shows them.",
        )
    if not shortcut and not given["datastore"]:
        raise UsageError(
            rule="mapping-names-nothing",
            field=field,
            value=given["container"],
            reason="a row names neither a shortcut nor a datastore, so nothing can use it",
            remedy="add shortcut, datastore or both.",
        )
    if set("%+") & set(shortcut):
        raise UsageError(
            rule="mapping-shortcut-name",
            field=f"{field}.shortcut",
            value=shortcut,
            reason="Fabric has no shortcut with a % or + in its name or path",
            remedy="copy the shortcut's path as the lakehouse shows it.",
        )
    endpoint = blob_endpoint(given["endpoint"], field=f"{field}.endpoint")
    return MappingRow(
        _rooted(shortcut) or None,
        given["account"],
        given["container"],
        prefix,
        given["datastore"] or None,
        endpoint,
        _lakehouse(given["lakehouse"], f"{field}.lakehouse"),
    )


def _lakehouse(text: str, field: str) -> str | None:
    return str(parse_lakehouse(text, field=field)) if text.strip("/") else None


def _rooted(shortcut: str) -> str:
    """Put a bare shortcut name below Files, where the Fabric UI makes shortcuts to storage."""
    if not shortcut or re.match(r"(Files|Tables)(/|$)", shortcut):
        return shortcut
    return f"Files/{shortcut}"


def _check_conflicts(rows: Sequence[MappingRow], field: str) -> None:
    shortcuts = [(row.lakehouse, row.shortcut) for row in rows if row.shortcut]
    doubled = [key for key in shortcuts if shortcuts.count(key) > 1]
    if doubled:
        raise UsageError(
            rule="mapping-shortcut-twice",
            field=field,
            value=doubled[0][1],
            reason="two rows say where this shortcut points to",
            remedy="keep one, or tell them apart with lakehouse = <workspace>/<item>.Lakehouse.",
        )
    places: dict[str, set[tuple[str, str]]] = {}
    for row in rows:
        if row.datastore:
            places.setdefault(row.datastore, set()).add((row.account, row.container))
    torn = [name for name, found in places.items() if len(found) > 1]
    if torn:
        raise UsageError(
            rule="mapping-datastore-twice",
            field=field,
            value=torn[0],
            reason="two rows put this datastore in different containers",
            remedy="correct the account and container of one of them.",
        )


def below(path: str, prefix: str) -> str:
    """Give what follows `prefix` in `path`, which lies under it."""
    return path[len(prefix) :].lstrip("/")


def is_below(path: str, prefix: str) -> bool:
    """Whether `path` is `prefix` or lies below it, by whole segments."""
    return not prefix or path == prefix or path.startswith(f"{prefix}/")


def row_for_shortcut(
    path: str, rows: Sequence[MappingRow], *, lakehouse: Lakehouse | None = None, field: str
) -> MappingRow | None:
    """Find the row whose shortcut is the longest segment-wise prefix of `path`.

    :param lakehouse: where it is known; a row that names another lakehouse does not fit.
    :raises UsageError: rule ``shortcut-ambiguous``, if two lakehouses have this shortcut and
        `lakehouse` was not said.
    """
    fitting = [
        row
        for row in rows
        if row.shortcut and is_below(path, row.shortcut) and row.serves(lakehouse)
    ]
    best = max((len(row.shortcut or "") for row in fitting), default=0)
    found = [row for row in fitting if len(row.shortcut or "") == best]
    if lakehouse is None and len(found) > 1:
        raise UsageError(
            rule="shortcut-ambiguous",
            field=field,
            value=path,
            reason=f"{len(found)} lakehouses of the mapping have this shortcut",
            remedy="write <workspace>/<lakehouse>.Lakehouse before it.",
        )
    # A row that names the lakehouse knows more than one that fits any.
    return max(found, key=lambda row: row.lakehouse is not None, default=None)


def row_for_datastore(name: str, rows: Sequence[MappingRow]) -> MappingRow | None:
    """Find a row of this datastore; all of them have one container."""
    return next((row for row in rows if row.datastore == name), None)


def row_for_storage(
    account: str, container: str, path: str, rows: Sequence[MappingRow]
) -> MappingRow | None:
    """Find the row that gives a container its datastore, the closest prefix first.

    A datastore shows its whole container, so a row of another prefix serves as well.
    """
    fitting = [
        row
        for row in rows
        if (row.account, row.container) == (account, container) and row.datastore
    ]
    return max(
        fitting,
        key=lambda row: len(row.prefix) + 1 if is_below(path, row.prefix) else 0,
        default=None,
    )


def rows_showing(
    account: str, container: str, path: str, rows: Sequence[MappingRow]
) -> list[MappingRow]:
    """Give the rows whose shortcut shows a place, the closest prefix first."""
    fitting = [
        row
        for row in rows
        if (row.account, row.container) == (account, container)
        and row.shortcut
        and is_below(path, row.prefix)
    ]
    return sorted(fitting, key=lambda row: len(row.prefix), reverse=True)
