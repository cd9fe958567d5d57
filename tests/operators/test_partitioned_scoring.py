"""Router and operator together: a partition that was scored is finished, until it is restated."""

from __future__ import annotations

import asyncio
import time
import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import Asset
from airflow.sdk.exceptions import AirflowFailException
from support.operators import new_run, score, trigger_of
from support.scoring import HEADER, ROWS, Scoring
from support.task_runner import Supervisor, TaskOutcome, run_task, run_to_end, supervised
from support.watching import AssetSupervisor

from airflow_provider_fabml import UriFile, UriFolder
from airflow_provider_fabml.operators.due_partitions import OneLakeDuePartitionsOperator
from airflow_provider_fabml.retry_policies.azure_ml import AzureMLRetryPolicy
from airflow_provider_fabml.sensors.azure_ml import AzureMLBatchJobSensor
from airflow_provider_fabml.triggers.arrival import OneLakeArrivalTrigger

if TYPE_CHECKING:
    from airflow_provider_fabml.local.azurite import Azurite

pytestmark = pytest.mark.azurite
STORE, DAY = "azureml://datastores/trusted_blob/paths", "2026-01-31"


class Tree:
    """Days that land in real storage, who routes them, and who scores them."""

    def __init__(self, scoring: Scoring) -> None:
        self.scoring, self.wakes = scoring, 0
        self.path = f"datasets/{uuid.uuid4().hex[:10]}"
        self.root = f"{STORE}/endpoints/{uuid.uuid4().hex[:10]}"
        self.told: list[dict[str, Any]] = []
        self.routing = AssetSupervisor(scoring.connections, {})

    def land(self, name: str, *, good: bool = True) -> None:
        """A file of the day arrives, or is written anew; of one that is not good the job fails."""
        text = "\n".join([HEADER, *ROWS, ""] if good else ["age", "unknown", ""])
        with self.scoring.container() as container:
            container.upload_blob(f"{self.path}/date={DAY}/{name}", text, overwrite=True)

    def wake(
        self, asset: str = "due", options: dict[str, Any] | None = None, **rules: Any
    ) -> TaskOutcome:
        """Let the router of an asset look, with these rules of what counts."""
        self.wakes += 1
        arrivals = OneLakeArrivalTrigger(
            path=f"Files/{self.path}", partitions="date=%Y-%m-%d", **rules
        )
        keywords = {"output_root": self.root, **(options or {})}
        router = OneLakeDuePartitionsOperator(
            task_id="due", arrivals=arrivals, asset=Asset(asset), **keywords
        )
        return run_task(router, supervisor=self.routing, run_id=f"wake-{self.wakes}")

    def due(self, **wake: Any) -> list[str]:
        """The keys that the router emits when it wakes."""
        done = self.wake(**wake)
        if done.state == "skipped":
            return []
        assert done.state == "success", done.text
        self.told.append(done.message.outlet_events[0]["extra"])
        return [one["partition"] for one in done.result]

    def is_finished(self, **wake: Any) -> bool:
        """Whether the router takes the day for scored; in flight is not enough."""
        return "0 due, 0 later, 1 finished" in self.wake(**wake).text

    def has_failed(self, **wake: Any) -> bool:
        """Whether the router has given the day up."""
        return "0 in flight, 1 failed" in self.wake(**wake).text

    def score(self, file: str = "", *, emission: int = -1, **phase: Any) -> None:
        """The day's run, of the whole folder or of one file, for one of the router's emissions."""
        done = self.scored(file, emission=emission, **phase)
        assert done.state == "success", done.text
        assert f"date={DAY}" in done.result["inputs"]["heart"]["uri"]
        assert f"/{DAY}/" in done.result["outputs"]["score"]["uri"]

    def scored(self, file: str = "", *, emission: int = -1, **phase: Any) -> TaskOutcome:
        """The same, however it ends."""
        day = f"{STORE}/{self.path}/date={{{{ partition_key }}}}"
        waits = {"wait_for_completion": phase.pop("wait", True)}
        changes = {"storage_conn_id": "onelake_default", **waits, **phase.pop("changes", {})}
        told = self.told[emission : emission + 1 or None]
        return run_to_end(
            score(
                inputs={"heart": UriFile(f"{day}/{file}") if file else UriFolder(day)},
                **{"output_root": self.root, **changes},
            ),
            connections=self.scoring.connections,
            partition_key=DAY,
            **{"run_id": new_run(), "consumed": told, **phase},
        )

    def waited_for(self, job: dict[str, Any], **phase: Any) -> TaskOutcome:
        """The end of a job that its run did not wait for, seen by a sensor, which leaves the manifest."""
        sensor = AzureMLBatchJobSensor(
            task_id="scored",
            job=job,
            storage_conn_id="onelake_default",
            deferrable=phase.pop("deferrable", False),
            poke_interval=0.3,
        )
        sensor.first_wait = 0.1
        return run_to_end(sensor, connections=self.scoring.connections, partition_key=DAY, **phase)

    @property
    def jobs(self) -> int:
        """How many jobs were started."""
        return sum(self.root in str(job["request"]) for job in self.scoring.emulator.control.jobs())


