"""Why data is not ready, in one sentence that a log, an error and the UI show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_fabml.core.storage.seen import Write

if TYPE_CHECKING:
    from datetime import datetime

    from airflow_provider_fabml.core.storage.rules import Rules
    from airflow_provider_fabml.core.storage.seen import Seen


def facts(state: Seen, now: datetime) -> str:
    """Say what is there."""
    return f"{files(state.count)}, {state.bytes} bytes{age(state.newest, now)}"


def missing(state: Seen, rules: Rules, now: datetime) -> str | None:
    """Say what a whole pass did not find, or None."""
    if state.missing or state.wrong:
        return _unlike_manifest(state)
    if state.count < rules.min_count:
        return f"{_too_few(state, rules, now)}{_small_hint(state)}{_empty_hint(state)}"
    if state.bytes < rules.min_bytes:
        return (
            f"{state.bytes} of {rules.min_bytes} bytes in {files(state.count)}"
            f"{age(state.newest, now)}{_empty_hint(state)}"
        )
    return None


def held_back(state: Seen, now: datetime, *, more: bool = False) -> str | None:
    """Say why what is there may still grow, or None.

    A marker vouches for 0-byte files that are no newer, a quiet period does not.
    """
    if state.wrong:
        return _unlike_manifest(state)
    seen = f"{'more than ' if more else ''}{files(state.count)}{age(state.newest, now)}"
    if state.small:
        return f"{seen}{_small_hint(state)}"
    if (late := unvouched(state)) is not None:
        return f"{seen}; {_after_marker(state, late)}"
    if is_fresh(state, now):
        return f"{seen}; {_hidden_hint(state, now)}{state.rules.quiet_for:g} s without a write are wanted"
    waits = state.rules.min_file_bytes > 0 or (
        state.rules.quiet_for > 0 and state.rules.marker is None
    )
    return f"{seen}{_empty_hint(state)}" if waits and state.in_progress else None


def is_fresh(state: Seen, now: datetime) -> bool:
    """Whether the last write is younger than `quiet_for`."""
    return fresh_for(state, now) > 0


def fresh_for(state: Seen, now: datetime) -> float:
    """Seconds until the last write is as old as `quiet_for` wants; 0 where it is."""
    return young_for(state.last_write and state.last_write.at, state.rules.quiet_for, now)


def written_late(state: Seen) -> Write | None:
    """Give the last write with content if it came after the marker, or None."""
    return _unless_vouched(state.written, state)


def unvouched(state: Seen) -> Write | None:
    """Give the last write if it came after the marker that should vouch for it, or None.

    A 0-byte file is one, too; only a whole pass tells that it is no folder.
    """
    empty = [Write(at, name) for name, at in state.empty.items() if name not in state.parents]
    return written_late(state) or _unless_vouched(max(empty, default=None), state)


def _unless_vouched(write: Write | None, state: Seen) -> Write | None:
    if state.marked is None or write is None or not state.rules.marker_last:
        return None
    return write if write.at > state.marked else None


def is_young(written: datetime | None, quiet_for: float, now: datetime) -> bool:
    """Whether a write is younger than the seconds that are wanted without one."""
    return young_for(written, quiet_for, now) > 0


def young_for(written: datetime | None, quiet_for: float, now: datetime) -> float:
    """Seconds until a write is as old as is wanted; 0 where it is, or nothing was written."""
    if written is None or quiet_for <= 0:
        return 0
    return max(quiet_for - (now - written).total_seconds(), 0)


def _after_marker(state: Seen, late: Write) -> str:
    seconds = (late.at - (state.marked or late.at)).total_seconds()
    return (
        f"{late.name} was written {seconds:.0f} s after the marker {state.rules.marker}, which "
        "vouches for nothing newer (if the marker may be older than the files: marker_last=False)"
    )


def _hidden_hint(state: Seen, now: datetime) -> str:
    hidden = state.hidden
    if hidden is None or hidden != state.last_write:
        return ""
    return f"{hidden.name} was written {max((now - hidden.at).total_seconds(), 0):.0f} s ago, "


def _unlike_manifest(state: Seen) -> str:
    expected = state.expected or {}
    if state.wrong:
        name, size = state.wrong
        return f"{name} has {size} of the {expected[name]} bytes that the manifest says"
    found = len(expected) - len(state.missing)
    return f"{found} of {files(len(expected))} of the manifest; missing: {min(state.missing)}"


def _too_few(state: Seen, rules: Rules, now: datetime) -> str:
    if state.count:
        return f"{state.count} of {rules.min_count} files{age(state.newest, now)}"
    what = f"no file matching {rules.glob}" if rules.glob else "no file"
    passed = " that the predicate accepts" if rules.predicate else ""
    return f"{what}{passed} in {state.folder or 'the container'} yet"


def _small_hint(state: Seen) -> str:
    if state.small is None:
        return ""
    name, size = state.small
    return f"; {name} has {size} of at least {state.rules.min_file_bytes} bytes"


def _empty_hint(state: Seen) -> str:
    if state.in_progress is None:
        return ""
    return (
        f"; 0-byte file in progress: {state.in_progress} "
        "(if empty files are meant to be there: allow_empty_files=True)"
    )


def files(count: int) -> str:
    """Give ``1 file`` or ``3 files``."""
    return f"{count} file" if count == 1 else f"{count} files"


def age(newest: datetime | None, now: datetime) -> str:
    """Give ``, newest 12 s ago``, or nothing."""
    if newest is None:
        return ""
    return f", newest {max((now - newest).total_seconds(), 0):.0f} s ago"
