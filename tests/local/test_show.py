"""What the terminal shows."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from airflow_provider_fabml.local.show import Show


@pytest.fixture
def shown():
    """A Show that writes plain text into a buffer, as into a pipe."""
    buffer = io.StringIO()
    return Show(Console(file=buffer, highlight=False, soft_wrap=True)), buffer


def test_a_step_tells_its_time(shown):
    """A step that ends is one line with a tick and seconds, without escape codes."""
    show, buffer = shown
    with show.step("Start storage"):
        pass
    assert re.fullmatch(r"✓ Start storage +\d+\.\d s\n", buffer.getvalue())
    assert "\x1b" not in buffer.getvalue()


def test_a_failed_step_is_crossed_and_raises(shown):
    """A step that fails shows a cross and lets the error through."""
    show, buffer = shown
    with pytest.raises(ValueError, match="boom"), show.step("Start storage"):
        raise ValueError("boom")
    assert buffer.getvalue().startswith("✗ Start storage")


def test_task_states_are_told_once_each(shown):
    """Only changes are printed, and ``none`` is no state worth a line."""
    show, buffer = shown
    with show.tasks(["a", "b"]) as board:
        for states in [{"a": "none"}, {"a": "running"}, {"a": "running", "b": "none"}]:
            board.update(states)
        board.update({"a": "success", "b": "failed"})
    lines = [line.split()[2:] for line in buffer.getvalue().splitlines() if line.strip()]
    assert lines == [["a", "running"], ["a", "success"], ["b", "failed"]]


def test_brackets_in_text_stay(shown):
    """Text that looks like markup is printed as it is."""
    show, buffer = shown
    show.say("runs/[red]/x")
    assert buffer.getvalue() == "runs/[red]/x\n"


def test_a_terminal_gets_a_progress_bar():
    """On a terminal a running step shows a bar over the run's tasks beside the changes."""
    buffer = io.StringIO()
    show = Show(Console(file=buffer, force_terminal=True, width=100, highlight=False))
    with show.step("Run the DAG", spinner=False), show.tasks(["a", "b"]) as board:
        board.update({"a": "success"})
    assert "━" in buffer.getvalue()
    assert "success" in buffer.getvalue()
