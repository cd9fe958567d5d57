"""In every scene our verdict turns true where the data is complete, or the scene says why not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from landing.play import HEAD, Played, Stage, is_early, is_late, row
from landing.scenes import SCENES, Scene

pytestmark = pytest.mark.azurite
PLAYED: dict[str, Played] = {}


@pytest.fixture(scope="module")
def stage(azurite) -> Iterator[Stage]:
    """The storage server; the table is printed at the end (``pytest -s``)."""
    stage = Stage(azurite)
    yield stage
    stage.close()
    print("", HEAD, *(row(s, PLAYED[s.name]) for s in SCENES if s.name in PLAYED), sep="\n")


@pytest.mark.parametrize("scene", SCENES, ids=[scene.name for scene in SCENES])
def test_a_scene(scene: Scene, stage: Stage) -> None:
    """After each step we say what the scene says."""
    played = PLAYED[scene.name] = stage.play(scene)

    assert played.ours == (scene.ours or scene.truth), played.reasons
    assert bool(scene.why) == bool(scene.ours)


def test_what_the_scenes_show(stage: Stage) -> None:
    """There are over 50; where we are early a rule would help; the peers are early far more often."""
    for scene in SCENES:  # those that another test process played
        if scene.name not in PLAYED:
            PLAYED[scene.name] = stage.play(scene)
    played = [(scene, PLAYED[scene.name]) for scene in SCENES]
    early = [scene for scene, saw in played if is_early(saw.ours, scene.truth)]

    assert len(SCENES) > 50
    assert all(scene.why for scene in early)
    assert not [scene for scene, saw in played if is_late(saw.ours, scene.truth)]
    assert len(early) <= 3
    assert sum(is_early(saw.prefix, scene.truth) for scene, saw in played) >= 10 * len(early)
    assert sum(is_early(saw.blob, scene.truth) for scene, saw in played) > len(early)
