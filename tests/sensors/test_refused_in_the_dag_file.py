"""Paths and rules that no wait can end at are refused when the DAG file is read, not when it runs.

The rows are the core's (``bad_input_rows``); here the same mistakes stand in a DAG file, in each of
the public classes that take them. What a template hides is refused before any request.
"""

from __future__ import annotations

import functools
import re
import warnings
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
from airflow.sdk import DAG, Asset, AssetWatcher
from airflow.sdk.exceptions import AirflowFailException
from bad_input_rows import arrivals, names, readiness, storage
from bad_input_rows.row import BadInput
from support.operators import score
from support.task_runner import run_task
from support.watching import AssetSupervisor

from airflow_provider_fabml.core.arrivals.partition_template import (
    PartitionTemplate,
    parse_template,
)
from airflow_provider_fabml.core.arrivals.queue_options import check_queue
from airflow_provider_fabml.core.arrivals.router_options import (
    check_between,
    parse_policy,
    parse_requested,
)
from airflow_provider_fabml.core.arrivals.watch_options import (
    check_rule_names,
    check_start,
    parse_watch,
)
from airflow_provider_fabml.core.connections.connection_id import check_connection_id
from airflow_provider_fabml.core.errors import UsageError
from airflow_provider_fabml.core.storage.readiness_rules import parse_rules
from airflow_provider_fabml.core.storage.uri import parse_uri
from airflow_provider_fabml.core.storage.watched_path import check_watched_path
from airflow_provider_fabml.operators.azure_ml import AzureMLInvokeBatchEndpointOperator
from airflow_provider_fabml.operators.due_partitions import (
    OneLakeDuePartitionsOperator,
    due_partitions,
)
from airflow_provider_fabml.sensors.azure_ml import AzureMLBatchJobSensor
from airflow_provider_fabml.sensors.onelake import OneLakeShortcutSensor
from airflow_provider_fabml.triggers.arrival import OneLakeArrivalTrigger

ENDPOINTS = [row for row in names.ROWS if row.field == "endpoint_name"]
ROWS = [*readiness.ROWS, *arrivals.ROWS, *storage.ROWS, *ENDPOINTS]
# A lakehouse or mapping that only the connection knows is judged when the task has it.
OF_THE_CONNECTION = {
    "shortcut-unmapped",
    "shortcut-ambiguous",
    "datastore-unmapped",
    "lakehouse-workspace-missing",
}
# Nobody listens there: what were asked would say so, instead of the refusal.
NOWHERE = {"onelake_default": {"conn_type": "onelake", "host": "http://127.0.0.1:9/acct"}}


class Case(NamedTuple):
    """A mistake in a DAG file."""

    row: BadInput
    make: Callable[..., Any]
    keywords: dict[str, Any]


def sensor(**changes: Any) -> OneLakeShortcutSensor:
    """The sensor with one mistake."""
    keywords = {"task_id": "wait", "path": "Files/data/x", **changes}
    return OneLakeShortcutSensor(**keywords)


def trigger(**changes: Any) -> OneLakeArrivalTrigger:
    """The watcher's trigger with one mistake."""
    return OneLakeArrivalTrigger(
        **{"path": "Files/daily", "partitions": "date=%Y-%m-%d", **changes}
    )


def router(**changes: Any) -> OneLakeDuePartitionsOperator:
    """The router with one mistake."""
    arrivals = trigger(path="http://127.0.0.1:9/acct/lake/daily", partitions="{key}")
    keywords = {"arrivals": arrivals, "asset": Asset("due"), **changes}
    return OneLakeDuePartitionsOperator(
        task_id="due", **{"output_root": "Files/scores", **keywords}
    )


