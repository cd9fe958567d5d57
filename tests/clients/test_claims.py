"""Claims in real storage: one holder, whoever comes at the same time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from airflow_provider_fabml.clients.claims import take_claim
from airflow_provider_fabml.clients.storage import StorageClient
from airflow_provider_fabml.core.arrivals.claim import Claim, claim_path, read_claim, to_bytes
from airflow_provider_fabml.core.connections.storage_connection import parse_storage_connection
from airflow_provider_fabml.core.errors import TransientError
from airflow_provider_fabml.core.scoring.run_identity import RunIdentity
from airflow_provider_fabml.core.storage.location import Location

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_fabml.local.azurite import Azurite

pytestmark = pytest.mark.azurite
FIRST, SECOND = Claim("dag", "first"), Claim("dag", "second")


class HeldError(Exception):
    """The holder comes first."""


def refuse(holder: Claim) -> None:
    """Let nobody pass."""
    raise HeldError(holder.run_id)


@pytest.fixture
def storage(azurite: Azurite) -> Iterator[StorageClient]:
    """A client of the account."""
    settings = parse_storage_connection(
        host=azurite.blob_url, login=azurite.account, password=azurite.key, field="claims"
    )
    with StorageClient(settings) as client:
        yield client


@pytest.fixture
def place(azurite: Azurite, azurite_container: str) -> Location:
    """Where a claim goes."""
    path = claim_path(RunIdentity("dag", "first", "score", partition_key="eu|2026-01-31"), "d" * 64)
    return Location(azurite.account, azurite_container, path, azurite.blob_url)


def holder(storage: StorageClient, place: Location) -> Claim | None:
    """Who holds it by what storage says."""
    return read_claim(storage.read_start(place, 1000))


def test_a_claim_is_its_first_takers(storage: StorageClient, place: Location) -> None:
    """It is taken once, is the holder's own in every try, and refused to others."""
    take_claim(storage, place, FIRST, refuse)
    take_claim(storage, place, FIRST, refuse)
    with pytest.raises(HeldError, match="first"):
        take_claim(storage, place, SECOND, refuse)
    assert holder(storage, place) == FIRST


def test_a_claim_says_when_its_partition_was_emitted_and_one_of_before_does_not(storage, place):
    """A blob of an earlier version is its run's own still, without that time."""
    storage.write(place, b'{"dag_id": "dag", "run_id": "first"}')
    assert holder(storage, place) == FIRST
    at = datetime(2026, 1, 1, 12, tzinfo=UTC)
    take_claim(storage, place, FIRST._replace(emitted_at=at), refuse)
    take_claim(storage, place, SECOND._replace(emitted_at=at), lambda _holder: None)
    assert holder(storage, place) == SECOND._replace(emitted_at=at)


@pytest.mark.parametrize("content", [None, b"", b"{", b'{"dag_id": "dag"}', b"[]"])
def test_a_claim_that_nobody_holds_any_more_is_taken_over(storage, place, content) -> None:
    """A holder that is let pass, or a blob that names none, gives way."""
    storage.write(place, to_bytes(FIRST) if content is None else content)
    take_claim(storage, place, SECOND, lambda _holder: None)
    assert holder(storage, place) == SECOND


def test_of_many_at_once_one_takes_over(storage: StorageClient, place: Location) -> None:
    """Runs that all find a dead holder at the same time: compare and swap leaves one of them."""
    storage.write(place, to_bytes(FIRST))

    def take(number: int) -> bool:
        def judge(holder: Claim) -> None:
            if holder != FIRST:
                raise HeldError(holder.run_id)

        try:
            take_claim(storage, place, Claim("dag", f"run-{number}"), judge)
        except HeldError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        took = list(pool.map(take, range(24)))
    assert took.count(True) == 1
    assert holder(storage, place) == Claim("dag", f"run-{took.index(True)}")


def test_a_claim_that_goes_from_hand_to_hand_is_left_to_the_next_try(storage, place) -> None:
    """Whoever loses the race again and again asks later."""
    storage.write(place, to_bytes(FIRST))

    def overtaken(_holder: Claim) -> None:
        storage.write(place, to_bytes(FIRST))

    with pytest.raises(TransientError, match="changes hands"):
        take_claim(storage, place, SECOND, overtaken)
    assert holder(storage, place) == FIRST


def test_each_task_claims_for_itself_what_is_hidden_from_readers() -> None:
    """Two tasks of a run, or two mapped ones, score the same data side by side."""
    run = RunIdentity("dag", "run", "score", partition_key="eu|2026-01-31")
    tasks = [run, run._replace(task_id="other"), run._replace(map_index=0)]
    paths = [claim_path(one, "d" * 64) for one in tasks]
    assert len({*paths, claim_path(run, "e" * 64)}) == 4
    assert paths[0] == "dag/eu~7C2026-01-31/_claims/score/dddddddddddddddd.json"
    assert claim_path(run._replace(run_id="later"), "d" * 64) == paths[0]
