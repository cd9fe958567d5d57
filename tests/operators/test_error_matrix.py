"""Every failure through the operator: one clear error, alike in both modes, and no secret in it."""

from __future__ import annotations

import copy
import logging
import re
import traceback
import uuid
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from airflow.sdk.exceptions import AirflowFailException
from operators.error_rows import FAILED, ROWS, SECRETS, SUCCESS, Row
from support.operators import quick
from support.scoring import Scoring
from support.task_runner import TaskOutcome, run_to_end

from airflow_provider_fabml import UriFolder
from airflow_provider_fabml.emulator import EmulatorServer, load_workspace
from airflow_provider_fabml.emulator.workspace import Endpoint, Principal
from airflow_provider_fabml.hooks.airflow_errors import AzureTransientError
from airflow_provider_fabml.operators.azure_ml import AzureMLInvokeBatchEndpointOperator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_fabml.local.azurite import Azurite

pytestmark = pytest.mark.azurite
BY_NAME = {row.name: row for row in ROWS}
ROOT = "azureml://datastores/trusted_blob/paths/endpoints"
TOKEN = re.compile(r"eyJ[\w-]{10,}\.eyJ[\w-]{10,}")
# What differs between two runs of one row, whatever the error.
VARYING = re.compile(
    r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|\b[0-9a-f]{8,}\b|[0-9a-f]{10,}|:[0-9]{4,5}\b"
)


class Score(AzureMLInvokeBatchEndpointOperator):
    """The operator, less patient: no scheduler to race, and a window that suits a local service."""

    first_wait = 0.1
    settle_window = timedelta(seconds=1)
    send_window = patience = timedelta(seconds=2)


@pytest.fixture(scope="module")
def services(lake: Azurite) -> Iterator[dict[str, Scoring]]:
    """The demo workspace with an endpoint that has no default and principals that may do little."""
    demo = load_workspace(None)
    heart = next(e for e in demo.endpoints if e.name == "heart-classifier")
    served = demo.model_copy(
        update={
            "endpoints": [
                *demo.endpoints,
                Endpoint(name="without-default", deployments=heart.deployments),
            ],
            "principals": [
                *demo.principals,
                Principal(client_id="reader-of-nothing", secret="secret-of-the-reader", actions=[]),
                Principal(
                    client_id="no-invocations",
                    secret="secret-without-invocations",
                    not_actions=["batchEndpoints/deployments/jobs/write"],
                ),
            ],
        }
    )
    with (
        EmulatorServer(served, storage=lake, clock="immediate") as quick,
        EmulatorServer(served, storage=lake, clock="timed") as slow,
    ):
        yield {"immediate": Scoring(quick, lake), "timed": Scoring(slow, lake)}


def run(row: Row, scoring: Scoring, *, deferrable: bool) -> tuple[TaskOutcome, int, int]:
    """One run of the row with a retry left; gives the outcome and the POSTs and jobs it cost."""
    connections = copy.deepcopy(scoring.connections)
    if row.connections:
        row.connections(connections, scoring)
    keywords = {
        "endpoint_name": "heart-classifier",
        "inputs": {"heart": UriFolder(scoring.upload(files=1, rows=2))},
        "output_root": ROOT,
        **row.change,
    }
    operator = quick(Score(task_id="score", deferrable=deferrable, retries=1, **keywords))
    scoring.emulator.control.clear_faults()
    posts, jobs = len(scoring.posts()), len(scoring.emulator.control.jobs())
    for fault in row.faults:
        scoring.emulator.control.add_fault(**fault)
    done = run_to_end(
        operator, connections=connections, run_id=f"manual__{uuid.uuid4().hex[:12]}", max_tries=1
    )
    waiting = scoring.emulator.control.faults()
    scoring.emulator.control.clear_faults()
    assert all(fault["times"] > 1 for fault in waiting), "a fault was not met"
    return (
        done,
        len(scoring.posts()) - posts,
        len(scoring.emulator.control.jobs()) - jobs,
    )


@pytest.fixture
def scoring(row: Row, services: dict[str, Scoring]) -> Iterator[Scoring]:
    """The service of the row."""
    control = services[row.clock].emulator.control
    before = control.switches
    control.set_switches(**row.switches)
    yield services[row.clock]
    control.set_switches(**before)


def plain(error: BaseException | None) -> tuple[str, str]:
    """Class and text of an error without the names of this run and without the studio link."""
    text, _, _link = str(error).partition("\nSee: ")  # the worker's error has no link of its own
    return type(error).__name__, VARYING.sub("…", text)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_each_failure_ends_as_it_must_in_both_modes(
    row: Row, scoring: Scoring, caplog: pytest.LogCaptureFixture
) -> None:
    """State, POSTs, jobs, text, class and silence about secrets; the same when deferrable."""
    caplog.set_level(logging.DEBUG)
    ends = []
    for deferrable in (True,) if row.once else (False, True):
        done, posts, jobs = run(row, scoring, deferrable=deferrable)
        assert (done.state, posts, jobs) == (row.ends, row.posts, row.jobs), done.text
        for part in row.says:
            assert part in str(done.error)
        ends.append(plain(done.error))
        hidden(done, scoring, caplog.text)
    if row.ends == SUCCESS:
        return
    assert len(set(ends)) == 1
    wanted = AirflowFailException if row.ends == FAILED else AzureTransientError
    assert type(done.error) is wanted


def hidden(done: TaskOutcome, scoring: Scoring, log: str) -> None:
    """No secret and no token in errors, tracebacks, logs, XComs, state or rendered fields."""
    told = [m for m in done.sent if type(m).__name__ != "MaskSecret"]  # its purpose is to name one
    text = "\n".join(
        [
            log,
            done.text,
            repr(done.message),
            repr(told),
            repr(done.xcoms),
            repr(done.store),
            *(traceback.format_exception(done.error) if done.error else []),
        ]
    )
    known = (scoring.emulator.workspace.principals[0].secret, scoring.azurite.key, *SECRETS)
    assert [secret for secret in known if secret in text] == []
    assert TOKEN.findall(text) == []


def test_the_search_for_secrets_can_find_one(services: dict[str, Scoring]) -> None:
    """The grep above is not blind: the same text with a secret or a token in it is caught."""
    scoring = services["immediate"]
    done, *_ = run(BY_NAME["endpoint missing"], scoring, deferrable=False)
    hidden(done, scoring, "")
    secret = scoring.emulator.workspace.principals[0].secret
    token = scoring.emulator.service.issuer.mint(
        scoring.emulator.workspace.principals[0], "https://ml.azure.com"
    )
    for slip in (secret, f"Bearer {token}"):
        with pytest.raises(AssertionError):
            hidden(done, scoring, f"x {slip} y")
    done.sent.append({"rendered": secret})
    with pytest.raises(AssertionError):
        hidden(done, scoring, "")
