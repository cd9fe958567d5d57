"""A workspace that really scores, with data of a test's own in real storage."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_fabml.emulator import EmulatorServer
    from airflow_provider_fabml.local.azurite import Azurite

HEADER = "age,sex,cp,trestbps,chol,fbs,restecg,thalach,exang,oldpeak,slope,ca,thal"
ROWS = (
    "63,1,1,145,233,1,2,150,0,2.3,3,0,fixed",
    "67,1,4,160,286,0,2,108,1,1.5,2,3,normal",
    "41,0,2,130,204,0,2,172,0,1.4,1,0,normal",
)


@dataclass
class Scoring:
    """The emulator, the storage behind it, and what a task needs to reach both."""

    emulator: EmulatorServer
    azurite: Azurite

    @property
    def connections(self) -> dict[str, dict[str, Any]]:
        """Airflow connections by id."""
        return {
            "azure_ml_default": self.emulator.connection(),
            "onelake_default": {
                "conn_type": "onelake",
                "host": self.azurite.blob_url,
                "login": self.azurite.account,
                "password": self.azurite.key,
                "extra": {
                    "auth": "account_key",
                    "mapping": [
                        {
                            "shortcut": "Files/datasets",
                            "account": self.azurite.account,
                            "container": "trusted",
                            "prefix": "datasets",
                            "datastore": "trusted_blob",
                        }
                    ],
                },
            },
        }

    def container(self) -> Any:
        """The SDK's client of the container that datastore and shortcut show."""
        from azure.storage.blob import ContainerClient

        return ContainerClient(
            self.azurite.blob_url, "trusted", credential=self.azurite.key, retry_total=1
        )

    def upload(self, files: int = 3, rows: int = len(ROWS), *, below: str = "") -> str:
        """A new folder with heart data in it, or `below` it; gives the folder's datastore URI."""
        folder = f"datasets/{uuid.uuid4().hex[:10]}"
        lines = (ROWS * rows)[:rows]
        with self.container() as container:
            for number in range(files):
                text = "\n".join([HEADER, *lines, ""])
                container.upload_blob(f"{folder}{below}/heart-{number}.csv", text)
        return f"azureml://datastores/trusted_blob/paths/{folder}"

    def read(self, uri: str) -> str:
        """The text of a blob by its datastore URI."""
        _, _, path = uri.partition("/paths/")
        with self.container() as container:
            return container.download_blob(path, encoding="utf-8").readall()

    def posts(self) -> list[Any]:
        """The job-creating POSTs the emulator has seen."""
        seen = self.emulator.requests.all()
        return [r for r in seen if r.method == "POST" and r.path.endswith("/jobs")]

    def last_body(self) -> dict[str, Any]:
        """The ``properties`` of the newest job-creating POST."""
        properties: dict[str, Any] = json.loads(self.posts()[-1].body)["properties"]
        return properties


def start_job(scoring: Scoring) -> dict[str, Any]:
    """A new job on heart data (9 rows), started by the hook; gives its handle as JSON."""
    from airflow.sdk import Connection

    from airflow_provider_fabml import UriFile, UriFolder
    from airflow_provider_fabml.hooks.azure_ml import AzureMLBatchHook

    fields = scoring.connections["azure_ml_default"]
    extra = fields["extra"] if isinstance(fields["extra"], str) else json.dumps(fields["extra"])

    class Hook(AzureMLBatchHook):
        """The hook with a connection of its own: no Airflow is asked."""

        def get_connection(self, conn_id: str) -> Any:  # type: ignore[override]
            return Connection(conn_id=conn_id, **{**fields, "extra": extra})

    output = f"azureml://datastores/trusted_blob/paths/endpoints/{uuid.uuid4().hex}/predictions.csv"
    handle = Hook().invoke(
        "heart-classifier",
        inputs={"heart": UriFolder(scoring.upload())},
        outputs={"score": UriFile(output)},
    )
    return handle.to_json()
