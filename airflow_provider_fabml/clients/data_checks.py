"""Storage before a job starts and after it ended: what is looked at, and what is left there."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from airflow_provider_fabml.clients.claims import take_claim
from airflow_provider_fabml.clients.manifests import manifests_of
from airflow_provider_fabml.core.arrivals.short_digest import short
from airflow_provider_fabml.core.errors import UsageError
from airflow_provider_fabml.core.jobs.output_check import OutputFacts
from airflow_provider_fabml.core.scoring.job_io import UriFile, UriFolder
from airflow_provider_fabml.core.storage.readiness import Rules, digest_of_file
from airflow_provider_fabml.core.storage.seen import Blob

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from airflow_provider_fabml.clients.storage import StorageClient
    from airflow_provider_fabml.clients.storage_common import BlobFacts
    from airflow_provider_fabml.core.arrivals.claim import Claim
    from airflow_provider_fabml.core.arrivals.manifest import Manifest
    from airflow_provider_fabml.core.scoring.invocation import Invocation
    from airflow_provider_fabml.core.scoring.job_io import JobOutput
    from airflow_provider_fabml.core.storage.location import Location

log = logging.getLogger(__name__)
# Rows of larger files are not counted to the end: that would read them whole.
COUNT_ROWS_UP_TO = 64 * 1024 * 1024


class DataChecks:
    """What storage says of a job's inputs and outputs.

    :param resolve: turns a URI and its field's name into a place, or None for a URI that names no
        path in storage (a registered asset).
    """

    def __init__(
        self, storage: StorageClient, resolve: Callable[[str, str], Location | None]
    ) -> None:
        self._storage, self._resolve = storage, resolve

    def before_post(
        self, invocation: Invocation, outputs: Mapping[str, JobOutput]
    ) -> dict[str, dict[str, Any]]:
        """Refuse an empty input and an occupied output; raises ``UsageError``.

        Gives what was seen of the inputs: ``{"heart": {"count": …, "bytes": …, "digest": …}}``.
        """
        seen = {
            name: self._refuse_empty_input(f"inputs[{name!r}].uri", value)
            for name, value in invocation.inputs.items()
            if isinstance(value, (UriFolder, UriFile))
        }
        for name, output in outputs.items():
            self._refuse_occupied_output(f"outputs[{name!r}].uri", output.uri)
        return {name: facts for name, facts in seen.items() if facts}

    def digest_at(self, place: Location, invocation: Invocation, rules: Rules) -> str | None:
        """The short digest of a folder, of the files that the rules choose, where it is an input of the job.

        None where no input that can be seen is that folder or a file in it.
        """
        for name, value in invocation.inputs.items():
            if not isinstance(value, (UriFolder, UriFile)):
                continue
            found = self._visible(value.uri, f"inputs[{name!r}].uri")
            if found is not None and isinstance(value, UriFile):
                found = found._replace(path=found.path.rpartition("/")[0])
            if found is not None and found[:3] == place[:3]:
                # Time changes no digest, and a look that stops for it has seen a part of the files.
                return short(self._storage.probe(found, rules._replace(quiet_for=0)).digest)
        return None

    def take_claim(self, uri: str, mine: Claim, refuse: Callable[[Claim], None]) -> None:
        """Hold the claim at a URI (`take_claim`); none is held where this connection may not reach."""
        place = self._visible(uri, "output_root")
        if place is not None:
            take_claim(self._storage, place, mine, refuse)

    def manifests(self, uri: str, partition: str) -> Iterator[Manifest]:
        """The manifests of a partition below a URI; none where this connection may not reach."""
        place = self._visible(uri, "output_root")
        return (
            manifests_of(self._storage, place, {partition: ""}) if place is not None else iter(())
        )

    def write_manifests(self, uris: Iterable[str], content: bytes) -> list[str]:
        """Write the manifest to each of these; those that this connection may not reach are given back."""
        places = {uri: self._visible(uri, "outputs") for uri in uris}
        for place in places.values():
            if place is not None:
                self._storage.write(place, content)
        return [uri for uri, place in places.items() if place is None]

    def facts(self, uri: str, *, is_file: bool) -> OutputFacts | None:
        """What lies at an output's URI, or None where this connection cannot see it."""
        place = self._visible(uri, "outputs")
        if place is None:
            return None
        if not is_file:
            verdict = self._storage.probe(place, Rules())
            return OutputFacts(verdict.count, verdict.bytes, verdict.newest)
        head = self._storage.head(place)
        if head is None:
            return OutputFacts(0, 0, None)
        counted = self._storage.count_rows(place, COUNT_ROWS_UP_TO)
        rows = counted.rows if counted.complete else None
        return OutputFacts(1, head.size, head.last_modified, rows)

    def _visible(self, uri: str, field: str) -> Location | None:
        """The place, or None where this connection's identity has no business."""
        place = self._resolve(uri, field)
        if place is not None and not self._storage.may_reach(place):
            log.warning("%s = %s is not looked at: it is in another account", field, uri)
            return None
        return place

    def _refuse_empty_input(self, field: str, value: UriFolder | UriFile) -> dict[str, Any]:
        place = self._visible(value.uri, field)
        if place is None:
            return {}
        if isinstance(value, UriFile):
            head = self._storage.head(place)
            reason = "no such file" if head is None else "the file is empty"
            ready = head is not None and head.size > 0
            facts = _facts_of_file(place.path, head) if head else {}
        else:
            verdict = self._storage.probe(place, Rules())
            ready, reason = verdict.ready, verdict.reason
            facts = {"count": verdict.count, "bytes": verdict.bytes, "digest": verdict.digest}
        if not ready:
            raise UsageError(
                rule="input-nothing-there",
                field=field,
                value=value.uri,
                reason=f"there is nothing to score at {place.url}: {reason}",
                remedy="wait for the data with OneLakeShortcutSensor, or check the path",
            )
        return facts

    def _refuse_occupied_output(self, field: str, uri: str) -> None:
        place = self._visible(uri, field)
        if place is not None and self._storage.exists_any(place):
            raise UsageError(
                rule="output-occupied",
                field=field,
                value=uri,
                reason="something lies there already; the service would fail the job, or leave the "
                "old file standing as if it were the result",
                remedy="use output_root, which gives every attempt a path of its own",
            )


def _facts_of_file(path: str, head: BlobFacts) -> dict[str, Any]:
    """Facts of one file; by the digest a partition that has no other file is known as scored."""
    blob = Blob(path, head.size, head.etag, head.last_modified)
    return {"count": 1, "bytes": head.size, "etag": head.etag, "digest": digest_of_file(blob)}
