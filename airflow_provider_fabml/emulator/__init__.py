"""A local Azure ML: batch endpoints whose deployments really score, for tests, demos and authors.

It is a witness: it shares no code with the client it judges (see README.md).
"""

from airflow_provider_fabml.emulator.control import ControlError
from airflow_provider_fabml.emulator.loading import WorkspaceFileError, load_workspace
from airflow_provider_fabml.emulator.server import EmulatorServer
from airflow_provider_fabml.emulator.workspace import StorageAccount, Workspace

__all__ = [
    "ControlError",
    "EmulatorServer",
    "StorageAccount",
    "Workspace",
    "WorkspaceFileError",
    "load_workspace",
]
