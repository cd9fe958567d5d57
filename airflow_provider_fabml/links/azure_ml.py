"""What the UI can open: the job in Azure Machine Learning studio."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperatorLink
from airflow.sdk.execution_time.xcom import XCom

from airflow_provider_fabml.core.jobs.job import JOB_XCOM_KEY

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator


class AzureMLStudioJobLink(BaseOperatorLink):
    """Opens the task's job in the studio."""

    name = "Azure ML job"

    def get_link(self, operator: BaseOperator, *, ti_key: Any) -> str:
        """The studio URL of the job this task instance submitted or waits for; '' before that.

        Read from XCom and not from the operator: Airflow computes links after every phase, also while
        the task is deferred.
        """
        job = XCom.get_value(key=JOB_XCOM_KEY, ti_key=ti_key)
        return str(job.get("studio_url") or "") if isinstance(job, dict) else ""
