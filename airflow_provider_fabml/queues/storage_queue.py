"""Storage queues for ``MessageQueueTrigger`` of apache-airflow-providers-common-messaging."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.providers.common.messaging.providers.base_provider import BaseMessageQueueProvider

if TYPE_CHECKING:
    from airflow.triggers.base import BaseEventTrigger


class AzureStorageQueueMessageQueueProvider(BaseMessageQueueProvider):
    """The scheme ``azure+storagequeue``: arrivals in a tree, told by Event Grid through a queue.

    ``MessageQueueTrigger(scheme="azure+storagequeue", storage_queue=..., path=..., partitions=...)``
    takes what `OneLakeArrivalTrigger` takes, and is stored in Airflow as that trigger.
    """

    scheme = "azure+storagequeue"

    def trigger_class(self) -> type[BaseEventTrigger]:
        """Give `OneLakeArrivalTrigger`."""
        from airflow_provider_fabml.triggers.arrival import OneLakeArrivalTrigger

        return OneLakeArrivalTrigger
