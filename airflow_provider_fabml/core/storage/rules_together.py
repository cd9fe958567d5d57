"""Rules that each make sense and together can never hold, or hold at once."""

from __future__ import annotations

from airflow_provider_fabml.core.errors import UsageError
from airflow_provider_fabml.core.storage.glob import is_magic
from airflow_provider_fabml.core.storage.rules import Rules

_BESIDE_DELTA = {"delta_version", "quiet_for"}


def check_together(rules: Rules) -> None:
    """Refuse a set of rules that waits for ever or not at all.

    :raises UsageError: rules ``rules-*``, ``delta-alone``, ``glob-*``, ``manifest-*``.
    """
    _check_table(rules)
    _check_sizes(rules)
    _check_marker(rules)
    _check_glob(rules)
    _check_manifest(rules)


def _check_table(rules: Rules) -> None:
    usual = Rules()._asdict()
    beside = sorted(
        name
        for name, value in rules._asdict().items()
        if name not in _BESIDE_DELTA and value != usual[name]
    )
    if rules.delta_version is not None and beside:
        raise UsageError(
            rule="delta-alone",
            field=beside[0],
            value=getattr(rules, beside[0]),
            reason="a Delta table's log says which files count; only quiet_for goes with it",
            remedy=f"leave out {' and '.join(beside)}, or delta_version.",
        )


def _check_sizes(rules: Rules) -> None:
    names_files = rules.marker is not None or rules.manifest is not None
    if rules.min_count == 0 and not names_files:
        raise UsageError(
            rule="rules-nothing",
            field="min_count",
            value=0,
            reason="with no file and no marker wanted, an empty container is ready at once",
            remedy="write min_count=1, or name a marker.",
        )
    if rules.allow_empty_files and rules.min_file_bytes:
        raise UsageError(
            rule="rules-empty-files",
            field="min_file_bytes",
            value=rules.min_file_bytes,
            reason="empty files are allowed and forbidden at once",
            remedy="leave out allow_empty_files or min_file_bytes.",
        )


def _check_marker(rules: Rules) -> None:
    if rules.marker is None and not rules.marker_last:
        raise UsageError(
            rule="rules-marker-last",
            field="marker_last",
            value=False,
            reason="there is no marker that could be older than the files",
            remedy="name the marker, or leave out marker_last.",
        )


def _check_glob(rules: Rules) -> None:
    glob = rules.glob or "*"
    if glob == rules.marker:
        raise UsageError(
            rule="glob-is-marker",
            field="glob",
            value=glob,
            reason="the marker itself never counts as data",
            remedy="name the data in glob, or wait for the marker alone with min_count=0.",
        )
    if not is_magic(glob) and rules.min_count > 1:
        raise UsageError(
            rule="glob-one-file",
            field="min_count",
            value=rules.min_count,
            reason=f"the glob {glob!r} names one file, so there are never more",
            remedy="write a pattern, e.g. *.csv, or min_count=1.",
        )


def _check_manifest(rules: Rules) -> None:
    if rules.manifest is None:
        return
    beside = next(
        (name for name in ("glob", "predicate", "allow_empty_files") if getattr(rules, name)), None
    )
    if beside is not None:
        raise UsageError(
            rule="manifest-names-files",
            field=beside,
            value=getattr(rules, beside),
            reason="the manifest says which files count and how large they are",
            remedy=f"leave out {beside} or the manifest.",
        )
    if isinstance(rules.manifest, str):
        return
    sizes = list(rules.manifest.values())
    if rules.min_count > len(sizes):
        raise UsageError(
            rule="manifest-count",
            field="min_count",
            value=rules.min_count,
            reason=f"the manifest names {len(sizes)} files, and no other counts",
            remedy="leave out min_count.",
        )
    if None not in sizes and rules.min_bytes > sum(size or 0 for size in sizes):
        raise UsageError(
            rule="manifest-bytes",
            field="min_bytes",
            value=rules.min_bytes,
            reason="this is more than the sizes in the manifest add up to",
            remedy="leave out min_bytes.",
        )
    small = [name for name, size in rules.manifest.items() if size is not None]
    small = [name for name in small if (rules.manifest[name] or 0) < rules.min_file_bytes]
    if small:
        raise UsageError(
            rule="manifest-file-bytes",
            field="min_file_bytes",
            value=rules.min_file_bytes,
            reason=f"the manifest expects a smaller file: {small[0]}",
            remedy="leave out min_file_bytes.",
        )
