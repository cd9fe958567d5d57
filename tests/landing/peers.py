"""What the sensors of apache-airflow-providers-microsoft-azure ask, in their own words.

That provider is no dependency of ours. From its 15.2.1, ``hooks/wasb.py``: ``check_for_prefix`` is
``len(get_blobs_list(container, prefix)) > 0`` over ``walk_blobs(name_starts_with=prefix,
delimiter="/")``, and ``check_for_blob`` is whether ``get_blob_properties()`` raises
``ResourceNotFoundError``. The sensors' ``poke`` returns that.
"""

from __future__ import annotations

from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import ContainerClient


def prefix_sensor(container: ContainerClient, prefix: str) -> bool:
    """What `WasbPrefixSensor` says."""
    return len(list(container.walk_blobs(name_starts_with=prefix, delimiter="/"))) > 0


def blob_sensor(container: ContainerClient, name: str) -> bool:
    """What `WasbBlobSensor` says."""
    try:
        container.get_blob_client(name).get_blob_properties()
    except ResourceNotFoundError:
        return False
    return True