class Measured(OneLakeShortcutSensor):
    """A user's own, with a keyword more."""

    def __init__(self, *, of_heart: str = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.of_heart = of_heart


def _path(call: functools.partial[Any]) -> dict[str, Any]:
    return {"path": call.args[0]}


# By the function that a row calls: what is written in a DAG file to have it called so.
IN_A_SENSOR: dict[Any, Callable[..., dict[str, Any]]] = {
    parse_rules: lambda call: call.keywords,
    check_watched_path: _path,
    parse_uri: _path,
    storage.place: _path,
    check_connection_id: lambda call: {call.keywords["field"]: call.args[0]},
}
IN_A_TRIGGER = IN_A_SENSOR | {
    parse_template: lambda call: {"partitions": call.args[0]},
    parse_watch: lambda call: {
        "path": call.keywords["path"],
        "partitions": call.keywords["partitions"],
        **call.keywords["rules"],
    },
    check_rule_names: lambda call: call.args[0],
    check_start: lambda call: {"start": call.args[0]},
    check_queue: lambda call: dict(
        zip(("storage_queue", "queue_conn_id", "queue_interval"), call.args, strict=True)
    ),
}
IN_A_ROUTER: dict[Any, Callable[..., dict[str, Any]]] = {
    parse_uri: lambda call: {"output_root": call.args[0]},
    check_between: lambda call: dict(zip(("arrivals", "asset"), call.args, strict=True)),
    parse_policy: lambda call: call.keywords,
    parse_requested: lambda call: {"rescore": call.args[0]},
    PartitionTemplate.folder_of: lambda call: {"rescore": [call.args[0]]},
    names.named: lambda call: {"endpoint_name": call.args[0]},
}


def cases(make: Callable[..., Any], said: dict[Any, Any], passes: set[str]) -> Iterator[Case]:
    """The rows that can be said in this class, but for rules that let it pass for good reason."""
    for row in ROWS:
        function = getattr(row.call, "func", None)
        function = getattr(function, "__func__", function)
        if function in said and row.rule not in passes | OF_THE_CONNECTION:
            yield Case(row, make, said[function](row.call))


# What a watcher cannot have at all, or in other words, since nothing is rendered in one.
WATCHER_RULES = {
    "uri-jinja": "written-template",
    "uri-none": "written-none",
    "uri-type": "written-text",
    "uri-empty": "written-text",
    "date-ambiguous": "arrivals-date",
    "delta-alone": "arrivals-rule",
}


def in_a_watcher(case: Case) -> Case:
    """The case with the rule that refuses it in a watcher."""
    rule, field = WATCHER_RULES.get(case.row.rule, case.row.rule), case.row.field
    if {"manifest", "predicate"} & set(case.keywords):
        rule = "arrivals-rule"
    field = "" if rule == "arrivals-rule" else field
    return case._replace(row=case.row._replace(rule=rule, field=field))


SENSOR = list(cases(sensor, IN_A_SENSOR, {"uri-jinja"}))
TRIGGER = [in_a_watcher(case) for case in cases(trigger, IN_A_TRIGGER, set())]
ROUTER = list(cases(router, IN_A_ROUTER, {"uri-jinja"}))
EVERY = [*SENSOR, *TRIGGER, *ROUTER]


@pytest.mark.parametrize("case", EVERY, ids=lambda case: f"{case.make.__name__}-{case.row.rule}")
def test_a_mistake_is_refused_when_the_dag_file_is_read(case: Case):
    """The constructor names field, value, reason and remedy, and shows no secret."""
    with pytest.raises(UsageError) as refused:
        case.make(**case.keywords)
    field = "output_root" if "output_root" in case.keywords else case.row.field
    case.row._replace(field=field).check(refused.value)


@pytest.mark.parametrize("case", TRIGGER, ids=lambda case: case.row.rule)
def test_no_remedy_of_a_watcher_speaks_of_what_it_has_not(case: Case):
    """It has no run, no task and no templated field."""
    with pytest.raises(UsageError) as refused:
        case.make(**case.keywords)
    remedy = str(refused.value.remedy)
    assert not re.search(r"\b(runs?|tasks?|templated?|rendered|renders)\b|\{\{", remedy), remedy


def test_there_are_many_and_each_rule_is_met():
    """At least 60 mistakes that differ, in a sensor as in a watcher; none of the rows is left out."""
    assert len({case.row.rule for case in SENSOR}) >= 60
    assert len({case.row.rule for case in TRIGGER}) >= 50
    assert len(TRIGGER) >= 60
    seen = {case.row.rule for case in EVERY}
    rows = {row.rule for row in [*readiness.ROWS, *arrivals.ROWS, *ENDPOINTS]} | {
        row.rule for row in storage.ROWS if getattr(row.call, "func", None) in IN_A_SENSOR
    }
    assert rows - seen - OF_THE_CONNECTION == {
        "date-missing",  # of a run without date
        "uri-jinja",  # of what was rendered and is a template still: below
        "due-mapped",  # of a run that scores
        "due-outputs-in-tree",  # of connections, which the router asks when it runs
        *("start-not-deferrable", "start-upstream"),  # below
    }


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"deferrable": False}, "start-not-deferrable"),
        ({"mode": "reschedule"}, "start-not-deferrable"),
        ({"path": sensor().output}, "start-upstream"),
        ({"wait_for_access": "perhaps"}, "rules-flag"),
    ],
)
def test_what_cannot_begin_in_the_triggerer_is_refused(changes: dict[str, Any], rule: str):
    """Airflow stores the fields with the DAG, and nobody resolves them before the trigger has them."""
    with pytest.raises(UsageError) as refused:
        sensor(start_from_trigger=True, **changes)
    assert refused.value.rule == rule