@pytest.mark.parametrize(("first", "again"), [("a.csv", "late.csv"), ("data.csv", "data.csv")])
def test_a_partition_is_scored_once_for_each_version_of_its_data(
    scoring: Scoring, lake: Azurite, first: str, again: str
):
    """Due, in flight, finished; due again when a late or restated file lands, and finished again."""
    file = first if first == again else ""  # the day is this one file, and the input names it
    tree = Tree(scoring)
    tree.land(first)
    assert tree.due() == [DAY]
    assert tree.due() == []
    assert not tree.is_finished()
    tree.score(file)
    assert tree.is_finished()
    tree.land(again)
    assert tree.due() == [DAY]
    tree.score(file)
    assert tree.is_finished()
    assert tree.jobs == 2


def test_one_file_of_several_finishes_only_who_watches_no_other(scoring: Scoring, lake: Azurite):
    """Whoever watches the whole partition has it scored; whose glob chooses that file is done."""
    tree = Tree(scoring)
    tree.land("data.csv")
    tree.land("other.csv")
    tree.score("data.csv")
    assert tree.is_finished(glob="data.csv")
    assert tree.due(glob="other.csv") == [DAY]
    assert tree.due() == [DAY]


@pytest.mark.parametrize("file", ["", "a.csv"])
def test_data_restated_before_its_job_is_left_to_the_run_of_the_new_data(scoring, lake, file):
    """Two runs of one partition find the same data: the older one is skipped, and starts no job."""
    tree = Tree(scoring)
    tree.land("a.csv")
    assert tree.due() == [DAY]
    tree.land("a.csv")
    assert tree.due() == [DAY]
    done = tree.scored(file, emission=0)
    assert (done.state, tree.jobs) == ("skipped", 0)
    assert f"partition {DAY} was restated since it was emitted" in done.text
    tree.score(file)
    assert (tree.is_finished(), tree.jobs) == (True, 1)


def test_files_that_the_watch_does_not_choose_restate_nothing(scoring, lake):
    """A note beside the data changes the folder and not the partition: the run goes on."""
    tree, rules = Tree(scoring), {"glob": "*.csv", "marker": "done.txt"}
    tree.land("a.csv")
    tree.land("done.txt")
    assert tree.due(**rules) == [DAY]
    tree.land("b.csv.bak")
    tree.score()
    assert (tree.is_finished(**rules), tree.jobs) == (True, 1)


@pytest.mark.parametrize("wanted", [{"clear_number": 1}, {"consumed": []}])
def test_what_a_person_asks_for_is_scored_as_it_is(scoring, lake, wanted):
    """A run that was cleared, or that no router emitted, takes what is there, and finishes it."""
    tree = Tree(scoring)
    tree.land("a.csv")
    assert tree.due() == [DAY]
    tree.land("late.csv")
    tree.score(**wanted)
    assert (tree.is_finished(), tree.jobs) == (True, 1)


def test_a_run_that_waited_longer_than_its_lease_scores_and_the_second_does_not(scoring, lake):
    """The router cannot know that the first run is only queued; the second finds the data scored."""
    tree = Tree(scoring)
    tree.land("a.csv")
    assert tree.due() == [DAY]
    tree.routing.let_pass(timedelta(hours=7))
    assert tree.due() == [DAY]
    tree.score(emission=0)
    done = tree.scored(emission=1)
    assert (done.state, tree.jobs) == ("skipped", 1)
    assert f"the same data of partition {DAY} had its job since it was emitted" in done.text
    assert tree.is_finished()


