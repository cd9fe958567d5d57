"""The table of known causes, held against texts that the service and its users have published."""

from __future__ import annotations

import pytest

from airflow_provider_fabml.core.jobs.failure_causes import CAUSES, advice_for_code, cause_of

FINAL, AGAIN, OWN = False, True, None
# Text (its source stands in the cause's row), a word of the remedy, whether a retry helps.
TOLD = [
    ("Job failed with error: the path already exists", "output_root", FINAL),
    (
        "AzureMLCompute job failed. PreemptionError: Nodes of this job got pre-empted. Check if the run "
        "has failed or restarted. Reason: Received pre-emption warning signal",
        "dedicated",
        AGAIN,
    ),
    (
        "Job submission to AzureML Compute encountered an Exception with status code "
        "JobNodeCountExceedsCoreQuota, The specified subscription has a Standard DSv2 family vCPU quota "
        "of 2 and is less than the requested job node count of 2 which maps to 4 vCPUs.",
        "ComputeInstanceCount",
        FINAL,
    ),
    ("OutOfQuota: Not enough cluster CPU quota. The amount requested is 8", "try later", AGAIN),
    ("Error Code: ScriptExecution.StreamAccess.Throttling", "later", AGAIN),
    ("DatastoreTypeNotSupported", "Azure Blob", FINAL),
    ("Job output type must be 'uri_file'.", "UriFile", FINAL),
    ("Microsoft Entra Token denied by policy, please review https://x", "ml_audience", FINAL),
    ("Error Code: ScriptExecution.WriteStreams.Authentication", "Contributor", FINAL),
    ("AuthorizationPermissionMismatch", "Contributor", FINAL),
    (
        "Datastore has no credentials, and workspace msi failed to authenticate storage account.",
        "Storage Blob Data Reader",
        FINAL,
    ),
    (
        "ScriptExecutionException was caused by StreamAccessException. StreamAccessException was caused "
        "by AuthenticationException.",
        "Storage Blob Data Reader",
        FINAL,
    ),
    (
        "Cannot find account key or SAS token in the specified datastore, and credential passthrough "
        "is not enabled.",
        "credentials",
        FINAL,
    ),
    ("Error Code: ScriptExecution.StreamAccess.NotFound", "path", FINAL),
    (
        "Dataset initialization failed: UserErrorException: Message: Can't mount Dataset(ID='x'). Source "
        "of the dataset is either not accessible or doesn\N{RIGHT SINGLE QUOTATION MARK}t contain any data.",
        "directly in the input folder",
        FINAL,
    ),
    ("ValueError: No objects to concatenate", "nested folders", FINAL),
    ("FailedPullingImage: Unable to pull docker image", "AcrPull", FINAL),
    ("Image build failed. For more details, check log file x", "image build log", FINAL),
    ("No module named 'azureml'", "environment", FINAL),
    ("No progress update in 600 seconds. No progress update in this check.", "MiniBatchSize", OWN),
    ("No succeeded mini batch item returned from run().", "nested folders", FINAL),
    ("Data set node x references a parameter which doesn't have a specified value", "UriFile", FINAL),
    ("User program failed with Exception: Run failed. Please check logs", "ErrorThreshold", FINAL),
    ("User process 'python' exited with status code 42", "logs/job_error", OWN),
    ("Pipeline has failed child jobs. Failed nodes: /x", "failed step", OWN),
]  # fmt: skip


@pytest.mark.parametrize(("text", "remedy", "again"), TOLD)
def test_a_published_text_tells_its_cause(text: str, remedy: str, again: bool | None) -> None:
    """In any case, with the remedy and the class of the row."""
    for spelt in (text, text.upper()):
        cause = cause_of(spelt)
        assert cause is not None
        assert remedy in cause.remedy
        assert cause.advice.again is again


def test_each_row_is_met_by_a_text() -> None:
    """No row stands in the shadow of one above it, and each names its source."""
    met = {cause.name for text, *_ in TOLD if (cause := cause_of(text))}
    assert met == {cause.name for cause in CAUSES}
    assert all(cause.source for cause in CAUSES)
    assert len({cause.name for cause in CAUSES}) == len(CAUSES)


def test_each_mark_is_found_by_its_own_row() -> None:
    """Marks are lower case, and none is swallowed by a row above."""
    for cause in CAUSES:
        for mark in cause.marks:
            assert mark == mark.lower()
            assert cause_of(mark) is cause


@pytest.mark.parametrize(
    "text", ["", "quotation.csv is damaged", "KeyError: 'age'", "[Errno 17] File exists: 'x'"]
)
def test_other_texts_tell_none(text: str) -> None:
    """A word inside another word is no mark."""
    assert cause_of(text) is None


@pytest.mark.parametrize(
    ("code", "again"),
    [
        ("ServiceError", True),
        ("TransientError/Odd", True),
        ("RequestThrottled", True),
        ("AzureStorageError", True),
        ("ValidationError", False),
        ("UserError/ServiceError", None),
        ("", None),
    ],
)
def test_the_outermost_code_advises_where_the_text_does_not(code: str, again: bool | None) -> None:
    """The specification's codes; a user's error says nothing by itself."""
    assert advice_for_code(code).again is again
