"""Score lakehouse data with Azure ML batch endpoints from Apache Airflow.

The values that a DAG writes down; importing them costs nothing (standard library only)::

    from airflow_provider_fabml import UriFolder, UriFile, LiteralInput
"""

from airflow_provider_fabml.core.scoring.job_io import (
    CustomModel,
    LiteralInput,
    MLFlowModel,
    MLTable,
    TritonModel,
    UriFile,
    UriFolder,
)

__version__ = "0.1.0"
__all__ = [
    "CustomModel",
    "LiteralInput",
    "MLFlowModel",
    "MLTable",
    "TritonModel",
    "UriFile",
    "UriFolder",
    "__version__",
]
