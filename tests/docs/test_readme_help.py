"""The README's roles, versions and symptoms are those of the code."""

from __future__ import annotations

import json
import re
import tomllib

import pytest
from azure.core.exceptions import ClientAuthenticationError
from support.markdown import PACKAGE, ROOT, quoted, read, section, tables

from airflow_provider_fabml.clients import storage_errors
from airflow_provider_fabml.clients.data_checks import DataChecks
from airflow_provider_fabml.clients.transport_errors import translate_token_error
from airflow_provider_fabml.core.errors import FabmlError
from airflow_provider_fabml.core.jobs.failure import FailureReason
from airflow_provider_fabml.core.scoring.invocation import parse_invocation
from airflow_provider_fabml.core.scoring.job_io import UriFile
from airflow_provider_fabml.core.service import fabric_flows
from airflow_provider_fabml.core.service.answers import expect
from airflow_provider_fabml.core.service.http import Response
from airflow_provider_fabml.core.storage.landing import timeout_text
from airflow_provider_fabml.core.storage.location import Location, resolve

README = read("README.md")
ROLES = tables(section(README, "Use it with Azure"))[2]
(VERSIONS,) = tables(section(README, "Versions"))
(SYMPTOMS,) = tables(section(README, "Troubleshooting"))
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
DISTRIBUTIONS = {"Apache Airflow": "apache-airflow"}
SCORE = "azureml://datastores/lake/paths/score.csv"


def message(action, *arguments, **more) -> str:
    """Return the words with which an action is refused."""
    with pytest.raises(FabmlError) as refused:
        action(*arguments, **more)
    return str(refused.value)


def answered(status: int) -> str:
    """Return what an answer of the service with this status becomes."""
    return message(expect, Response(status, {}, None), "invoking")


def remedy(reason: str) -> str:
    """Return a job's reason with the remedy we know for it, which must be there."""
    found = FailureReason("", reason).remedy
    assert found is not None
    return f"{reason}\n{found}"


class Occupied:
    """A storage where something lies at every path."""

    def may_reach(self, _place) -> bool:
        """Say that this path may be looked at."""
        return True

    def exists_any(self, _place) -> bool:
        """Say that this path is taken too."""
        return True


def taken() -> str:
    """Return the refusal of an output path where something lies."""
    place = Location("lake", "trusted", "score.csv", "https://lake.blob.core.windows.net")
    invocation = parse_invocation(
        endpoint_name="heart", inputs={}, outputs={"score": UriFile(SCORE)}
    )
    checks = DataChecks(Occupied(), lambda _uri, _field: place)
    return message(checks.before_post, invocation, {"score": UriFile(SCORE)})


PROVOKED = {
    "HTTP 401": lambda: answered(401),
    "no token from Microsoft Entra ID": lambda: str(
        translate_token_error(ClientAuthenticationError("AADSTS7000215: wrong secret"))
    ),
    "HTTP 403": lambda: answered(403),
    "no credentials": lambda: remedy("no credentials"),
    "AuthorizationPermissionMismatch": lambda: remedy("AuthorizationPermissionMismatch"),
    "needs /paths/ between datastore and path": lambda: message(
        resolve, "azureml://datastores/lake/folder", (), field="path"
    ),
    "something lies there already": taken,
    "is not ready after": lambda: timeout_text("Files/x", 60, "there is nothing"),
    "no mapping row": lambda: message(resolve, "Files/x/y", (), field="path"),
}


def test_each_quoted_symptom_is_provoked_here():
    """The table quotes exactly the messages below."""
    assert sorted(word for row in SYMPTOMS for word in quoted(row[0])) == sorted(PROVOKED)


@pytest.mark.parametrize("symptom", PROVOKED)
def test_a_symptom_is_what_the_code_says(symptom):
    """What goes wrong is told in the words of the table."""
    assert symptom in PROVOKED[symptom]()


def test_remedies_name_only_what_exists():
    """Each parameter or field in backticks is one of the operator's, the sensor's or the form's."""
    from airflow_provider_fabml.operators.azure_ml import AzureMLInvokeBatchEndpointOperator
    from airflow_provider_fabml.sensors.onelake import OneLakeShortcutSensor

    known = set(AzureMLInvokeBatchEndpointOperator.template_fields)
    known |= {*OneLakeShortcutSensor.template_fields, "mapping", "lakehouse"}
    named = [word for row in SYMPTOMS for word in quoted(row[1])]
    assert {word for word in named if re.fullmatch(r"[a-z_]+", word)} <= known


def role_words() -> str:
    """Return the remedies of the refusals that a missing role causes."""
    storage = storage_errors._REMEDIES["AuthorizationPermissionMismatch"]
    compute = remedy("AuthorizationPermissionMismatch")
    queue = storage_errors.QUEUE_ROLES
    return "\n".join([answered(403), storage, queue, compute, fabric_flows._REMEDIES[403]])


@pytest.mark.parametrize("row", ROLES, ids=lambda row: row[1])
def test_refusals_name_the_roles(row):
    """Who lacks a role of the table is told its name."""
    assert row[1] in role_words()


def test_the_table_has_every_role():
    """A role that a remedy names is in the table."""
    roles = r"AzureML [A-Z]\w+ [A-Z]\w+|Storage (?:Blob|Queue) Data (?:Message )?\w+|Viewer"
    named = set(re.findall(roles, role_words()))
    assert named == {row[1] for row in ROLES}


def bound(distribution: str) -> str:
    """Return pyproject's lower bound."""
    pattern = rf"{distribution}(?:\[\w+\])?>=([\d.]+)"
    found = [re.fullmatch(pattern, one) for one in PYPROJECT["project"]["dependencies"]]
    (bounds,) = [one.group(1) for one in found if one]
    return bounds


def locked(distribution: str) -> str:
    """Return the version in the lock."""
    found = re.search(rf"^{distribution}==([\w.]+)", LOCK, re.MULTILINE)
    assert found is not None
    return found.group(1)


def test_versions_are_the_locks_and_the_bounds():
    """The table's figures are requirements.lock's, pyproject's and Azurite's package.json's."""
    azurite = json.loads((PACKAGE / "local/azurite/package.json").read_text(encoding="utf-8"))
    python = PYPROJECT["project"]["requires-python"].removeprefix(">=")
    for name, tested, lowest in VERSIONS:
        distribution = DISTRIBUTIONS.get(name, name)
        if name == "Python":
            assert lowest == python
            assert set(tested.split(", ")) <= set(quoted_pythons())
        elif name == "Azurite":
            assert tested == azurite["dependencies"]["azurite"]
        else:
            assert (tested, lowest) == (locked(distribution), bound(distribution))


def quoted_pythons() -> list[str]:
    """Return the versions of Python that pyproject's classifiers name."""
    prefix = "Programming Language :: Python :: "
    return [
        one.removeprefix(prefix) for one in PYPROJECT["project"]["classifiers"] if prefix in one
    ]


def test_the_table_of_versions_has_what_matters():
    """The two that a user chooses, Python and Airflow, and the two that talk to Azure."""
    names = {row[0] for row in VERSIONS}
    assert {"Python", "Apache Airflow", "azure-ai-ml", "azure-storage-blob"} <= names
