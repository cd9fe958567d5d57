"""Known causes of a failed job: by what they are told, what helps, and whether a retry does.

Sources, by their key in each row:

* ``tsg``: learn.microsoft.com "Troubleshoot batch endpoints", section "Resolve common errors"
* ``data``: learn.microsoft.com "Troubleshoot data access errors" (``ScriptExecution.*`` codes)
* ``quota``: learn.microsoft.com "Manage and increase quotas"; ``lowpri``: "Use low priority VMs for
  batch deployments"; ``adf``: "Run batch endpoints from Azure Data Factory"; ``model``: "Deploy models
  for scoring in batch endpoints"; ``mlflow``: "Deploy MLflow models in batch deployments"
* ``codes``: run history's specification, ``RootError.code``
* ``repository#number``: the issue in which the service's text stands
"""

from __future__ import annotations

from typing import NamedTuple

from airflow_provider_fabml.core.retry_advice import UNKNOWN, RetryAdvice

# Seconds until it may be worth asking again.
_NODES_BACK, _QUOTA_BACK = 300.0, 900.0


class Cause(NamedTuple):
    """One known cause.

    ``marks`` are lower-case parts of the service's text or codes; any one of them tells the cause.
    ``again`` and ``delay`` are those of ``RetryAdvice``. A ``general`` cause says where to look, not
    what happened: another run's more telling error is preferred to it. ``in_logs`` marks causes of which
    the step's logs tell more, such as the files that failed.
    """

    name: str
    marks: tuple[str, ...]
    remedy: str
    source: str
    again: bool | None = False
    delay: float | None = None
    general: bool = False
    in_logs: bool = False

    @property
    def advice(self) -> RetryAdvice:
        """Whether another try can help."""
        return RetryAdvice(self.again, self.delay, self.name)


_READER = (
    "let the compute's identity read the storage behind the datastore (role Storage Blob Data "
    "Reader), or give the datastore credentials that are valid"
)
_SCRIPT_LOG = "look into logs/user/error of the failed step in the studio"

