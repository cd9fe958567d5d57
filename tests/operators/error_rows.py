"""What goes wrong, and how a task with retries left must end: one row each."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_provider_fabml.emulator.errors import DENIED_BY_POLICY

if TYPE_CHECKING:
    from support.scoring import Scoring

FAILED, RETRY, SUCCESS = "failed", "up_for_retry", "success"
WRONG_SECRET = "wrong-secret-9c41"
WRONG_KEY = "d3Jvbmcta2V5LTdmMmEtd3Jvbmcta2V5LTdmMmE="
PROXY_PASSWORD = "proxy-password-5d7e"
REFUSED_AT = "https://127.0.0.1:1"
Connections = dict[str, dict[str, Any]]


class Row(NamedTuple):
    """One failure.

    `change` is keywords for the operator, `connections` changes Airflow's connections, `faults` are
    queued in the service, `switches` differ there. `posts` and `jobs` count what one run sends and
    what the service makes.
    `says` are parts of the error's text; `clock` is ``timed`` where the job must still run; `once`
    marks rows that take seconds and end before a task could defer.
    """

    name: str
    ends: str
    says: tuple[str, ...] = ()
    change: dict[str, Any] = {}  # noqa: RUF012 - never changed
    connections: Any = None
    faults: tuple[dict[str, Any], ...] = ()
    posts: int = 0
    jobs: int = 0
    clock: str = "immediate"
    switches: dict[str, Any] = {}  # noqa: RUF012 - never changed
    once: bool = False


def azure(**extra: Any) -> Any:
    """Change the Azure ML connection; `login` and `password` go where they belong."""

    def change(connections: Connections, _scoring: Scoring) -> None:
        made = connections["azure_ml_default"]
        for name, value in extra.items():
            if name in {"login", "password"}:
                made[name] = value
            elif value is None:
                made["extra"].pop(name, None)
            else:
                made["extra"][name] = value

    return change


def storage(**changes: Any) -> Any:
    """Change the storage connection; `container` is that of its mapping row."""

    def change(connections: Connections, _scoring: Scoring) -> None:
        made = connections["onelake_default"] = copy.deepcopy(connections["onelake_default"])
        for name, value in changes.items():
            target = made["extra"]["mapping"][0] if name == "container" else made
            target[name] = value

    return change


def no_json(connections: Connections, _scoring: Scoring) -> None:
    """An extra that cannot be read, with something in it that must stay hidden."""
    connections["azure_ml_default"]["extra"] = f"client_secret={WRONG_SECRET}"


def without(name: str) -> Any:
    """Airflow does not know this connection."""
    return lambda connections, _scoring: connections.pop(name)


ENDPOINT, POST, JOB = r"/batchEndpoints/[^/]+$", r"/endpoints/[^/]+/jobs$", r"/jobs/[^/]+$"
ML_ROLE = "AzureML Data Scientist"


def on(method: str, path: str, **fault: Any) -> dict[str, Any]:
    """A fault of the service."""
    return {"method": method, "path": path, **fault}


WITH_STORAGE = {"storage_conn_id": "onelake_default"}
REFUSALS = (
    Row(
        "endpoint missing",
        FAILED,
        ("endpoint 'no-such-endpoint'", "404", "does not exist", "check the name"),
        {"endpoint_name": "no-such-endpoint"},
    ),
    Row(
        "deployment missing",
        FAILED,
        ("deployment 'no-such'", "404", "does not exist"),
        {"deployment_name": "no-such"},
    ),
    Row(
        "no default deployment",
        FAILED,
        ("no default deployment", "deployment_name="),
        {"endpoint_name": "without-default"},
    ),
    Row(
        "endpoint without scoring URI",
        FAILED,
        ("no scoring URI", "Succeeded"),
        switches={"endpoint_state": "Creating"},
    ),
    Row(
        "401 of the Resource Manager",
        FAILED,
        ("401", "identity"),
        faults=(on("GET", ENDPOINT, status=401),),
    ),
    Row(
        "403 of the Resource Manager",
        FAILED,
        ("403", "AuthorizationFailed", "does not have authorization", ML_ROLE),
        connections=azure(login="reader-of-nothing", password="secret-of-the-reader"),
    ),
    Row(
        "403 of the data plane by role",
        FAILED,
        ("403", DENIED_BY_POLICY, ML_ROLE),
        connections=azure(login="no-invocations", password="secret-without-invocations"),
        posts=1,
    ),
    Row(
        "401 of the data plane in plain text",
        FAILED,
        ("401", DENIED_BY_POLICY, "identity"),
        faults=(on("POST", POST, status=401, body=DENIED_BY_POLICY),),
        posts=1,
    ),
    Row(
        "wrong client secret",
        FAILED,
        ("no token", "AADSTS7000215", "secret"),
        connections=azure(password=WRONG_SECRET),
    ),
    Row(
        "wrong tenant",
        FAILED,
        ("no token", "tenant"),
        connections=azure(tenant_id="99999999-9999-9999-9999-999999999999"),
    ),
    Row(
        "wrong workspace",
        FAILED,
        ("404", "other-ml", "workspace of the connection"),
        connections=azure(workspace_name="other-ml"),
    ),
    Row(
        "untrusted certificate",
        FAILED,
        ("certificate", "ca_bundle"),
        connections=azure(ca_bundle=None),
        once=True,
    ),
    Row(
        "connection without workspace",
        FAILED,
        ("workspace_name", "missing"),
        connections=azure(workspace_name=None),
    ),
    Row(
        "connection that is not defined",
        FAILED,
        ("connection 'azure_ml_default' is not defined", "create it"),
        connections=without("azure_ml_default"),
    ),
    Row(
        "storage connection that is not defined",
        FAILED,
        ("connection 'onelake_default' is not defined",),
        WITH_STORAGE,
        connections=without("onelake_default"),
    ),
    Row("connection that is no JSON", FAILED, ("no JSON",), connections=no_json),
    Row(
        "container missing",
        FAILED,
        ("ContainerNotFound", "Create the container"),
        WITH_STORAGE,
        connections=storage(container="no-such-container"),
    ),
    Row(
        "storage says 403",
        FAILED,
        ("403 AuthorizationFailure", "key"),
        WITH_STORAGE,
        connections=storage(password=WRONG_KEY),
    ),
    Row(
        "the service's own refusal",
        FAILED,
        ("400", "Datastore 'no_such_store' was not found.", "read the message"),
        {"output_root": "azureml://datastores/no_such_store/paths/out"},
        posts=1,
    ),
)
PASSING = (
    Row(
        "unknown host",
        RETRY,
        ("no connection",),
        connections=azure(resource_manager_url="https://no-such-host.invalid"),
        once=True,
    ),
    Row(
        "connection refused",
        RETRY,
        ("no connection", "Connection refused"),
        connections=azure(resource_manager_url=REFUSED_AT),
        once=True,
    ),
    Row(
        "proxy refused",
        RETRY,
        ("no token", "Connection refused"),
        connections=azure(proxies={"https": f"http://me:{PROXY_PASSWORD}@127.0.0.1:1"}),
        once=True,
    ),
    Row(
        "issuer is busy",
        RETRY,
        ("no token",),
        faults=(on("POST", "/oauth2/", status=503, times=50),),
        once=True,
    ),
    Row(
        "Resource Manager is throttled for long",
        RETRY,
        ("429",),
        faults=(on("GET", ENDPOINT, status=429, retry_after="3600"),),
    ),
    Row(
        "Resource Manager is down",
        RETRY,
        ("503",),
        faults=(on("GET", ENDPOINT, status=503, times=4),),
        once=True,
    ),
    Row(
        "throttled without end",
        RETRY,
        ("429",),
        faults=(on("POST", POST, status=429, retry_after="0", times=5),),
        posts=5,
        once=True,
    ),
    Row(
        "lost without end",
        RETRY,
        ("each answer was lost",),
        faults=(on("POST", POST, status=503, times=4),),
        posts=4,
        once=True,
    ),
)
HEALED = (
    Row(
        "throttled once",
        SUCCESS,
        faults=(on("POST", POST, status=429, retry_after="1"),),
        posts=2,
        jobs=1,
    ),
    Row(
        "Resource Manager fails once",
        SUCCESS,
        faults=(on("GET", ENDPOINT, status=503),),
        posts=1,
        jobs=1,
    ),
    *(
        Row(
            f"{status} after the work",
            SUCCESS,
            faults=(on("POST", POST, status=status, when="after"),),
            posts=1,
            jobs=1,
        )
        for status in (500, 502, 503, 504)
    ),
    Row(
        "dropped after the work",
        SUCCESS,
        faults=(on("POST", POST, drop=True, when="after"),),
        posts=1,
        jobs=1,
    ),
    Row(
        "503 before the work",
        SUCCESS,
        faults=(on("POST", POST, status=503),),
        posts=2,
        jobs=1,
    ),
    Row(
        "dropped before the work",
        SUCCESS,
        faults=(on("POST", POST, drop=True),),
        posts=2,
        jobs=1,
    ),
    Row(
        "too late after the work",
        SUCCESS,
        connections=azure(read_timeout=1),
        faults=(on("POST", POST, delay=2),),
        posts=1,
        jobs=1,
    ),
)
# While waiting: the first GET of the job is the submit's own read-back.
POLLING = (
    *(
        Row(
            f"{status} while waiting",
            SUCCESS,
            faults=(on("GET", JOB, status=status, skip=1, times=2),),
            posts=1,
            jobs=1,
            clock="timed",
        )
        for status in (401, 403, 404)
    ),
    Row(
        "503 while waiting",
        SUCCESS,
        faults=(on("GET", JOB, status=503, skip=1, times=2),),
        posts=1,
        jobs=1,
        clock="timed",
    ),
    Row(
        "dropped while waiting",
        SUCCESS,
        faults=(on("GET", JOB, drop=True, skip=1, times=2),),
        posts=1,
        jobs=1,
        clock="timed",
    ),
    Row(
        "throttled while waiting",
        SUCCESS,
        faults=(on("GET", JOB, status=429, retry_after="1", skip=1),),
        posts=1,
        jobs=1,
        clock="timed",
    ),
)
ROWS = (*REFUSALS, *PASSING, *HEALED, *POLLING)
SECRETS = (
    WRONG_SECRET,
    WRONG_KEY,
    PROXY_PASSWORD,
    "secret-of-the-reader",
    "secret-without-invocations",
)
