"""A batch job: its status words, and the handle that names it everywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

COMPLETED, FAILED, CANCELED = "Completed", "Failed", "Canceled"
# Specification, enum JobStatus. NotResponding and Paused are not final, whatever the SDK's own list
# says ("exempt from the order … can go to any of the previous states").
TERMINAL = frozenset({COMPLETED, FAILED, CANCELED})
# The XCom under which a task shows its job's handle right after the submit: read by the studio link
# and by a trigger that must know whether its task still waits for this job.
JOB_XCOM_KEY = "azure_ml_job"


def is_terminal(status: str) -> bool:
    """Whether the job has ended. Any word that is not known to end a job means: keep waiting (D6)."""
    return status in TERMINAL


class JobHandle(NamedTuple):
    """Everything a later step needs to know of a job; plain JSON when it crosses a process.

    ``outputs`` maps an output's name to ``{"type": "UriFile", "uri": "azureml://…"}``; ``inputs``
    likewise, literals as ``{"type": "Literal", "value": …}``. ``submitted_at`` is an ISO 8601 instant
    in UTC, taken from the service's clock where it is known. ``attempt`` counts from 1.
    ``inputs`` have ``count``, ``bytes`` and ``digest`` too where they were looked at before the POST;
    ``run`` is who had it started (`RunIdentity`, ``assets``: the names of those whose partition is
    scored, ``emitted``: the digest that their routers know the data by, and ``emitted_at``: when they
    emitted it, the last time before the run), and None for a job of which only the name is known.
    """

    job_name: str
    endpoint_name: str = ""
    deployment_name: str = ""
    status: str = ""
    studio_url: str = ""
    inputs: dict[str, Any] | None = None
    outputs: dict[str, Any] | None = None
    submitted_at: str = ""
    attempt: int = 1
    invocation_id: str = ""
    run: dict[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        """A dictionary of plain JSON values (Airflow refuses foreign classes in XCom)."""
        return self._asdict()

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> JobHandle:
        """The handle in a dictionary of ``to_json``; keys it does not know are left alone."""
        return cls(**{name: value[name] for name in cls._fields if name in value})


class JobView(NamedTuple):
    """What ``GET …/jobs/{name}`` (or a job-creating answer) tells of a job.

    ``properties`` is the body's own ``properties`` object, read by ``readback``.
    """

    name: str
    status: str
    studio_url: str
    created_at: str
    properties: dict[str, Any]

    @classmethod
    def from_body(cls, body: Mapping[str, Any]) -> JobView:
        """Reads both shapes: ``services`` (job) and ``interactionEndpoints`` (invoke answer).

        The resource's ``name`` is the job's name; its ``id`` may lack the endpoint
        (recording ``invoke_pipeline_component_2022-12``) and is never parsed. Raises
        ``ValueError`` for a body that names no job.
        """
        if not body.get("name"):
            raise ValueError("the answer names no job")
        properties = dict(body.get("properties") or {})
        services = properties.get("services") or properties.get("interactionEndpoints") or {}
        return cls(
            name=str(body["name"]),
            status=str(properties.get("status") or ""),
            studio_url=str((services.get("Studio") or {}).get("endpoint") or ""),
            created_at=str((body.get("systemData") or {}).get("createdAt") or ""),
            properties=properties,
        )
