"""The unmodified Azure SDKs (azure-ai-ml, azure-identity) against the emulator."""

from __future__ import annotations

import contextlib
import datetime
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jwt
import pytest

from airflow_provider_fabml.emulator import EmulatorServer, load_workspace
from airflow_provider_fabml.emulator.workspace import FederatedCredential, Principal

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [
    pytest.mark.azurite,
    pytest.mark.filterwarnings("ignore::DeprecationWarning:azure.ai.ml"),
    pytest.mark.filterwarnings("ignore:.*:marshmallow.warnings.ChangedInMarshmallow4Warning"),
    pytest.mark.filterwarnings("ignore:.*:marshmallow.warnings.RemovedInMarshmallow4Warning"),
]
ROWS = "age,sex,cp,trestbps,chol,fbs,restecg,thalach,exang,oldpeak,slope,ca,thal\n" + (
    "63,1,1,145,233,1,2,150,0,2.3,3,0,fixed\n67,1,4,160,286,0,2,108,1,1.5,2,3,normal\n"
)
FOLDER = "azureml://datastores/trusted_blob/paths/datasets/uci-heart-unlabeled"
SCOPES = {
    "https://management.azure.com/.default": "https://management.azure.com",
    "https://ml.azure.com/.default": "https://ml.azure.com",
    "https://storage.azure.com/.default": "https://storage.azure.com",
}
CERTIFIED, FEDERATED = "certified-app", "federated-app"


@contextlib.contextmanager
def environment(values: dict[str, str]) -> Iterator[None]:
    """Set environment variables for a while."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None) if value is None else os.environ.update({name: value})


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """Write a self-signed certificate; return it with and without its private key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "client")])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name)
    builder = builder.public_key(key.public_key()).serial_number(7)
    builder = builder.not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
    public = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (folder / "with_key.pem").write_bytes(private + public)
    (folder / "public.pem").write_bytes(public)
    return folder / "with_key.pem", folder / "public.pem"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of this module's certificate and token files."""
    return tmp_path_factory.mktemp("identity")


@pytest.fixture(scope="module")
def certificate(folder: Path) -> Path:
    """Client certificate with its key."""
    return make_certificate(folder)[0]


@pytest.fixture(scope="module")
def emulator(azurite: Any, folder: Path, certificate: Path) -> Iterator[EmulatorServer]:
    """The demo workspace with two more principals, over Azurite."""
    from azure.storage.blob import BlobServiceClient

    demo = load_workspace(None)
    federation = FederatedCredential(issuer="https://kubernetes", subject="system:pod")
    more = [
        Principal(client_id=CERTIFIED, certificate_files=[folder / "public.pem"]),
        Principal(client_id=FEDERATED, federated_credentials=[federation]),
    ]
    served = demo.model_copy(update={"principals": [*demo.principals, *more]})
    with BlobServiceClient.from_connection_string(azurite.connection_string) as blobs:
        if not (container := blobs.get_container_client("trusted")).exists():
            container.create_container()
        for number in range(3):
            name = f"datasets/uci-heart-unlabeled/heart-{number}.csv"
            container.upload_blob(name, ROWS.encode(), overwrite=True)
    with (
        EmulatorServer(served, storage=azurite) as server,
        environment(server.environment()),
    ):
        yield server


@pytest.fixture(autouse=True)
def _no_header_of_another_test() -> None:
    """Undo what azure-ai-ml leaks: its invoke writes into a dictionary shared by all calls."""
    from azure.ai.ml.constants._endpoint import EndpointInvokeFields

    EndpointInvokeFields.DEFAULT_HEADER.pop("azureml-model-deployment", None)


def token_of(emulator: EmulatorServer, credential: Any, scope: str) -> dict[str, Any]:
    """Return the verified claims of a token the credential fetches."""
    token = credential.get_token(scope).token
    key = emulator.service.issuer.key.public_key()
    return jwt.decode(token, key, algorithms=["RS256"], audience=SCOPES[scope])


