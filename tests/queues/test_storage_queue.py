"""The scheme of common.messaging, found and used as Airflow does it."""

from __future__ import annotations

import pytest
from airflow.providers.common.messaging.triggers.msg_queue import MessageQueueTrigger

from airflow_provider_fabml.core.errors import UsageError
from airflow_provider_fabml.triggers.arrival import OneLakeArrivalTrigger

KEYWORDS = {"path": "Files/daily", "partitions": "date=%Y-%m-%d", "storage_queue": "arrivals"}


def test_the_scheme_is_the_arrival_trigger():
    """What Airflow stores of a `MessageQueueTrigger` is what it stores of ours."""
    general = MessageQueueTrigger(scheme="azure+storagequeue", **KEYWORDS)
    assert general.serialize() == OneLakeArrivalTrigger(**KEYWORDS).serialize()


def test_the_scheme_refuses_what_the_trigger_refuses():
    """A bad value is named when the DAG file is read and the trigger is stored."""
    trigger = MessageQueueTrigger(
        scheme="azure+storagequeue", **{**KEYWORDS, "storage_queue": "Not A Queue"}
    )
    with pytest.raises(UsageError, match="storage_queue"):
        trigger.serialize()