@pytest.mark.parametrize(
    ("changes", "rule", "told"),
    [
        ({"min_cuont": 2}, "arrivals-keyword", "write min_count"),
        ({"storage_que": "q"}, "arrivals-keyword", "write storage_queue"),
        ({"queue_interval": 2.0}, "queue-unused", "remove queue_interval"),
        ({"storage_queue": "{{ x }}"}, "written-template", "renders nothing"),
        ({"onelake_conn_id": "{{ x }}"}, "written-template", "renders nothing"),
        ({"onelake_conn_id": None}, "connection-id", "onelake_default"),
        ({"storage_queue": "q-a", "queue_conn_id": ""}, "connection-id", "onelake_default"),
        ({"partitions": "date={{ ds }}"}, "written-template", "renders nothing"),
        ({"marker": "{{ x }}"}, "written-template", "renders nothing"),
        ({"marker": ""}, "written-text", "_SUCCESS"),
        ({"start": ["now"]}, "arrivals-start", "'now'"),
        ({"path": "https://acct.blob.core.windows.net/l/None/x?sig=s"}, "written-none", "None/x?…"),
    ],
)
def test_a_watcher_is_refused_in_its_own_words(changes: dict[str, Any], rule: str, told: str):
    """A misspelt keyword names the one that was meant; nothing speaks of rendering at run time."""
    with pytest.raises(UsageError) as refused:
        trigger(**changes)
    assert (refused.value.rule, told in str(refused.value)) == (rule, True), str(refused.value)


MISSPELT = [
    (sensor, {"quite_for": 5}, "quiet_for"),
    (sensor, {"retires": 5}, "retries"),
    (sensor, {"deferable": True}, "deferrable"),
    (router, {"tires": 5}, "tries"),
    (score, {"output_rot": "Files/x"}, "output_root"),
    (AzureMLBatchJobSensor, {"task_id": "x", "job": "j", "soft_fial": True}, "soft_fail"),
    (Measured, {"task_id": "x", "path": "Files/x", "of_hert": 5}, "of_heart"),
]


@pytest.mark.parametrize(("make", "wrong", "meant"), MISSPELT)
def test_a_misspelt_keyword_names_the_one_that_was_meant(make: Any, wrong: Any, meant: str):
    """Ours, Airflow's own, and those of a user's class."""
    with pytest.raises(
        UsageError, match=f"has no such keyword\nRemedy: write {meant}.$"
    ) as refused:
        make(**wrong)
    assert refused.value.rule == "keyword-unknown"


@pytest.mark.parametrize(
    ("kind", "own"),
    [
        (OneLakeShortcutSensor, {"path": "Files/x"}),
        (AzureMLBatchJobSensor, {"job": "j"}),
        (AzureMLInvokeBatchEndpointOperator, {"endpoint_name": "e-1", "output_root": "Files/x"}),
        (Measured, {"path": "Files/x", "of_heart": "resting"}),
    ],
)
def test_airflows_own_keywords_pass(kind: Any, own: dict[str, Any]):
    """Those of the task, of the DAG's default_args, and those that mapping adds."""
    with DAG("d", schedule=None, default_args={"retries": 4, "quite_for": 5}):
        made = kind(
            task_id="a", pool="p", doc_md="x", params={"n": 1}, trigger_rule="all_done", **own
        )
        first, *rest = own
        kind.partial(task_id="b", pool="p", **{name: own[name] for name in rest}).expand(
            **{first: [own[first]]}
        )
    assert (made.retries, made.pool) == (4, "p")


