"""Prints the table of landing scenes: ``PYTHONPATH=tests python -m landing``."""

from __future__ import annotations

from contextlib import closing

from landing.play import HEAD, Stage, is_early, is_late, row
from landing.scenes import SCENES

from airflow_provider_fabml.local.azurite import Azurite

print(HEAD)
with Azurite() as server, closing(Stage(server)) as stage:
    results = [(scene, stage.play(scene)) for scene in SCENES]
for scene, played in results:
    print(row(scene, played))
for who in ("ours", "prefix", "blob"):
    said = [(getattr(played, who), scene.truth) for scene, played in results]
    early, late = (sum(test(*pair) for pair in said) for test in (is_early, is_late))
    print(f"{who}: too early in {early}, too late in {late} of {len(SCENES)} scenes")