def test_a_run_whose_job_outlasts_its_lease_is_left_alone_until_it_dies(scoring, lake):
    """While Airflow has the first run as running the second is skipped; then it takes over."""
    tree = Tree(scoring)
    tree.land("a.csv")
    assert tree.due() == [DAY]
    first = tree.scored(run_id="first", wait=False)
    assert (first.state, tree.jobs) == ("success", 1)
    tree.routing.let_pass(timedelta(hours=7))
    assert tree.due() == [DAY]
    done = tree.scored(alive=["first"])
    assert (done.state, tree.jobs) == ("skipped", 1)
    assert f"run first of a_dag scores the same data of partition {DAY}" in done.text
    tree.score()
    assert (tree.is_finished(), tree.jobs) == (True, 2)


def test_the_run_that_holds_the_claim_goes_on_in_its_next_try(scoring, lake):
    """A try that died before its POST left a claim; it is the run's own."""
    tree = Tree(scoring)
    tree.land("a.csv")
    assert tree.due() == [DAY]
    scoring.emulator.control.add_fault(method="POST", path="/jobs$", status=400)
    assert tree.scored(run_id="again").state == "failed"
    tree.score(run_id="again", alive=["again"])
    assert (tree.is_finished(), tree.jobs) == (True, 1)


@pytest.mark.parametrize("alive", [[], ["first"]])
def test_what_was_scored_is_scored_once_more_when_a_person_asks_the_router(scoring, lake, alive):
    """`rescore` emits finished data: a scoring before that is no answer, even in a run that goes on."""
    tree = Tree(scoring)
    tree.land("a.csv")
    assert tree.due() == [DAY]
    tree.score(run_id="first")
    assert tree.is_finished()
    time.sleep(1.1)  # the storage's times are whole seconds
    assert tree.due(options={"rescore": DAY}) == [DAY]
    tree.score(alive=alive)
    assert (tree.is_finished(), tree.jobs) == (True, 2)


def test_a_request_is_answered_by_a_run_of_its_own(scoring, lake):
    """Not by the run that goes on, whose job began before: neither its claim nor its manifest counts."""
    tree = Tree(scoring)
    tree.land("a.csv")
    assert tree.due() == [DAY]
    first = tree.scored(run_id="first", wait=False).result
    time.sleep(1.1)  # the storage's times are whole seconds
    assert tree.due(options={"rescore": DAY}) == [DAY]
    assert tree.waited_for(first).state == "success"
    assert not tree.is_finished()
    tree.score(alive=["first"])
    assert (tree.is_finished(), tree.jobs) == (True, 2)


def test_two_runs_of_one_request_make_one_job(scoring, lake):
    """The request's run outlasts its lease: the second emission is for the same request, and is skipped."""
    tree = Tree(scoring)
    tree.land("a.csv")
    assert tree.due() == [DAY]
    tree.scored(run_id="first", wait=False)
    time.sleep(1.1)  # the storage's times are whole seconds
    assert tree.due(options={"rescore": DAY}) == [DAY]
    asked = tree.scored(run_id="asked", wait=False, alive=["first"]).result
    tree.routing.let_pass(timedelta(hours=7))
    assert tree.due() == [DAY]
    alive = ["first", "asked"]
    assert (tree.scored(run_id="again", alive=alive).state, tree.jobs) == ("skipped", 2)
    assert tree.waited_for(asked).state == "success"
    assert tree.scored(run_id="again", alive=alive).state == "skipped"
    assert tree.scored(run_id="late", emission=0, alive=alive).state == "skipped"
    assert (tree.is_finished(), tree.jobs) == (True, 2)


def test_a_request_whose_run_died_is_not_answered_by_a_run_of_before_it(scoring, lake):
    """The run that was emitted before ends after the second emission: that has its job all the same."""
    tree = Tree(scoring)
    tree.land("a.csv")
    assert tree.due() == [DAY]
    first = tree.scored(run_id="first", wait=False).result
    time.sleep(1.1)  # the storage's times are whole seconds
    assert tree.due(options={"rescore": DAY}) == [DAY]
    tree.scored(run_id="dies", wait=False, alive=["first"])
    tree.routing.let_pass(timedelta(hours=7))
    assert tree.due() == [DAY]
    tree.waited_for(first)
    tree.score(alive=["first"])
    assert (tree.is_finished(), tree.jobs) == (True, 3)


