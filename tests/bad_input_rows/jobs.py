"""Jobs that a sensor cannot wait for."""

from __future__ import annotations

from bad_input_rows.row import BadInput

from airflow_provider_fabml.core.jobs.job_reference import handle_of

ROWS = [
    BadInput("a missing XCom", lambda: handle_of("None"), "job-missing", "job"),
    BadInput(
        "a handle as Python text", lambda: handle_of("{'job_name': 'j'}"), "job-not-a-name", "job"
    ),
    BadInput(
        "a handle of something else",
        lambda: handle_of({"run_id": "r"}),
        "job-handle-without-name",
        "job",
    ),
]