A_STEP_FAILED = Cause(
    "a step failed",
    ("pipelinehasstepjobfailed", "has failed child jobs"),
    "open the failed step in the studio",
    "run history 2026-02 (recorded)",
    again=None,
    general=True,
    in_logs=True,
)
# The first row whose mark is found holds: rows that name a cause stand before those that name a symptom.
CAUSES: tuple[Cause, ...] = (
    Cause(
        "the output exists",
        ("path already exists",),
        "the output path was taken; give every run its own (output_root does)",
        "adf, model",
    ),
    Cause(
        "nodes were pre-empted",
        ("preemptionerror", "pre-empted", "preempted"),
        "low-priority nodes were taken away: try again later, or use a cluster of dedicated nodes",
        "lowpri, azure-docs#66288, MLOpsPython#346",
        again=True,
        delay=_NODES_BACK,
    ),
    Cause(
        "the quota is smaller than the job",
        ("jobnodecountexceedscorequota", "cannot accomodate", "cannot accommodate"),
        "the whole quota is smaller than what the job asks for: ask for fewer instances "
        "(ComputeInstanceCount), or have the quota of the VM family raised",
        "quota, mslearn-dp100#35",
    ),
    Cause(
        "the quota is used up",
        (
            "quota exceeded",
            "quotaexceeded",
            "outofquota",
            "quotareached",
            "quota limit",
            "exceeds quota",
            "exceeding quota",
            "cpu quota",
            "core quota",
        ),
        "other jobs use up the compute's quota: try later, or ask for fewer instances",
        "quota, azure-docs#121466",
        again=True,
        delay=_QUOTA_BACK,
    ),
    Cause(
        "requests are throttled",
        ("requestthrottled", "streamaccess.throttling", "toomanyrequests", "server is busy"),
        "a service was asked too much: try later",
        "codes, data",
        again=True,
    ),
    Cause(
        "the datastore takes no outputs",
        ("datastoretypenotsupported",),
        "outputs go to datastores of type Azure Blob only",
        "model",
    ),
    Cause(
        "wrong output type",
        ("must be 'uri_file'",),
        "a model deployment writes one file: make its output a UriFile",
        "azure-docs#118447, azure-sdk-for-python#35242",
    ),
    Cause(
        "wrong audience or role",
        ("token denied by policy", "invalidaudience", "audience validation failed"),
        "give the identity the role 'AzureML Data Scientist' on the workspace; if it has it, the token "
        "is for another cloud: check the connection's cloud and ml_audience",
        "tsg, mslearn-azure-ml#115",
    ),
    Cause(
        "the storage account lets nobody write with this identity",
        ("writestreams.authentication", "authorizationpermissionmismatch"),
        "give the compute's identity Storage Blob Data Contributor on the container",
        "azureml-examples#2994",
    ),
    Cause(
        "the datastore cannot be read",
        (
            "no credentials",
            "streamaccess.authentication",
            "caused by authenticationexception",
            "noauthenticationinformation",
            "keybasedauthenticationnotpermitted",
            "cannot find account key or sas token",
            "this request is not authorized to perform",
        ),
        _READER,
        "tsg, data, azureml-examples#2501, azureml-examples#2221, azure-sdk-for-python#31839",
    ),
    Cause(
        "the input is not there",
        ("streamaccess.notfound",),
        "check the input's path and the datastore's container; with ADLS Gen2 a missing ACL looks the same",
        "data",
    ),
    Cause(
        "the input cannot be mounted, or holds nothing",
        ("dataset initialization failed", "can't mount dataset", "doesn't contain any data"),
        f"{_READER}; and see that files lie directly in the input folder",
        "tsg",
    ),
    Cause(
        "no file of a mini-batch could be used",
        ("no objects to concatenate",),
        "the files are damaged or of a type the model does not take (MLflow: csv, parquet, images), or "
        "lie in nested folders: MLflow deployments read only what lies directly in the input folder",
        "tsg, mlflow",
        in_logs=True,
    ),
    Cause(
        "the image cannot be pulled",
        ("failedpullingimage", "failed to pull docker image", "acrrefreshtokenretrievalerror"),
        "let the compute's identity pull from the container registry (role AcrPull)",
        "azureml-examples#3463, MachineLearningNotebooks#1733, tech-immersion-data-ai#40",
    ),
    Cause(
        "the environment cannot be built",
        ("image build failed", "imagebuildfailure", "environmentbuildfailed"),
        "look into the image build log of the deployment's environment, and mend its dependencies",
        "MLOps_Workshop#8, azure-cli#23608",
    ),
    Cause(
        "a package is missing",
        ("no module named", "modulenotfounderror"),
        "add the package to the deployment's environment (azureml-core is always needed)",
        "tsg",
    ),
    Cause(
        "mini-batches took too long",
        ("no progress update",),
        "run() needs longer than RetrySettings allow, or hangs: raise their timeout, or make "
        "MiniBatchSize smaller",
        "tsg",
        again=None,
        in_logs=True,
    ),
    Cause(
        "nothing was scored",
        ("no succeeded mini batch item",),
        "run() returned nothing for its files: are they what the model expects, and do they lie directly "
        f"in the input folder (nested folders are not explored)? {_SCRIPT_LOG}",
        "tsg, mlflow, MLOpsPython#328",
        in_logs=True,
    ),
    Cause(
        "the input is of a kind that is not supported",
        ("doesn't have specified value or default value", "doesn't have a specified value"),
        "give the deployment one data input that batch endpoints take: UriFolder or UriFile",
        "tsg",
    ),
    Cause(
        "the scoring script failed",
        ("user program failed with exception", "exceptions in init()", "entryscriptexception"),
        "init() or run() raised, or more files failed than ErrorThreshold allows; each mini-batch had "
        f"its tries (RetrySettings). {_SCRIPT_LOG}",
        "tsg",
        general=True,
        in_logs=True,
    ),
    Cause(
        "a step's process failed",
        ("exited with status code", "systemexit: 42"),
        "the reason stands in the step's logs: logs/job_error, logs/job_result, logs/user/error",
        "azureml-examples#2614, MachineLearningNotebooks#1930",
        again=None,
        general=True,
        in_logs=True,
    ),
    A_STEP_FAILED,
)
# By the error's own code, where the text says nothing (``codes``).
_BY_CODE: dict[str, RetryAdvice] = {
    "transienterror": RetryAdvice(again=True, why="the service calls the error transient"),
    "requestthrottled": RetryAdvice(again=True, why="requests are throttled"),
    "serviceerror": RetryAdvice(again=True, why="the service calls the error its own"),
    "azurestorageerror": RetryAdvice(again=True, why="storage failed"),
    "validationerror": RetryAdvice(again=False, why="the service refuses the request"),
}


def cause_of(text: str) -> Cause | None:
    """The known cause that the service's words tell, or None."""
    words = text.casefold().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    return next((c for c in CAUSES if any(mark in words for mark in c.marks)), None)


def advice_for_code(code: str) -> RetryAdvice:
    """What the outermost of the service's error codes (``UserError``, ``ServiceError`` …) says."""
    return _BY_CODE.get(code.partition("/")[0].casefold(), UNKNOWN)
