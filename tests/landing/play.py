"""Plays a scene on a real storage server and lets three sensors look after each step."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from azure.storage.blob import BlobServiceClient
from landing.peers import blob_sensor, prefix_sensor
from landing.scenes import Scene
from landing.writer import Writer

from airflow_provider_fabml.clients.predicates import load_predicate
from airflow_provider_fabml.clients.storage import StorageClient
from airflow_provider_fabml.clients.storage_common import drive
from airflow_provider_fabml.core.connections.storage_connection import parse_storage_connection
from airflow_provider_fabml.core.storage.location import Location
from airflow_provider_fabml.core.storage.probe import Answer, Request, look
from airflow_provider_fabml.core.storage.readiness import Blob, Verdict
from airflow_provider_fabml.core.storage.readiness_rules import parse_rules

if TYPE_CHECKING:
    from airflow_provider_fabml.local.azurite import Azurite


class Played(NamedTuple):
    """What each sensor said after each step (``X`` for yes), and our reasons."""

    ours: str
    prefix: str
    blob: str
    reasons: tuple[str, ...]


class Stage:
    """A storage server with both kinds of client."""

    def __init__(self, server: Azurite) -> None:
        self._server = server
        self._service = BlobServiceClient.from_connection_string(server.connection_string)
        settings = parse_storage_connection(
            host=server.blob_url, login=server.account, password=server.key, field="scenes"
        )
        self._client = StorageClient(settings)

    def close(self) -> None:
        """Close the connections."""
        self._service.close()
        self._client.close()

    def play(self, scene: Scene) -> Played:
        """Play all steps in a container of their own."""
        name = f"scene-{uuid.uuid4().hex[:12]}"
        container = self._service.create_container(name)
        writer = Writer(container)
        verdicts, prefixes, blobs = [], "", ""
        for step in scene.steps:
            writer.do(step)
            verdicts.append(self._judge(name, scene, writer))
            prefixes += "X" if prefix_sensor(container, scene.prefix) else "."
            blobs += "X" if blob_sensor(container, scene.blob) else "."
        ours = "".join("X" if verdict.ready else "." for verdict in verdicts)
        return Played(ours, prefixes, blobs, tuple(verdict.reason for verdict in verdicts))

    def _judge(self, container: str, scene: Scene, writer: Writer) -> Verdict:
        """Look as the sensor does, with every time of the server put off by the scene's waits."""
        place = Location(self._server.account, container, scene.path, self._server.blob_url)
        rules = parse_rules(**scene.rules)

        def answer(request: Request) -> Answer:
            given = self._client.answer(place, request)
            blobs = tuple(put_off(blob, writer.written.get(blob.etag, 0)) for blob in given.blobs)
            return given._replace(now=given.now + timedelta(seconds=writer.later), blobs=blobs)

        return drive(look(scene.path, rules, load_predicate(rules.predicate)), answer)


def put_off(blob: Blob, seconds: float) -> Blob:
    """Give the blob as if it was written later."""
    return blob._replace(last_modified=blob.last_modified + timedelta(seconds=seconds))


def row(scene: Scene, played: Played) -> str:
    """One line of the table: a sensor that says X before the truth does started too soon."""
    return (
        f"{scene.name:42} {scene.truth:6} {played.ours:6} {played.prefix:6} {played.blob:6} "
        f"{played.reasons[0][:60]}"
    )


HEAD = f"{'scene':42} {'truth':6} {'ours':6} {'prefix':6} {'blob':6} our first reason"


def is_early(said: str, truth: str) -> bool:
    """Whether a sensor ended its wait before the data was complete (or where it never is)."""
    return "X" in said and (truth.find("X") == -1 or said.find("X") < truth.find("X"))


def is_late(said: str, truth: str) -> bool:
    """Whether a sensor still waited at the first step at which the data was complete."""
    return "X" in truth and "X" not in said[: truth.find("X") + 1]
