"""What nobody outside Microsoft knows about batch endpoints, as named switches.

``README.md`` of this package lists every position with its source.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

Vintage = Literal["2022-12", "2023-03", "2023-04"]


class Switches(BaseModel):
    """One position per switch; assignment validates, unknown switches are refused."""

    model_config = ConfigDict(extra="forbid", validate_assignment=True)

    vintage: Vintage = "2023-04"
    """Which recorded response shape the answers have."""
    honours_request_id: bool = False
    """Whether a repeated ``repeatability_request-id`` answers with the job it made before."""
    honours_name: Literal["no", "display_name", "job_name"] = "display_name"
    """What the request's ``name`` does."""
    stores_tags: bool = True
    """Whether the request's ``tags`` are kept and come back."""
    stores_description: bool = True
    """Whether the request's ``description`` is kept and comes back."""
    keeps_output_uri: Literal["no", "yes", "long_form"] = "yes"
    """Whether (and how spelt) an explicit output URI comes back."""
    output_exists: Literal["fail", "stale"] = "fail"
    """What a job does when its output file is there already."""
    pipeline_settings: Literal["ignored", "honoured", "refused"] = "honoured"
    """What happens to pipeline settings sent with one invocation."""
    continued_job_state: Literal["Failed", "Completed"] = "Failed"
    """How a pipeline job ends that went on after a failed step."""
    cancel_finished_job: Literal["ok", "conflict"] = "ok"
    """What the cancellation of a finished job answers."""
    page_size: int = Field(default=30, ge=1, le=10_000)
    """How many items one page of a list holds."""
    list_order: Literal["newest_first", "oldest_first", "random"] = "newest_first"
    """The order of job lists; ``random`` is the same from page to page."""
    listed_after_seconds: float = Field(default=0.0, ge=0, le=3600)
    """How old a job is when lists begin to show it."""
    readable_after_seconds: float = Field(default=0.0, ge=0, le=3600)
    """How old a job is when it can be read (and cancelled) by its name; 404 before."""
    endpoint_state: Literal["Succeeded", "Creating", "Updating", "Failed"] = "Succeeded"
    """The provisioning state of every endpoint; without ``Succeeded`` there is no scoring URI."""
    cancel_seconds: float = Field(default=0.0, ge=0, le=3600)
    """How long a job stays ``CancelRequested``, in seconds."""
    fabric_target_type: bool = True
    """Whether a shortcut's target says its ``type``."""
    fabric_last_page: Literal["absent", "null"] = "absent"
    """What the last page of one of Fabric's lists has for a continuation token."""
    invoke_seconds: float = Field(default=0.0, ge=0, le=600)
    """How long the answer of an invocation takes, in seconds (1.8 to 4.4 were recorded)."""

    @field_validator("keeps_output_uri", "honours_name", mode="before")
    @classmethod
    def _yaml_words(cls, value: Any) -> Any:
        """YAML 1.1 reads a bare ``yes`` or ``no`` as a boolean."""
        return {True: "yes", False: "no"}[value] if isinstance(value, bool) else value
