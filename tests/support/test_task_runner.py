"""The helper that runs tasks without a database is itself worth a few checks."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from airflow.sdk import BaseHook, BaseOperator
from airflow.sdk.exceptions import AirflowFailException
from airflow.triggers.base import BaseTrigger, TriggerEvent
from support.task_runner import run_task, run_to_end


class EchoTrigger(BaseTrigger):
    """Reads a connection in asyncio and fires at once."""

    def __init__(self, word: str) -> None:
        super().__init__()
        self.word = word

    def serialize(self):
        """Give class path and arguments."""
        return f"{EchoTrigger.__module__}.EchoTrigger", {"word": self.word}

    async def run(self):
        """Fire."""
        connection = await BaseHook.aget_connection("c")
        yield TriggerEvent({"word": self.word, "host": connection.host})


class EchoOperator(BaseOperator):
    """Defers, keeps state, returns what the trigger said."""

    template_fields = ("word",)

    def __init__(self, word: str, *, fail: bool = False, **kwargs) -> None:
        super().__init__(**kwargs)
        self.word, self.fail = word, fail

    def execute(self, context):
        """Defer, unless told to fail."""
        self.log.info("executing %s", self.word)
        context["task_state_store"].set("seen", {"word": self.word})
        if self.fail:
            raise AirflowFailException("told to")
        self.defer(trigger=EchoTrigger(self.word), method_name="resume", kwargs={"kept": 1})

    def resume(self, context, event, kept):
        """Return everything that survived."""
        return {**event, "kept": kept, "store": context["task_state_store"].get("seen")}


CONNECTIONS = {"c": {"conn_type": "generic", "host": "h", "extra": {"a": 1}}}


def test_a_deferral_goes_through_the_real_trigger_and_back(monkeypatch):
    """Templates, state store, connections, kept arguments and XCom survive a deferral."""
    monkeypatch.setitem(__import__("sys").modules, EchoTrigger.__module__, _module())
    store = {}
    outcome = run_to_end(
        EchoOperator(task_id="t", word="{{ run_id }}-{{ ds }}"),
        connections=CONNECTIONS,
        state_store=store,
        logical_date=datetime(2026, 1, 1, tzinfo=UTC),
    )

    assert outcome.error is None
    assert outcome.phases == ["deferred", "success"]
    word = "manual__1-2026-01-01"
    assert outcome.result == {"word": word, "host": "h", "kept": 1, "store": {"word": word}}
    assert store == {"seen": {"word": word}}
    assert f"executing {word}" in outcome.text


@pytest.mark.parametrize(("max_tries", "state"), [(0, "failed"), (1, "failed")])
def test_a_permanent_error_is_the_outcome(max_tries, state):
    """A failing task says why, and AirflowFailException allows no retry."""
    outcome = run_task(EchoOperator(task_id="t", word="w", fail=True), max_tries=max_tries)

    assert (outcome.state, str(outcome.error)) == (state, "told to")


def _module():
    import types

    module = types.ModuleType(EchoTrigger.__module__)
    module.EchoTrigger = EchoTrigger
    return module
