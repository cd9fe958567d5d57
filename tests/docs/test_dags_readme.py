"""What the page of the DAGs tells to write, run and have ready."""

from __future__ import annotations

import json
import re
import subprocess

import pytest
from support.markdown import ROOT, code_blocks, read, tables

from airflow_provider_fabml.core.arrivals.claim import claim_path
from airflow_provider_fabml.core.arrivals.router_options import parse_requested
from airflow_provider_fabml.core.connections.queue_fields import POISON
from airflow_provider_fabml.core.scoring.run_identity import RunIdentity
from airflow_provider_fabml.emulator.loading import DEMO
from airflow_provider_fabml.operators.due_partitions import LEASE, LIMIT, TRIES

PAGE = read("dags/README.md")
EXAMPLE = (ROOT / "dags/score_on_arrival.py").read_text(encoding="utf-8")
# Notes each command and its arguments, a line each, and answers as the one call that is read.
AZ = 'az() { printf "%s\\t" "$@" >&2; echo >&2; echo "/ID-OF-$ACCOUNT"; }\n'


@pytest.fixture(scope="module")
def router(tmp_path_factory):
    """The router of the page, in the place of the example's."""
    from airflow.dag_processing.dagbag import DagBag

    (code,) = code_blocks(PAGE, "python")
    head, _, rest = EXAMPLE.partition('with DAG("score_on_arrival"')
    _, scoring, tail = rest.partition('with DAG("score_arrived_day"')
    folder = tmp_path_factory.mktemp("dags")
    (folder / "page.py").write_text(f"{head}{code}\n\n{scoring}{tail}", encoding="utf-8")
    bag = DagBag(str(folder))
    assert bag.import_errors == {}
    assert set(bag.dags) == {"score_on_arrival", "score_arrived_day"}
    return bag.dags["score_on_arrival"].task_dict["due"]


def test_a_person_asks_the_router_for_partitions(router):
    """A run asks for nothing by itself, and for two days with the page's command."""
    (conf,) = re.findall(r"`airflow dags trigger score_on_arrival --conf '(.*)'`", PAGE)

    def asked(given: dict[str, str]) -> frozenset[str]:
        params = {**router.dag.params.dump(), **given}
        rendered = router.render_template(router.rescore, {"params": params})
        return parse_requested(rendered, router.arrivals.watch.template)

    assert asked({}) == set()
    assert asked(json.loads(conf)) == {"2026-01-01", "2026-01-02"}


@pytest.fixture(scope="module")
def commands():
    """The commands that the recipe gives to Azure's command line, each a list of arguments."""
    (recipe,) = code_blocks(PAGE, "bash")
    done = subprocess.run(
        ["bash", "-eu", "-c", AZ + recipe], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return [line.rstrip("\t").split("\t") for line in done.stderr.splitlines()]


def option(command: list[str], name: str) -> str:
    """The value of an option."""
    return command[command.index(f"--{name}") + 1]


def test_the_recipe_makes_what_the_example_watches(commands):
    """Both queues are there before the subscription, which tells of the folder that is watched."""
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(str(ROOT / "dags/score_on_event_grid.py"))
    trigger = bag.dags["score_on_event_grid"].task_dict["due"].arrivals
    name = trigger.storage_queue
    made = [one for one in commands if one[:3] == ["storage", "queue", "create"]]
    assert {option(one, "name") for one in made} == {name, f"{name}{POISON}"}
    *_, subscription = commands
    assert subscription[:3] == ["eventgrid", "event-subscription", "create"]
    account = option(subscription, "source-resource-id")
    assert account.startswith("/ID-OF-")
    assert option(subscription, "endpoint") == f"{account}/queueServices/default/queues/{name}"
    _, _, folder = option(subscription, "subject-begins-with").partition("/blobs/")
    assert f"Files/{folder}" == trigger.path


def test_the_recipe_gives_each_queue_the_role_that_is_needed(commands):
    """Messages are taken from the one queue and put into the other."""
    given = {
        option(one, "scope").rpartition("/queues/")[2]: option(one, "role")
        for one in commands
        if one[:3] == ["role", "assignment", "create"]
    }
    assert given == {
        "fabml-arrivals": "Storage Queue Data Message Processor",
        f"fabml-arrivals{POISON}": "Storage Queue Data Message Sender",
    }


def test_each_example_names_its_folder():
    """The table says where each example looks for data."""
    rows, *_ = tables(PAGE)
    for row in rows:
        (file,) = re.findall(r"\]\((\w+\.py)\)", row[0])
        folders = set(re.findall(r"uci-heart-\w+", (ROOT / "dags" / file).read_text("utf-8")))
        assert set(re.findall(r"uci-heart-\w+", row[2])) <= folders, file
        assert folders, file


def test_the_local_azure_ml_has_both_deployments():
    """What champion_challenger asks for is there after `make up`."""
    import yaml
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(str(ROOT / "dags/champion_challenger.py"))
    score = bag.dags["champion_challenger"].task_dict["score"]
    served = yaml.safe_load(DEMO.read_text(encoding="utf-8"))["endpoints"]
    (endpoint,) = [one for one in served if one["name"] == score.partial_kwargs["endpoint_name"]]
    asked = score.expand_input.value["deployment_name"]
    assert set(asked) <= {one["name"] for one in endpoint["deployments"]}


def test_the_page_says_where_a_claim_lies_and_how_long_a_lease_is():
    """What a person looks for in storage is there; the numbers are the router's own."""
    (told,) = re.findall(r"`<output_root>/(\S+/_claims/\S+)`", PAGE)
    run = RunIdentity("dag", "run", "task", partition_key="partition")
    assert re.sub("[<>]", "", told) == claim_path(run, "digest")
    assert f"`lease` ({LEASE.total_seconds() / 3600:g} hours" in PAGE
    assert f"`tries` times in all ({TRIES})" in PAGE
    assert f"`limit` ({LIMIT})" in PAGE
