"""Ways in which data lands, step by step, and at which steps it is complete.

A step is a verb of `writer.Writer` with its words. `truth` has one character a step: ``X`` where
whoever writes would call the data complete. `ours` differs from it only where the rules of a scene
cannot know better; `why` then says so. Shapes: Hadoop's FileOutputCommitter (v1, v2) and manifest
committer, Delta's PROTOCOL.md, "Known issues with Azure Data Lake Storage" (directories as blobs).
"""

from __future__ import annotations

from typing import Any, NamedTuple


class Scene(NamedTuple):
    """One way to land; `blob` is what a sensor of one blob would be pointed at."""

    name: str
    steps: tuple[str, ...]
    truth: str
    rules: dict[str, Any] = {}  # noqa: RUF012 - never changed
    path: str = "d"
    blob: str = "d/a.csv"
    prefix: str = "d/"
    ours: str = ""
    why: str = ""


def _scene(name: str, steps: str, truth: str, **values: Any) -> Scene:
    return Scene(name, tuple(step.strip() for step in steps.split(";")), truth, **values)


SUCCESS: dict[str, Any] = {"rules": {"marker": "_SUCCESS"}, "blob": "d/_SUCCESS"}
QUIET: dict[str, Any] = {"rules": {"quiet_for": 30}}
_LOG = "d/_delta_log/00000000000000000000.json"
_TWO = '{"files":[{"name":"a.csv","size":10},{"name":"b.csv","size":10}]}'