@pytest.fixture(scope="module")
def credential(emulator: EmulatorServer) -> Any:
    """A client secret credential, as the printed environment describes it."""
    from azure.identity import EnvironmentCredential

    return EnvironmentCredential(disable_instance_discovery=True)


@pytest.fixture(scope="module")
def ml(emulator: EmulatorServer, credential: Any) -> Any:
    """An MLClient that knows nothing of the emulator but the environment."""
    from azure.ai.ml import MLClient

    served = emulator.workspace
    return MLClient(
        credential, served.subscription_id, served.resource_group, served.name,
        enable_telemetry=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def job(ml: Any, emulator: EmulatorServer) -> Any:
    """A finished job of the heart classifier."""
    from azure.ai.ml import Input

    inputs = {"heart": Input(type="uri_folder", path=FOLDER)}
    made = ml.batch_endpoints.invoke("heart-classifier", inputs=inputs)
    assert made.status == "Preparing"
    assert emulator.control.wait(made.name) == "Completed"
    return made


def test_the_workspace_is_found(ml, emulator):
    """``workspaces.get`` reads name and location."""
    found = ml.workspaces.get(emulator.workspace.name)
    assert (found.name, found.location) == ("trusted-ml", "westeurope")


def test_endpoints_are_listed_and_read(ml, emulator):
    """``batch_endpoints.list`` and ``get`` see the demo's endpoints and default deployment."""
    names = [found.name for found in ml.batch_endpoints.list()]
    assert names == ["heart-classifier", "breast-cancer-classifier", "heart-pipeline"]
    found = ml.batch_endpoints.get("heart-classifier")
    assert found.scoring_uri == f"{emulator.url}/endpoints/heart-classifier/jobs"
    assert found.defaults["deploymentName"] == "rule"


def test_deployments_are_listed_and_read(ml):
    """``batch_deployments.list`` and ``get`` see both deployments and their settings."""
    names = [found.name for found in ml.batch_deployments.list("heart-classifier")]
    assert names == ["rule", "strict-rule"]
    found = ml.batch_deployments.get("strict-rule", "heart-classifier")
    assert (found.mini_batch_size, found.max_concurrency_per_instance) == (2, 2)
    assert (found.retry_settings.max_retries, found.retry_settings.timeout) == (3, 30)


def test_lists_are_paged(ml, emulator):
    """With one item a page, the SDK follows ``nextLink`` to the last one."""
    emulator.control.set_switches(page_size=1)
    try:
        assert len(list(ml.batch_endpoints.list())) == 3
        assert len(list(ml.batch_deployments.list("heart-classifier"))) == 2
        assert len(list(ml.datastores.list())) == 2
    finally:
        emulator.control.set_switches(page_size=30)


def test_an_invocation_scores_every_row(ml, emulator, azurite):
    """``invoke`` with outputs and a named deployment leaves one line for each input row."""
    from azure.ai.ml import Input, Output
    from azure.storage.blob import BlobClient

    uri = "azureml://datastores/trusted_blob/paths/out/sdk/predictions.csv"
    made = ml.batch_endpoints.invoke(
        "heart-classifier", deployment_name="strict-rule",
        inputs={"heart": Input(type="uri_folder", path=FOLDER)},
        outputs={"any": Output(type="uri_file", path=uri)},
    )  # fmt: skip
    assert emulator.control.wait(made.name) == "Completed"
    truth = emulator.control.job(made.name)
    assert (truth["deployment"], truth["outputs"]) == ("strict-rule", {"score": uri})
    blob = BlobClient.from_connection_string(
        azurite.connection_string, "trusted", "out/sdk/predictions.csv"
    )
    with blob:
        lines = blob.download_blob().readall().decode().splitlines()
    assert len(lines) == 6
    assert {line.split(" ")[0] for line in lines} == {f"heart-{n}.csv" for n in range(3)}


@pytest.mark.parametrize(
    "path", ["azureml:heart-unlabeled:1", "azureml:heart-unlabeled@latest", f"{FOLDER}/"]
)
def test_inputs_are_named_in_every_way_the_sdk_knows(ml, emulator, path):
    """A data asset by version or label, and a folder with a slash, lead to the same files."""
    from azure.ai.ml import Input

    inputs = {"heart": Input(type="uri_folder", path=path)}
    made = ml.batch_endpoints.invoke("heart-classifier", inputs=inputs)
    assert emulator.control.wait(made.name) == "Completed"


def test_a_pipeline_component_is_invoked(ml, emulator):
    """``invoke`` with a folder, a literal and a named output runs both steps."""
    from azure.ai.ml import Input, Output

    made = ml.batch_endpoints.invoke(
        "heart-pipeline",
        inputs={
            "heart": Input(type="uri_folder", path=FOLDER),
            "score_mode": Input(type="string", default="separate"),
        },
        outputs={"scores": Output(type="uri_folder", path=f"{FOLDER}-scores")},
    )
    assert emulator.control.wait(made.name) == "Completed"
    children = list(ml.jobs.list(parent_job_name=made.name))
    assert [child.name for child in children] == [
        run["run_id"] for run in emulator.control.job(made.name)["children"]
    ]


def test_a_job_is_read_and_found_in_every_list(ml, job):
    """``jobs.get``, ``jobs.list`` and both ``list_jobs`` know the job."""
    assert ml.jobs.get(job.name).status == "Completed"
    assert job.name in [found.name for found in ml.jobs.list()]
    assert job.name in [found.name for found in ml.batch_endpoints.list_jobs("heart-classifier")]
    of_rule = ml.batch_deployments.list_jobs("heart-classifier", name="rule")
    assert job.name in [found.name for found in of_rule]
    of_other = ml.batch_deployments.list_jobs("heart-classifier", name="strict-rule")
    assert job.name not in [found.name for found in of_other]


def test_a_job_is_streamed_to_its_end(ml, job, capsys):
    """``jobs.stream`` returns for a job that completed and prints its run id."""
    ml.jobs.stream(job.name)
    assert job.name in capsys.readouterr().out


def test_a_failed_job_is_streamed_with_its_error(ml, emulator):
    """``jobs.stream`` raises ``JobException`` with the parent's error for a failed job."""
    from azure.ai.ml import Input
    from azure.ai.ml.exceptions import JobException

    nowhere = {"heart": Input(type="uri_folder", path=f"{FOLDER}-nowhere")}
    made = ml.batch_endpoints.invoke("heart-classifier", inputs=nowhere)
    assert emulator.control.wait(made.name) == "Failed"
    with pytest.raises(JobException, match="Pipeline has failed child jobs"):
        ml.jobs.stream(made.name)


def test_a_job_is_cancelled(ml, emulator):
    """``jobs.begin_cancel`` is polled until the job is over."""
    from azure.ai.ml import Input

    emulator.service.runner.clock.mode = "manual"
    try:
        inputs = {"heart": Input(type="uri_folder", path=FOLDER)}
        made = ml.batch_endpoints.invoke("heart-classifier", inputs=inputs)
        ml.jobs.begin_cancel(made.name).result(timeout=30)
    finally:
        emulator.service.runner.clock.mode = "immediate"
    assert ml.jobs.get(made.name).status == "Canceled"


def test_datastores_are_listed_and_read(ml):
    """``datastores.list``, ``get`` (with its secret) and ``get_default`` see the demo's."""
    assert {found.name for found in ml.datastores.list()} == {"workspaceblobstore", "trusted_blob"}
    found = ml.datastores.get("trusted_blob", include_secrets=True)
    assert (found.container_name, bool(found.credentials.sas_token)) == ("trusted", True)
    assert ml.datastores.get_default().name == "workspaceblobstore"


def test_an_endpoint_is_made_changed_and_deleted(ml):
    """``begin_create_or_update`` and ``begin_delete`` of an endpoint end well."""
    from azure.ai.ml.entities import BatchEndpoint
    from azure.core.exceptions import ResourceNotFoundError

    ml.batch_endpoints.begin_create_or_update(BatchEndpoint(name="made-here")).result(timeout=60)
    assert ml.batch_endpoints.get("made-here").provisioning_state == "Succeeded"
    ml.batch_endpoints.begin_delete("made-here").result(timeout=60)
    with pytest.raises(ResourceNotFoundError):
        ml.batch_endpoints.get("made-here")


@pytest.mark.parametrize("scope", SCOPES)
def test_a_client_secret_gets_tokens_of_every_plane(emulator, credential, scope):
    """A secret yields a signed token with the scope's audience and the principal's claims."""
    claims = token_of(emulator, credential, scope)
    principal = emulator.workspace.principals[0]
    assert (claims["appid"], claims["oid"]) == (principal.client_id, principal.object_id)
    assert claims["tid"] == emulator.workspace.tenant_id


def test_a_client_certificate_gets_a_token(emulator, certificate):
    """``CertificateCredential`` is accepted for the registered certificate."""
    from azure.identity import CertificateCredential

    used = CertificateCredential(
        emulator.workspace.tenant_id, CERTIFIED, str(certificate),
        authority=emulator.url, disable_instance_discovery=True,
    )  # fmt: skip
    assert token_of(emulator, used, "https://ml.azure.com/.default")["appid"] == CERTIFIED


def test_a_certificate_nobody_registered_gets_none(emulator, tmp_path):
    """``CertificateCredential`` with another certificate is refused."""
    from azure.core.exceptions import ClientAuthenticationError
    from azure.identity import CertificateCredential

    other, _ = make_certificate(tmp_path)
    used = CertificateCredential(
        emulator.workspace.tenant_id, CERTIFIED, str(other),
        authority=emulator.url, disable_instance_discovery=True,
    )  # fmt: skip
    with pytest.raises(ClientAuthenticationError, match="no registered certificate"):
        used.get_token("https://ml.azure.com/.default")


@pytest.mark.parametrize(("subject", "accepted"), [("system:pod", True), ("another", False)])
def test_a_workload_identity_gets_a_token_for_its_subject(emulator, tmp_path, subject, accepted):
    """``WorkloadIdentityCredential`` is accepted for the configured issuer and subject alone."""
    from azure.core.exceptions import ClientAuthenticationError
    from azure.identity import WorkloadIdentityCredential

    outside = FederatedCredential(issuer="https://kubernetes", subject=subject)
    file = tmp_path / "token"
    file.write_text(emulator.service.issuer.federated(outside))
    used = WorkloadIdentityCredential(
        tenant_id=emulator.workspace.tenant_id, client_id=FEDERATED, token_file_path=str(file),
        authority=emulator.url, disable_instance_discovery=True,
    )  # fmt: skip
    if accepted:
        assert token_of(emulator, used, "https://ml.azure.com/.default")["appid"] == FEDERATED
    else:
        with pytest.raises(ClientAuthenticationError):
            used.get_token("https://ml.azure.com/.default")


@pytest.mark.parametrize("style", ["imds", "app_service"])
def test_a_managed_identity_gets_a_token(emulator, style):
    """``ManagedIdentityCredential`` works as on a virtual machine and as on App Service."""
    from azure.identity import ManagedIdentityCredential

    with environment(emulator.identity_environment(style)):
        claims = token_of(emulator, ManagedIdentityCredential(), "https://ml.azure.com/.default")
    assert claims["appid"] == emulator.workspace.principals[0].client_id


def test_azurite_takes_the_emulators_storage_token(emulator, credential, azurite_tls):
    """A storage token opens Azurite over TLS; one for Azure ML does not."""
    from azure.core.exceptions import HttpResponseError
    from azure.storage.blob import BlobServiceClient

    class MLToken:
        def get_token(self, *_: str, **__: Any) -> Any:
            return credential.get_token("https://ml.azure.com/.default")

    bundle = str(azurite_tls.ca_bundle)

    def account_of(used: Any) -> BlobServiceClient:
        return BlobServiceClient(
            azurite_tls.blob_url, credential=used, connection_verify=bundle, retry_total=0
        )

    with account_of(credential) as good, account_of(MLToken()) as bad:
        assert list(good.list_containers()) is not None
        with pytest.raises(HttpResponseError) as refused:
            list(bad.list_containers())
    assert refused.value.status_code == 403