def test_one_routers_scoring_is_not_anothers(scoring, lake):
    """Two models score one tree below one root: each has its own asset, and its own finished days."""
    tree = Tree(scoring)
    tree.land("a.csv")
    assert tree.due() == [DAY]
    tree.score()
    assert tree.is_finished()
    assert tree.due(asset="of another model") == [DAY]


def test_what_no_router_asked_for_counts_where_the_endpoint_does(scoring, lake):
    """A day that a person had scored is finished, unless another endpoint's scorings are wanted."""
    tree = Tree(scoring)
    tree.land("a.csv")
    tree.score(consumed=[])
    assert tree.is_finished()
    assert tree.is_finished(asset="same", options={"endpoint_name": "heart-classifier"})
    assert tree.due(asset="other", options={"endpoint_name": "other-model"}) == [DAY]


@pytest.mark.parametrize("deferrable", [False, True])
def test_a_scoring_that_a_sensor_waits_for_is_finished_too(scoring, lake, deferrable: bool):
    """Who submits need not wait: the sensor leaves the manifest of the run that had the job started."""
    tree = Tree(scoring)
    tree.land("a.csv")
    assert tree.due() == [DAY]
    job = tree.scored(wait=False).result
    assert not tree.is_finished()
    done = tree.waited_for(job, deferrable=deferrable)
    assert done.state == "success", done.text
    assert (tree.is_finished(), tree.jobs) == (True, 1)


class BrokenPolicy(AzureMLRetryPolicy):
    """A policy that cannot be asked, without which Airflow goes on."""

    def evaluate(self, *_asked: Any, **_more: Any) -> Any:
        """Break."""
        raise OSError("no answer")


@pytest.mark.parametrize("policy", [None, BrokenPolicy()])
def test_a_failed_job_is_no_end_while_the_task_has_tries_left(scoring, lake, policy):
    """The run is lost before its next try: its lease ends, and the day is emitted again."""
    tree = Tree(scoring)
    tree.land("a.csv", good=False)
    assert tree.due() == [DAY]
    done = tree.scored(try_number=1, max_tries=1, changes={"retry_policy": policy})
    assert done.state == "up_for_retry"
    assert (tree.due(), tree.has_failed()) == ([], False)
    tree.routing.let_pass(timedelta(hours=7))
    assert tree.due() == [DAY]


@pytest.mark.parametrize(
    ("tries", "changes"), [((2, 1), {}), ((1, 1), {"retry_policy": AzureMLRetryPolicy()})]
)
def test_a_failed_job_that_no_try_follows_is_the_end(scoring, lake, tries, changes):
    """The last try, or a failure that the task's policy does not retry: the router gives it up."""
    tree = Tree(scoring)
    tree.land("a.csv", good=False)
    assert tree.due() == [DAY]
    done = tree.scored(try_number=tries[0], max_tries=tries[1], changes=changes)
    assert (done.state, tree.has_failed(), tree.jobs) == ("failed", True, 1)


def test_a_failed_job_is_the_end_for_a_sensor_with_tries_left(scoring, lake):
    """A sensor fails at once, since its other tries would see the same job: nobody makes another."""
    tree = Tree(scoring)
    tree.land("a.csv", good=False)
    assert tree.due() == [DAY]
    job = tree.scored(wait=False).result
    done = tree.waited_for(job, max_tries=3)
    assert (done.state, tree.has_failed()) == ("failed", True)


def test_a_persons_own_failure_is_not_the_partitions(scoring, lake):
    """Somebody tries another model on the day, in vain; the router's run is still to come."""
    tree = Tree(scoring)
    tree.land("a.csv")
    assert tree.due() == [DAY]
    tree.scored(consumed=[], changes={"endpoint_name": "breast-cancer-classifier"})
    assert tree.jobs == 1
    assert (tree.has_failed(), tree.due()) == (False, [])
    tree.score()
    assert tree.is_finished()


def test_one_mapped_tasks_success_does_not_hide_anothers_failure(scoring, lake):
    """Two models score the day, and one cannot read it: that is a failure, whichever ends last."""
    tree = Tree(scoring)
    tree.land("a.csv")
    assert tree.due() == [DAY]
    other = {"endpoint_name": "breast-cancer-classifier"}
    assert tree.scored(map_index=1, changes=other).state == "failed"
    tree.score(map_index=0)
    assert tree.has_failed()


