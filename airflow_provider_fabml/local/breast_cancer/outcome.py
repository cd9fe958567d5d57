"""Compare what a job wrote with what went in: every row once, and how many labels it hit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_provider_fabml.local.breast_cancer.workspace import CONTAINER
from airflow_provider_fabml.local.process import StackError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from airflow_provider_fabml.local.azurite import Azurite
    from airflow_provider_fabml.local.breast_cancer.data import Place

DATASTORE = "azureml://datastores/trusted_blob/paths/"


class Outcome(NamedTuple):
    """The predictions of one job beside the truth.

    ``lines`` are the rows of predictions.csv: file, row, prediction, probability, separated by one
    space (the service's default for ``append_row``). ``labels`` maps file and row to the label.
    """

    uri: str
    lines: list[str]
    labels: Mapping[Place, int]

    @property
    def predictions(self) -> dict[Place, int]:
        """File and row to predicted label."""
        fields = [line.split(" ") for line in self.lines]
        return {(file, int(row)): int(prediction) for file, row, prediction, _ in fields}

    @property
    def rows_in(self) -> int:
        """How many rows were to be scored."""
        return len(self.labels)

    @property
    def rows_out(self) -> int:
        """How many rows were written."""
        return len(self.lines)

    @property
    def accuracy(self) -> float:
        """Share of the held-out rows whose prediction is their label, 0 to 1."""
        hits = sum(self.predictions.get(place) == label for place, label in self.labels.items())
        return hits / len(self.labels)

    def check(self) -> None:
        """StackError unless each row that went in came out exactly once."""
        if self.rows_out != self.rows_in or self.predictions.keys() != self.labels.keys():
            raise StackError(
                f"{self.rows_in} rows went in and {self.rows_out} came out of {self.uri}: "
                f"rows {sorted(self.labels.keys() ^ self.predictions.keys())[:10]} differ."
            )

    def write(self, folder: Path) -> Path:
        """Write the predictions into *folder*; return the file."""
        file = folder / "predictions.csv"
        file.write_text("\n".join(self.lines) + "\n", encoding="utf-8")
        return file


def judge(storage: Azurite, job: Mapping[str, Any], labels: Mapping[Place, int]) -> Outcome:
    """Read the job's output from storage.

    :param job: the handle that the job sensor returned.
    """
    from azure.storage.blob import ContainerClient

    uri = str(job["outputs"]["score"]["uri"])
    path = uri.removeprefix(DATASTORE)
    text = storage.connection_string
    with ContainerClient.from_connection_string(text, CONTAINER) as client:
        content = client.download_blob(path).readall().decode()
    return Outcome(uri, content.splitlines(), labels)
