"""What is known of storage and of jobs, as plain values: what the verdict compares."""

from __future__ import annotations

from typing import NamedTuple


class Place(NamedTuple):
    """A folder of a tree."""

    tree: str
    folder: str


class State(NamedTuple):
    """What a folder held from `at` on (seconds since 1970), after one step of its writer.

    `digest` is the short one of its data files as storage listed them, `rows` what they hold together.
    `version` counts its versions from 0, and `complete` says that the writer was done with it.
    `waited` says that the writer began this version only when a job had read the one before.
    """

    place: Place
    at: float
    digest: str
    rows: int
    version: int
    complete: bool
    junk: bool = False
    waited: bool = False


class Scored(NamedTuple):
    """A job of the service, and what its manifest and its output say of it.

    `seen` is when it was first listed, `written` when its manifest was (seconds since 1970).
    """

    name: str
    state: str
    place: Place
    seen: float
    digest: str | None = None
    written: float | None = None
    rows: int | None = None


class Emission(NamedTuple):
    """A version of a partition that a router emitted, `at` (seconds since 1970)."""

    place: Place
    digest: str
    at: float


class Skip(NamedTuple):
    """A scoring run whose task began `at` (seconds since 1970) and was skipped.

    `digest` is that of the data which the run was emitted for.
    """

    place: Place
    digest: str
    at: float


class Wake(NamedTuple):
    """A look of a tree's router, from begin to end (seconds since 1970)."""

    tree: str
    began: float
    ended: float
