"""Choices of an operator that do not exist."""

from __future__ import annotations

from typing import Any

from bad_input_rows.row import BadInput

from airflow_provider_fabml.core.options import check_keywords, check_options


def chosen(**changed: Any) -> None:
    """Check a good set of options with these changed."""
    good = {"deployment_kind": None, "on_clear": "cancel", "on_timeout": "leave"}
    check_options(**{**good, "poll_interval": 30, **changed})


ROWS = [
    BadInput("on_clear = delete", lambda: chosen(on_clear="delete"), "choice-unknown", "on_clear"),
    BadInput(
        "polling without a pause",
        lambda: chosen(poll_interval=0),
        "poll-interval",
        "poll_interval",
    ),
    BadInput(
        "a misspelt keyword",
        lambda: check_keywords({"quite_for": 5}, {"quiet_for"}, of="OneLakeShortcutSensor"),
        "keyword-unknown",
        "quite_for",
    ),
]