SCENES = [
    # -- nothing, neighbours, folders
    _scene("nothing ever", "wait 60", "."),
    _scene("a whole file at once", "put d/a.csv", "X"),
    _scene("a sibling folder with the same prefix", "put d2/a.csv; put d/a.csv", ".X", prefix="d"),
    _scene("a sibling file with the same prefix", "put d.csv; put d/a.csv", ".X", prefix="d"),
    _scene("an empty folder", "mkdir d; put d/a.csv", ".X", prefix="d"),
    _scene("an empty folder, its mark lost", "empty d; put d/a.csv", ".X", prefix="d"),
    _scene("a folder as a name with a slash", "empty d/; put d/a.csv", ".X"),
    _scene("a folder within", "mkdir d/a; put d/a/b.csv", ".X", blob="d/a/b.csv"),
    _scene(
        "a folder within, its mark lost",
        "empty d/a; put d/a/b.csv; wait 60",
        "..X",
        blob="d/a/b.csv",
        **QUIET,
    ),
    _scene(
        "a folder named like a file (x.parquet)",
        "mkdir d/x.parquet; put d/x.parquet/part-0.parquet",
        ".X",
        rules={"glob": "**/*.parquet"},
        blob="d/x.parquet",
    ),
    _scene("the container's root", "put a.csv", "X", path="", prefix="", blob="a.csv"),
    _scene("names with blanks and umlauts", "put d/ä%20b.csv", "X", blob="d/ä b.csv"),
    # -- Spark and its kin
    _scene(
        "Spark v1, marker",
        "mkdir d/_temporary; put d/_temporary/0/part-0; rename d/_temporary/0/part-0 d/part-0; "
        "empty d/_SUCCESS",
        "...X",
        **SUCCESS,
    ),
    _scene(
        "Spark v1, two files, no marker",
        "put d/_temporary/0/p0; put d/_temporary/0/p1; rename d/_temporary/0/p0 d/p0; "
        "rename d/_temporary/0/p1 d/p1",
        "...X",
        rules={"min_count": 2},
        blob="d/p1",
    ),
    _scene(
        "Spark v2: tasks commit one by one, marker",
        "put d/_temporary/0/p0; rename d/_temporary/0/p0 d/p0; put d/p1; empty d/_SUCCESS",
        "...X",
        **SUCCESS,
    ),
    _scene("a Spark job that failed", "put d/_temporary/0/p0; wait 600", "..", blob="d/p0"),
    _scene(
        "Spark with an empty part",
        "put d/p0; empty d/p1; empty d/_SUCCESS",
        "..X",
        rules={"marker": "_SUCCESS", "quiet_for": 0},
        blob="d/_SUCCESS",
    ),
    _scene("a manifest committer's marker", 'put d/p0; write d/_SUCCESS {"n":1}', ".X", **SUCCESS),
    _scene(
        "started and committed marks",
        "empty d/_started_1; put d/p0; write d/_committed_1 {}",
        "..X",
        rules={"marker": "_committed_1"},
        blob="d/_committed_1",
    ),
    _scene(
        "the marker first, and again at the end",
        "empty d/_SUCCESS; wait 5; put d/a.csv; wait 5; put d/b.csv; empty d/_SUCCESS",
        ".....X",
        **SUCCESS,
    ),
    _scene(
        "a copy that brings the marker first",
        "empty d/_SUCCESS; wait 5; put d/a.csv; put d/b.csv",
        "...X",
        rules={"marker": "_SUCCESS", "marker_last": False, "min_count": 2},
        blob="d/_SUCCESS",
    ),
    _scene(
        "appended below an old marker",
        "put d/p0; empty d/_SUCCESS; wait 60; put d/p1; wait 60; empty d/_SUCCESS",
        ".XX..X",
        **SUCCESS,
    ),
    _scene(
        "a file restated below an old marker",
        "put d/p0; empty d/_SUCCESS; wait 60; put d/p0 20; put d/p1; empty d/_SUCCESS",
        ".XX..X",
        **SUCCESS,
    ),
    _scene(
        "created and flushed below an old marker",
        "put d/p0; empty d/_SUCCESS; wait 60; empty d/p1; flush d/p1 10; empty d/_SUCCESS",
        ".XX..X",
        **SUCCESS,
    ),
    _scene(
        "a folder's entry after the marker, its mark lost",
        "put d/x/p0; empty d/_SUCCESS; wait 60; empty d/x",
        ".XXX",
        **SUCCESS,
    ),
    _scene("a folder named like the marker", "mkdir d/_SUCCESS; put d/a.csv", "..", **SUCCESS),
    _scene(
        "written anew: the marker goes and comes",
        "put d/a.csv; empty d/_SUCCESS; delete d/_SUCCESS; put d/a.csv 20; empty d/_SUCCESS",
        ".X..X",
        **SUCCESS,
    ),
    _scene(
        "a marker for no data",
        "empty d/_SUCCESS",
        "X",
        rules={"marker": "_SUCCESS", "min_count": 0},
        blob="d/_SUCCESS",
    ),
    # -- block blobs, DFS, append blobs
    _scene("AzCopy: blocks, then the list", "stage d/a.csv; stage d/a.csv; commit d/a.csv", "..X"),
    _scene("AzCopy that was broken off", "stage d/a.csv; wait 600", ".."),
    _scene("create, then flush", "empty d/a.csv; flush d/a.csv 10", ".X"),
    _scene(
        "several flushes, quiet_for",
        "empty d/a.csv; flush d/a.csv 10; wait 5; flush d/a.csv 20; wait 60",
        "....X",
        **QUIET,
    ),
    _scene(
        "several flushes, marker",
        "empty d/a.csv; flush d/a.csv 10; flush d/a.csv 20; empty d/done.txt",
        "...X",
        rules={"marker": "done.txt"},
        blob="d/done.txt",
    ),
    _scene(
        "several flushes, no rule",
        "empty d/a.csv; flush d/a.csv 10; flush d/a.csv 20",
        "..X",
        ours=".XX",
        why="a size above 0 looks whole: quiet_for or a marker tells",
    ),
    _scene(
        "a header line first, min_file_bytes",
        "empty d/a.csv; flush d/a.csv 3; flush d/a.csv 100",
        "..X",
        rules={"min_file_bytes": 50},
    ),
    _scene(
        "one of two still small, min_file_bytes",
        "put d/a.csv 100; put d/b.csv 3; put d/b.csv 100",
        "X.X",
        rules={"min_file_bytes": 50},
    ),
    _scene(
        "an append blob grows",
        "append d/a.csv 5; wait 10; append d/a.csv 5; wait 60",
        "...X",
        **QUIET,
    ),
    _scene(
        "a part in _temporary beside a file, quiet_for",
        "put d/p0; wait 60; put d/_temporary/0/p1; rename d/_temporary/0/p1 d/p1; wait 60",
        ".X..X",
        **QUIET,
    ),
    _scene(
        "a _temporary beside what the glob names",
        "put d/part-0; wait 60; put d/_temporary/0/part-1; wait 60",
        ".X.X",
        rules={"quiet_for": 30, "glob": "part-*"},
    ),
    _scene(
        "a .tmp in a folder below",
        "put d/x/p0; wait 60; put d/x/.tmp/p1; wait 60; rename d/x/.tmp/p1 d/x/p1; wait 60",
        ".X.X.X",
        blob="d/x/p0",
        **QUIET,
    ),
    _scene(
        "a _temporary that somebody left",
        "put d/_temporary/0/p0; wait 60; put d/p1; wait 60",
        "...X",
        **QUIET,
    ),
    _scene("an empty file on purpose", "empty d/a.csv", "X", rules={"allow_empty_files": True}),
    _scene(
        "one empty beside a whole, quiet_for",
        "put d/b.csv; empty d/a.csv; wait 60; put d/a.csv; wait 60",
        "....X",
        **QUIET,
    ),
    # -- counts, sizes, names
    _scene(
        "three files",
        "put d/a.csv; put d/b.csv; put d/c.csv",
        "..X",
        rules={"min_count": 3},
        blob="d/c.csv",
    ),
    _scene(
        "enough bytes", "put d/a.csv; put d/b.csv", ".X", rules={"min_bytes": 15}, blob="d/b.csv"
    ),
    _scene(
        "a temporary suffix, then renamed",
        "put d/a.csv.tmp; rename d/a.csv.tmp d/a.csv",
        ".X",
        rules={"glob": "*.csv"},
    ),
    _scene(
        "hidden names, then renamed",
        "put d/.a.csv.swp; put d/_a.csv.part; rename d/_a.csv.part d/a.csv",
        "..X",
    ),
    _scene("an archive below", "put d/old/b.csv; put d/a.csv", ".X", rules={"glob": "*.csv"}),
    _scene("any depth", "put d/x/y/a.csv", "X", rules={"glob": "**/*.csv"}, blob="d/x/y/a.csv"),
    _scene(
        "one file, by its path",
        "put d/a.csv.bak; put d/a.csv",
        ".X",
        path="d/a.csv",
        prefix="d/a.csv",
    ),
    _scene(
        "one file, created and flushed",
        "empty d/a.csv; flush d/a.csv 10",
        ".X",
        path="d/a.csv",
        prefix="d/a.csv",
    ),
    _scene(
        "drafts are told by a predicate",
        "put d/draft.csv; put d/a.csv",
        ".X",
        rules={"predicate": "landing.predicate:is_final"},
    ),
    # -- moved, late, restated, deleted
    _scene(
        "a folder moved in whole",
        "put tmp/a.csv; put tmp/b.csv; move tmp d",
        "..X",
        rules={"min_count": 2},
        blob="d/b.csv",
    ),
    _scene(
        "a late file, quiet_for",
        "put d/a.csv; wait 60; put d/b.csv; wait 60",
        "...X",
        ours=".X.X",
        why="nothing foretells a late file but a manifest or a marker; the digest then changes",
        **QUIET,
    ),
    _scene(
        "a late file, manifest given",
        "put d/a.csv; wait 60; put d/b.csv",
        "..X",
        rules={"manifest": {"a.csv": 10, "b.csv": None}},
        blob="d/b.csv",
    ),
    _scene(
        "a manifest written last",
        f"put d/a.csv; put d/b.csv; write d/_m.json {_TWO}",
        "..X",
        rules={"manifest": "_m.json"},
        blob="d/_m.json",
    ),
    _scene(
        "a manifest first, a file half there",
        f"write d/_m.json {_TWO}; put d/a.csv 5; put d/b.csv 10; put d/a.csv 10",
        "...X",
        rules={"manifest": "_m.json"},
        blob="d/_m.json",
    ),
    _scene(
        "a manifest half written",
        f"put d/a.csv; put d/b.csv; write d/_m.json {_TWO[:20]}; write d/_m.json {_TWO}",
        "...X",
        rules={"manifest": "_m.json"},
        blob="d/_m.json",
    ),
    _scene("a restated file", "put d/a.csv; wait 60; put d/a.csv 20; wait 60", ".X.X", **QUIET),
    _scene("a file touched", "put d/a.csv; wait 60; touch d/a.csv; wait 60", ".X.X", **QUIET),
    _scene(
        "a deleted file",
        "put d/a.csv; put d/b.csv; delete d/b.csv",
        ".X.",
        rules={"min_count": 2},
        blob="d/b.csv",
    ),
    # -- Delta
    _scene(
        "Delta: files, then the first commit",
        "put d/p0.parquet; delta 0 p0.parquet",
        ".X",
        rules={"delta_version": 0},
        blob=_LOG,
    ),
    _scene(
        "Delta: until version 2",
        "delta 0 p0; delta 1 p1; put d/p2; delta 2 p2",
        "...X",
        rules={"delta_version": 2},
        blob=_LOG.replace("0.json", "2.json"),
    ),
    _scene(
        "Delta: a commit created, then flushed",
        f"put d/p0; empty {_LOG}; delta 0 p0",
        "..X",
        rules={"delta_version": 0},
        blob=_LOG,
    ),
    _scene(
        "Delta: old commits cleaned up",
        f"put {_LOG.replace('00.json', '12.checkpoint.parquet')}",
        "X",
        rules={"delta_version": 10},
        blob=_LOG.replace("00.json", "10.json"),
    ),
    _scene(
        "Delta by its files",
        "put d/p0.parquet; delta 0 p0.parquet",
        ".X",
        rules={"glob": "*.parquet"},
        blob="d/p0.parquet",
        ours="XX",
        why="files lie there before their commit: delta_version tells",
    ),
]
