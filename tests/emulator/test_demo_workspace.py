"""The demo workspace scores real data: every row in is a row out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_fabml.emulator import EmulatorServer, load_workspace

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.azurite


@pytest.fixture
def demo(azurite: Any, azurite_container: str, tmp_path: Path, client_of: Any):
    """Run one job of the demo workspace over a fresh container; return truth and rows."""
    from azure.storage.blob import ContainerClient

    store = ContainerClient.from_connection_string(azurite.connection_string, azurite_container)
    workspace = load_workspace(None)
    stores = [
        found.model_copy(update={"container": azurite_container})
        if found.name == "trusted_blob"
        else found
        for found in workspace.datastores
    ]
    workspace = workspace.model_copy(update={"datastores": stores})

    def run(endpoint: str, files: dict[str, bytes], kind: str = "UriFile", **job: Any):
        for name, data in files.items():
            store.upload_blob(f"in/{name}", data)
        root = "azureml://datastores/trusted_blob/paths"
        output = {"UriFile": "out/predictions.csv", "UriFolder": "out"}[kind]
        outputs = {"scores": {"jobOutputType": kind, "uri": f"{root}/{output}"}}
        inputs = {"heart": {"jobInputType": "UriFolder", "uri": f"{root}/in"}}
        with EmulatorServer(workspace, storage=azurite, model_dir=tmp_path) as emulator:
            body = {"inputData": inputs, "outputData": outputs, **job}
            name = client_of(emulator).invoke(body, endpoint=endpoint).json()["name"]
            emulator.control.wait(name, timeout=120)
            truth = emulator.control.job(name)
        if truth["state"] != "Completed":
            return truth, []
        return truth, store.download_blob("out/predictions.csv").readall().decode().splitlines()

    return run


@pytest.mark.shared
@pytest.mark.parametrize(
    ("endpoint", "kind"), [("heart-classifier", "UriFile"), ("heart-pipeline", "UriFolder")]
)
def test_every_row_of_the_uci_heart_files_is_scored(demo, shared_dir, endpoint, kind):
    """Rows out are rows in, each with its file's name, and both classes occur."""
    paths = sorted((shared_dir / "data" / "uci-heart-unlabeled").glob("*.csv"))
    files = {path.name: path.read_bytes() for path in paths}
    _, rows = demo(endpoint, files, kind)
    wanted = {name: len(data.decode().splitlines()) - 1 for name, data in files.items()}
    found = {name: sum(row.startswith(f"{name} ") for row in rows) for name in files}
    assert found == wanted
    assert len(rows) == sum(wanted.values()) > 0
    assert {row.split()[-1] for row in rows} == {"0", "1"}


def test_a_scikit_learn_model_really_predicts(demo, tmp_path):
    """A model trained here is loaded from AZUREML_MODEL_DIR, and its predictions are exact."""
    import joblib
    from sklearn.datasets import load_breast_cancer
    from sklearn.tree import DecisionTreeClassifier

    data = load_breast_cancer(as_frame=True)
    model = DecisionTreeClassifier(random_state=0).fit(data.data, data.target)
    joblib.dump(model, tmp_path / "model.joblib")
    files = {"a.csv": data.data[:30].to_csv(index=False).encode()}
    _, rows = demo("breast-cancer-classifier", files)
    assert [int(row.split()[2]) for row in rows] == list(data.target[:30])
    assert [row.split()[:2] for row in rows] == [["a.csv", str(n)] for n in range(30)]


def test_a_missing_model_is_told(demo):
    """Without a model the job fails and its child run says what to do."""
    truth, _ = demo("breast-cancer-classifier", {"a.csv": b"x\n1\n"})
    assert truth["state"] == "Failed"
    assert "start the emulator with --model-dir" in truth["children"][0]["error"]
