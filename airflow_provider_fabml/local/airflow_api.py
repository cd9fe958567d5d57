"""What the demo and the tests ask of Airflow's public REST API (v2)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from airflow_provider_fabml.local.process import StackError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import httpx

FINISHED = frozenset({"success", "failed"})


class AirflowApi:
    """A client of one Airflow; it logs in on first use and again when its token is refused.

    :param url: address without ``/api/v2``.
    """

    def __init__(self, url: str, user: str, password: str) -> None:
        import httpx

        self.url, self.user, self._password = url, user, password
        self._client = httpx.Client(base_url=url, timeout=30, trust_env=False)

    def __repr__(self) -> str:
        return f"AirflowApi({self.url!r}, {self.user!r})"

    def close(self) -> None:
        """Close its connections."""
        self._client.close()

    def health(self) -> dict[str, str]:
        """Return each component's status; empty while nobody answers."""
        import httpx

        try:
            answer = self._client.get("/api/v2/monitor/health")
        except httpx.TransportError:
            return {}
        if answer.status_code != 200:
            return {}
        return {part: str(state["status"]) for part, state in answer.json().items()}

    def call(self, method: str, path: str, **more: Any) -> Any:
        """Return the JSON of one authorised request below ``/api/v2``; StackError if refused."""
        answer = self.send(method, path, **more)
        if answer.is_error:
            raise StackError(f"Airflow: {method} {path}: {answer.status_code} {answer.text[:500]}")
        return answer.json() if answer.content else None

    def send(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Send one authorised request below ``/api/v2`` and return the answer whatever it is."""
        if "authorization" not in self._client.headers:
            self._log_in()
        answer = self._client.request(method, f"/api/v2{path}", **more)
        if answer.status_code == 401:
            self._log_in()
            answer = self._client.request(method, f"/api/v2{path}", **more)
        return answer

    def wait_for_dag(self, dag_id: str, timeout: float = 60) -> None:
        """Return once *dag_id* is parsed; StackError with the import error if it cannot be."""
        wait(lambda: self._dag_is_there(dag_id), timeout, f"DAG {dag_id} was not found")

    def unpause(self, dag_id: str) -> None:
        """Let the scheduler run it."""
        self.call("PATCH", f"/dags/{dag_id}", json={"is_paused": False})

    def trigger(self, dag_id: str, conf: Mapping[str, Any]) -> str:
        """Start a run with *conf* as its params; return the run id."""
        body = {"logical_date": None, "conf": dict(conf)}
        return str(self.call("POST", f"/dags/{dag_id}/dagRuns", json=body)["dag_run_id"])

    def run(self, dag_id: str, run_id: str) -> dict[str, Any]:
        """Return the run as the API shows it."""
        found: dict[str, Any] = self.call("GET", f"/dags/{dag_id}/dagRuns/{run_id}")
        return found

    def runs(self, dag_id: str) -> list[dict[str, Any]]:
        """Return the newest 100 runs."""
        query = {"limit": 100, "order_by": "-run_after"}
        found = self.call("GET", f"/dags/{dag_id}/dagRuns", params=query)
        return list(found["dag_runs"])

    def task_states(self, dag_id: str, run_id: str) -> dict[str, str]:
        """Return each task's state, ``none`` before the scheduler looked at it."""
        found = self.call("GET", f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances")
        return {task["task_id"]: task["state"] or "none" for task in found["task_instances"]}

    def xcom(self, dag_id: str, run_id: str, task_id: str) -> Any:
        """Return what the task returned."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/return_value"
        return self.call("GET", path, params={"stringify": "false"})["value"]

    def task_log(self, dag_id: str, run_id: str, task_id: str, attempt: int = 1) -> list[str]:
        """Return the lines of a task's log, errors with their message."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/logs/{attempt}"
        answer = self.send("GET", path, headers={"accept": "application/json"})
        return [] if answer.is_error else [_line(entry) for entry in answer.json()["content"]]

    def _dag_is_there(self, dag_id: str) -> bool:
        errors = self.call("GET", "/importErrors")["import_errors"]
        if errors:
            raise StackError(f"{errors[0]['filename']}:\n{errors[0]['stack_trace']}")
        return self.send("GET", f"/dags/{dag_id}").status_code == 200

    def _log_in(self) -> None:
        body = {"username": self.user, "password": self._password}
        answer = self._client.post("/auth/token", json=body)
        answer.raise_for_status()
        self._client.headers["authorization"] = f"Bearer {answer.json()['access_token']}"


def wait(done: Callable[[], bool], timeout: float, otherwise: str) -> None:
    """Return once *done* says so, asked twice a second; StackError *otherwise*."""
    deadline = time.monotonic() + timeout
    while not done():
        if time.monotonic() > deadline:
            raise StackError(f"{otherwise} within {timeout:.0f} s.")
        time.sleep(0.5)


def _line(entry: Any) -> str:
    if isinstance(entry, str):
        return entry
    errors = [
        f"{each['exc_type']}: {each['exc_value']}" for each in entry.get("error_detail") or []
    ]
    return " ".join([str(entry.get("event", "")), *errors])