@pytest.mark.parametrize("changes", [{"write_manifest": False}, {"storage_conn_id": None}])
def test_a_scoring_of_which_the_router_will_not_hear_says_so(scoring, lake, changes):
    """Without a manifest the partition comes again after its lease: better read in the first log."""
    tree = Tree(scoring)
    tree.land("a.csv")
    assert tree.due() == [DAY]
    assert (
        "The router of due learns of a scoring by its manifest" in tree.scored(changes=changes).text
    )
    assert "The router of" not in tree.scored(consumed=[], changes=changes).text


def test_a_cleared_run_holds_the_claim_against_a_later_emission(scoring, lake):
    """Whoever was cleared while its first job never came is still the one that scores."""
    tree = Tree(scoring)
    tree.land("a.csv")
    assert tree.due() == [DAY]
    tree.scored(run_id="first", wait=False, clear_number=1)
    tree.routing.let_pass(timedelta(hours=7))
    assert tree.due() == [DAY]
    done = tree.scored(alive=["first"])
    assert (done.state, tree.jobs) == ("skipped", 1)


def test_a_file_that_the_watch_does_not_choose_makes_nothing_due_again(scoring, lake):
    """A note lands after the job began: by the watch's rules the data is what was emitted, and scored."""
    tree, rules = Tree(scoring), {"glob": "*.csv"}
    tree.land("a.csv")
    tree.land("side.txt")
    assert tree.due(**rules) == [DAY]
    tree.score()
    tree.land("note.txt")
    assert tree.is_finished(**rules)
    tree.land("b.csv")
    assert tree.due(**rules) == [DAY]


def test_outputs_that_a_user_placed_finish_their_partition_too(scoring, lake):
    """Their folders name the partition as its own folder does: nothing is emitted again."""
    tree = Tree(scoring)
    tree.land("a.csv")
    assert tree.due() == [DAY]
    place = f"{tree.root}/date={{{{ partition_key }}}}/{{attempt}}/predictions.csv"
    tree.scored(changes={"output_root": None, "outputs": {"score": UriFile(place)}})
    assert tree.jobs == 1
    assert tree.is_finished()


def test_an_event_says_little_of_each_partition_of_its_wake_up(scoring, lake):
    """Airflow stores the extra once for each partition, so it has 64 bits of a digest, not 256."""
    tree = Tree(scoring)
    tree.land("a.csv")
    assert tree.due() == [DAY]
    (digest,) = tree.told[0]["digests"].values()
    assert len(digest) == 16
    assert int(digest, 16)


def test_a_run_whose_key_a_mapper_changed_is_refused(scoring, lake):
    """The key of a week may be that of its first day, and no router would learn that it was scored."""
    tree = Tree(scoring)
    tree.land("a.csv")
    assert tree.due() == [DAY]
    done = tree.scored(consumed_key="2026-02-01", max_tries=3)
    assert (type(done.error), tree.jobs) == (AirflowFailException, 0)
    assert "partition_key = '2026-01-31'" in str(done.error)
    assert "no mapper that changes keys" in str(done.error)


@pytest.mark.parametrize("state", ["success", "failed"])
def test_a_run_that_a_person_marks_is_emitted_again_as_often_as_tries_allow(
    manual_scoring, lake, state
):
    """Its job is cancelled and leaves no manifest, so that the router takes the run for lost."""
    tree, twice = Tree(manual_scoring), {"options": {"tries": 2}}
    tree.land("a.csv")
    assert tree.due(**twice) == [DAY]
    supervisor = Supervisor(manual_scoring.connections, {})
    supervisor.task_states = {"first": {"score": state}}
    supervisor.xcoms["azure_ml_job"] = job = tree.scored(run_id="first", wait=False).result
    with supervised(supervisor):
        asyncio.run(trigger_of(job, "first").on_kill())
    (cancelled,) = manual_scoring.emulator.control.jobs()
    assert cancelled["state"].startswith("Cancel")
    assert tree.due(**twice) == []
    tree.routing.let_pass(timedelta(hours=7))
    assert tree.due(**twice) == [DAY]
    tree.routing.let_pass(timedelta(hours=7))
    assert tree.has_failed(**twice)
