"""Keeps the Azure SDKs' request logs out of task logs.

azure-core logs every request and its headers at INFO, azure-identity every token: with a poll every
few seconds they bury what a task has to say. A level that someone has set is left alone.
"""

from __future__ import annotations

import logging

_NOISY = ("azure.core.pipeline.policies.http_logging_policy", "azure.identity")


def quiet_azure_loggers() -> None:
    """Raise the level of the noisy loggers to WARNING where none is set."""
    for name in _NOISY:
        logger = logging.getLogger(name)
        if logger.level == logging.NOTSET:
            logger.setLevel(logging.WARNING)