def test_a_watcher_in_place_of_its_trigger_is_named():
    """The router's most likely mistake: the remedy says where the trigger is."""
    watcher = AssetWatcher(name="onelake", trigger=trigger())
    with pytest.raises(UsageError, match=r"an AssetWatcher has it as its \.trigger"):
        router(arrivals=watcher)


@pytest.mark.parametrize(
    "wrong", [{"arrivals": "Files/x"}, {"asset": [Asset("due")]}, {"endpoint_name": 5}]
)
def test_the_router_within_a_task_refuses_alike(wrong: dict[str, Any]):
    """The function fails for good, with the operator's words."""
    given = {"arrivals": trigger(), "asset": Asset("due"), "output_root": "Files/s", **wrong}
    with pytest.raises(UsageError) as refused:
        router(**wrong)
    with pytest.raises(AirflowFailException, match=re.escape(refused.value.reason)):
        due_partitions(**given)


@pytest.mark.parametrize("outlets", [Asset("other"), [Asset("other")], None])
def test_a_routers_other_outlets_are_as_any_operators(outlets: Any):
    """One asset, several or none; the routed one is among them."""
    made = OneLakeDuePartitionsOperator(
        task_id="due",
        arrivals=trigger(),
        asset=Asset("due"),
        output_root="Files/scores",
        outlets=outlets,
    )
    assert [one.name for one in made.outlets] == [*(["other"] if outlets else []), "due"]


@pytest.mark.parametrize(("quiet_for", "warns"), [(60, True), (59, False), (0, False)])
def test_a_silence_longer_than_the_wait_is_warned_of(quiet_for: float, warns: bool):
    """Old data may satisfy it, so it is no error; what lands meanwhile never does."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        sensor(quiet_for=quiet_for, timeout=60)
    assert any("is never ready" in str(one.message) for one in caught) == warns


def templated(case: Case) -> dict[str, Any]:
    """The same keywords behind templates, which say nothing when the file is read."""
    hidden = {
        name: f"{{{{ params.{name} }}}}"
        for name, value in case.keywords.items()
        if isinstance(value, str) and value and name in OneLakeShortcutSensor.template_fields
    }
    return {**case.keywords, **hidden, "params": {name: case.keywords[name] for name in hidden}}


HIDDEN = [case for case in SENSOR if templated(case)["params"]]


@pytest.mark.parametrize("case", HIDDEN, ids=lambda case: case.row.rule)
def test_a_template_that_renders_to_a_mistake_is_refused_before_any_request(case: Case):
    """The task fails for good, in the words that the DAG file's reader would have had."""
    with pytest.raises(UsageError) as refused:
        sensor(**case.keywords)
    done = run_task(sensor(**templated(case)), connections=NOWHERE, max_tries=3)
    assert type(done.error) is AirflowFailException, done.text
    assert refused.value.reason in str(done.error)
    assert str(refused.value.remedy) in str(done.error)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"output_root": "{{ 's3://lake/x' }}"}, "s3"),
        ({"rescore": "{{ 'None' }}"}, "None"),
        ({"rescore": ["{{ 'a/b' }}"]}, "a/b"),
        ({"endpoint_name": "{{ '' }}"}, "no endpoint is named"),
    ],
)
def test_a_router_that_renders_to_a_mistake_asks_nobody(changes: dict[str, Any], reason: str):
    """It fails for good before it looks at storage, and keeps nothing."""
    supervisor = AssetSupervisor(NOWHERE, {})
    done = run_task(router(**changes), supervisor=supervisor, max_tries=3)
    assert type(done.error) is AirflowFailException, done.text
    assert reason in str(done.error)
    assert "Remedy: " in str(done.error)
    assert supervisor.states == {}
