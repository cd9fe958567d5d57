"""Job settings that the service would refuse, or silently ignore."""

from __future__ import annotations

from bad_input_rows.row import BadInput

from airflow_provider_fabml.core.scoring.parse_settings import parse_settings

ROWS = [
    BadInput(
        "a list",
        lambda: parse_settings(["MiniBatchSize"]),
        "settings-not-a-mapping",
        "job_settings",
    ),
    BadInput(
        "an unknown setting",
        lambda: parse_settings({"MiniBatchSise": "hunter2"}),
        "setting-unknown",
        "job_settings['MiniBatchSise']",
        secret="hunter2",
    ),
    BadInput(
        "one setting in two spellings",
        lambda: parse_settings({"MiniBatchSize": 10, "mini_batch_size": 20}),
        "setting-twice",
        "job_settings['mini_batch_size']",
    ),
    BadInput(
        "retry settings are a number",
        lambda: parse_settings({"RetrySettings": 3}),
        "retry-settings-not-a-mapping",
        "job_settings['RetrySettings']",
    ),
    BadInput(
        "an unknown retry setting",
        lambda: parse_settings({"retry_settings": {"Retries": 3}}),
        "retry-setting-unknown",
        "job_settings['retry_settings']['Retries']",
    ),
    BadInput(
        "a fraction of an instance",
        lambda: parse_settings({"ComputeInstanceCount": "1.5"}),
        "setting-not-an-integer",
        "job_settings['ComputeInstanceCount']",
    ),
    BadInput(
        "a mini batch of no files",
        lambda: parse_settings({"MiniBatchSize": 0}),
        "setting-too-small",
        "job_settings['MiniBatchSize']",
    ),
    BadInput(
        "yes is no truth",
        lambda: parse_settings({"ForceRun": "yes"}),
        "setting-not-a-boolean",
        "job_settings['ForceRun']",
    ),
    BadInput(
        "an experiment that rendered to None",
        lambda: parse_settings({"ExperimentName": "None"}),
        "setting-not-text",
        "job_settings['ExperimentName']",
    ),
    BadInput(
        "a description of 5001 characters",
        lambda: parse_settings({"Description": "x" * 5001}),
        "setting-text-too-long",
        "job_settings['Description']",
    ),
    BadInput(
        "an output file name with a folder",
        lambda: parse_settings({"OutputFileName": "out/predictions.csv"}),
        "output-file-name-form",
        "job_settings['OutputFileName']",
    ),
    BadInput(
        "a logging level of Python's",
        lambda: parse_settings({"LoggingLevel": "ERROR"}),
        "logging-level-unknown",
        "job_settings['LoggingLevel']",
    ),
    BadInput(
        "tags as text",
        lambda: parse_settings({"Tags": "team=risk"}),
        "tags-not-a-mapping",
        "job_settings['Tags']",
    ),
    BadInput(
        "more tags than the service keeps",
        lambda: parse_settings({"Tags": {f"t{n}": "x" for n in range(39)}}),
        "tags-too-many",
        "job_settings['Tags']",
    ),
    BadInput(
        "the tag that finds a lost job",
        lambda: parse_settings({"Tags": {"airflow_invocation": "mine"}}),
        "tag-reserved",
        "job_settings['Tags']['airflow_invocation']",
    ),
    BadInput(
        "a tag of 1001 characters",
        lambda: parse_settings({"Tags": {"note": "x" * 1001}}),
        "tag-too-long",
        "job_settings['Tags']['note']",
    ),
]
