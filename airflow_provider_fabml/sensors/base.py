"""A sensor that ends alike in poke, reschedule and deferrable mode (D13).

Airflow's base class has a fixed text for a timeout in each mode, applies ``soft_fail`` to different
sets of errors in poke and deferrable mode, and knows nothing of why the sensor was not ready.
"""

from __future__ import annotations

from abc import abstractmethod
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.sdk import BaseOperator, BaseSensorOperator, conf
from airflow.sdk.exceptions import (
    AirflowException,
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    TaskDeferralTimeout,
)

from airflow_provider_fabml.core.jobs.polling import TRIGGER_FLOOR
from airflow_provider_fabml.hooks.airflow_errors import airflow_errors
from airflow_provider_fabml.hooks.keywords import check_operator_keywords

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from airflow.sdk import Context

# The framework's own timeout stays behind the trigger's deadline, for a triggerer that is down.
NET = timedelta(minutes=5)


class UniformSensor(BaseSensorOperator):
    """Waits with one set of words and errors, whatever the mode.

    A subclass pokes, defers and says what a timeout means; it notes in ``_reason`` why it is not ready.

    :param deferrable: wait in the triggerer, without a worker slot.
    """

    first_wait: float = TRIGGER_FLOOR
    _reason: str | None = None
    _connected: Any = None

    def __init__(self, *, deferrable: bool | None = None, **kwargs: Any) -> None:
        # Each entry of the result is an XCom of its own too: sensor.output["datastore_uri"] works.
        check_operator_keywords(type(self), kwargs)
        super().__init__(**{"multiple_outputs": True, **kwargs})
        if deferrable is None:
            deferrable = conf.getboolean("operators", "default_deferrable", fallback=False)
        self.deferrable = deferrable

    @abstractmethod
    def connect(self) -> AbstractContextManager[Any]:
        """The client of all looks of this process."""

    @abstractmethod
    def timeout_text(self, reason: str | None) -> str:
        """What was waited for, how long, and why it was not ready."""

    @abstractmethod
    def defer_until(self, deadline: datetime) -> NoReturn:
        """Defer to the trigger that waits until ``deadline``."""

    @abstractmethod
    def completed(self, event: dict[str, Any]) -> Any:
        """The result of a trigger's event that is neither an error nor a timeout."""

    def execute(self, context: Context) -> Any:
        """Wait as the mode says; the first look is always the worker's."""
        started = datetime.now(UTC)
        try:
            with airflow_errors(), self.connected_client():
                if self.deferrable and self.timeout > self.first_wait:
                    return self._look_or_defer(context, started)
                return super().execute(context)
        except AirflowSensorTimeout:
            self._end(AirflowSensorTimeout(self.timeout_text(self._reason)))
        except AirflowSkipException as skip:
            # The base class skips with a text of its own and keeps the error as its cause.
            self._end(skip.__cause__ or AirflowSensorTimeout(self.timeout_text(self._reason)))
        except AirflowFailException as error:
            self._end(error)

    @contextmanager
    def connected_client(self) -> Iterator[Any]:
        """The client in use, or a new one for the length of this block."""
        if self._connected is not None:
            yield self._connected
            return
        with self.connect() as client:
            self._connected = client
            try:
                yield client
            finally:
                self._connected = None

    def _look_or_defer(self, context: Context, started: datetime) -> Any:
        found = self.poke(context)
        if found:
            return getattr(found, "xcom_value", None)
        return self.defer_until(started + timedelta(seconds=self.timeout))

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        """Return what the trigger found, or end as the other modes do."""
        if event["status"] == "timeout":
            raise AirflowSensorTimeout(self.timeout_text(event["message"]))
        if event["status"] == "error":
            raise AirflowFailException(event["message"])
        with airflow_errors():
            return self.completed(event)

    def resume_execution(
        self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context
    ) -> Any:
        """Resume, past the base class: it would replace the reason by a fixed text."""
        try:
            return BaseOperator.resume_execution(self, next_method, next_kwargs, context)
        except TaskDeferralTimeout:
            return self._last_poke(context)
        except (AirflowSensorTimeout, AirflowFailException) as error:
            self._end(error)

    def _last_poke(self, context: Context) -> Any:
        """The framework's timeout passed and no triggerer reported: look once more, then give up."""
        try:
            with airflow_errors(), self.connected_client():
                found = self.poke(context)
        except AirflowFailException as error:
            self._end(error)
        if not found:
            self._end(AirflowSensorTimeout(self.timeout_text(self._reason)))
        return getattr(found, "xcom_value", None)

    def note(self, reason: str) -> None:
        """Keep why it is not ready for the timeout's text, and log it when it is new."""
        if self.is_news(reason):
            self.log.info("Not ready: %s", reason)
        self._reason = reason

    def is_news(self, reason: str) -> bool:
        """Whether a reason is worth a line in the log."""
        return reason != self._reason

    def _end(self, error: BaseException) -> NoReturn:
        """Fail, or skip under ``soft_fail`` and ``never_fail``, with the same words in every mode."""
        if self.soft_fail or self.never_fail:
            raise AirflowSkipException(str(error)) from error
        if isinstance(error, AirflowException):
            raise error
        raise AirflowFailException(str(error)) from error
