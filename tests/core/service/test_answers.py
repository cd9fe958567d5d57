"""What an HTTP answer means: carry on, wait, or stop."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_fabml.core.errors import PermanentError, TransientError
from airflow_provider_fabml.core.retry_advice import LONGEST_DELAY
from airflow_provider_fabml.core.service.answers import (
    error_text,
    expect,
    expect_object,
    retry_after,
)
from airflow_provider_fabml.core.service.http import Response

SENT = "Fri, 31 Dec 1999 23:59:00 GMT"


def answer(status: int, body: Any = None, **headers: str) -> Response:
    """An HTTP answer; header names with underscores for dashes."""
    return Response(status, {name.replace("_", "-"): v for name, v in headers.items()}, body)


def test_a_good_answer_is_its_body() -> None:
    """200 unless other statuses are named."""
    assert expect(answer(200, {"a": 1}), "reading") == {"a": 1}
    assert expect(answer(202), "cancelling", 200, 202) is None
    assert expect_object(answer(200, {"a": 1}), "reading") == {"a": 1}


@pytest.mark.parametrize("status", [408, 425, 429, 499, 500, 502, 503, 504, 520, 524, 599])
def test_what_may_pass_is_waited_out(status: int) -> None:
    """Throttling and every trouble of servers and gateways is transient."""
    with pytest.raises(TransientError, match=f"reading: HTTP {status}") as caught:
        expect(answer(status, retry_after="7"), "reading")
    assert (caught.value.status, caught.value.retry_after) == (status, 7)


@pytest.mark.parametrize("status", [204, 301, 307, 400, 401, 403, 404, 409, 418, 501, 505])
def test_what_will_not_pass_stops(status: int) -> None:
    """A refusal says so, and how to mend the usual ones."""
    with pytest.raises(PermanentError, match=f"HTTP {status}") as caught:
        expect(answer(status), "reading")
    assert caught.value.status == status
    assert (caught.value.remedy is not None) == (status in {400, 401, 403, 404})


@pytest.mark.parametrize(
    ("status", "body", "remedy"),
    [
        (400, {"error": {"message": "Job output type must be 'uri_file'."}}, "UriFile"),
        (400, {"error": {"code": "DatastoreTypeNotSupported"}}, "Azure Blob"),
        (403, "Microsoft Entra Token denied by policy", "ml_audience"),
        (400, {"error": {"message": "odd"}}, "read the message"),
    ],
)
def test_a_refusal_whose_cause_is_known_says_how_to_mend_it(
    status: int, body: object, remedy: str
) -> None:
    """The words of the refusal tell more than its status."""
    with pytest.raises(PermanentError) as caught:
        expect(answer(status, body), "invoking")
    assert remedy in str(caught.value.remedy)


@pytest.mark.parametrize("body", [None, "", "<html>sign in</html>", [1], 7])
def test_a_proxys_page_is_no_answer_of_the_service(body: object) -> None:
    """A poll that meets a sign-in page decides nothing about a job."""
    with pytest.raises(TransientError, match="without a JSON object"):
        expect_object(answer(200, body), "reading")


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"error": {"code": "UserError", "message": "no"}}, "UserError: no"),
        ({"error": {"message": "no"}}, "no"),
        ({"code": "X"}, "X"),
        ({"error": {}}, "no reason given"),
        ({"error": "invalid_client"}, "{'error': 'invalid_client'}"),
        ("Microsoft Entra Token denied by policy", "Microsoft Entra Token denied by policy"),
        ("x" * 2000, "x" * 1000),
        (None, "no reason given"),
        ("  ", "no reason given"),
    ],
)
def test_the_reason_is_read_from_any_body(body: object, text: str) -> None:
    """Resource Manager wraps it, the data plane writes plain text, proxies write nothing."""
    assert error_text(body) == text


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "30"}, 30),
        ({"retry-after": " 1.5 "}, 1.5),
        ({"retry-after-ms": "1500"}, 1.5),
        ({"x-ms-retry-after-ms": "250"}, 0.25),
        ({"retry-after": "Fri, 31 Dec 1999 23:59:59 GMT"}, None),
        ({"retry-after": "Fri, 31 Dec 1999 23:59:59 GMT", "date": SENT}, 59),
        ({"retry-after": "Fri, 31 Dec 1999 23:59:59 -0000", "date": SENT}, 59),
        ({"retry-after": "Sunday, 31-Dec-99 23:59:59 GMT", "date": SENT}, 59),
        ({"retry-after": "Fri, 31 Dec 1999 23:00:00 GMT", "date": SENT}, 0),
        ({"retry-after": "Sat, 31 Dec 2050 00:00:00 GMT", "date": SENT}, LONGEST_DELAY),
        ({"retry-after": "Fri, 99 Dec 1999 23:59:59 GMT", "date": SENT}, None),
        ({"retry-after": "soon", "date": SENT, "retry-after-ms": "100"}, 0.1),
        ({"retry-after": "9", "date": "no date"}, 9),
        ({"retry-after": "86400"}, LONGEST_DELAY),
        ({"retry-after": "-3"}, 0),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "nan", "retry-after-ms": "100"}, 0.1),
        ({}, None),
    ],
)
def test_retry_after_is_a_bounded_number_of_seconds(
    headers: dict[str, str], seconds: float | None
) -> None:
    """Seconds, a date in any of HTTP's spellings, or nonsense: nobody sleeps for ever or backwards."""
    assert retry_after(headers) == seconds
