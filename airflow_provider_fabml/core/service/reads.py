"""A read that is cut off on its way is read again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_fabml.core.service.answers import expect_object

if TYPE_CHECKING:
    from airflow_provider_fabml.core.service.http import Flow, Request, Response

# The transport repeats what fails with a status or on the wire; a body that ends in its middle, or a
# proxy's page in its place, comes as a success.
READS = 3


def read_object(request: Request, what: str) -> Flow[dict[str, Any]]:
    """The JSON object of a good answer, asked for up to ``READS`` times while it is no JSON at all.

    ``what`` as in ``expect_object``, whose errors it raises.
    """
    response = yield request
    for _ in range(READS - 1):
        if not _cut_off(response):
            break
        response = yield request
    return expect_object(response, what)


def _cut_off(response: Response) -> bool:
    return 200 <= response.status < 300 and not isinstance(response.body, dict)
