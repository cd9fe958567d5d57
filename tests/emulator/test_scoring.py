"""Model deployments really run: mini-batches, attempts, thresholds, outputs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_fabml.emulator import scorer_process
from airflow_provider_fabml.emulator.scoring import Tally, mini_batches

OUT = "azureml://datastores/data/paths/out/predictions.csv"
OUTPUT = {"outputData": {"o": {"jobOutputType": "UriFile", "uri": OUT}}}
BATCH = """
    def init(): pass
    def run(mini_batch): return [f"{len(mini_batch)}" for _ in mini_batch]
"""
FAILS_ON_B = """
    from pathlib import Path
    def init(): pass
    def run(mini_batch):
        if any("b" == Path(path).stem for path in mini_batch):
            raise ValueError("b is spoilt")
        return [Path(path).stem for path in mini_batch]
"""
FAILS_ONCE = """
    import os
    from pathlib import Path
    def init(): pass
    def run(mini_batch):
        seen = Path(os.environ["SEEN"])
        with seen.open("a") as file: file.write("x")
        if len(seen.read_text()) == 1:
            raise RuntimeError("not yet")
        return mini_batch
"""
HANGS = """
    import time
    def init(): pass
    def run(mini_batch): time.sleep(600)
"""
FRAME = """
    import pandas as pd
    def init(): pass
    def run(mini_batch): return pd.DataFrame({"a": ["x y", "z"], "b": [1, 2.5]})
"""
OWN_OUTPUT = """
    import os
    from pathlib import Path
    def init(): pass
    def run(mini_batch):
        (Path(os.environ["AZUREML_BI_OUTPUT_PATH"]) / "own.txt").write_text("mine")
        return mini_batch
"""


@given(st.lists(st.text(min_size=1)), st.integers(1, 7))
def test_mini_batches_hold_every_file_once_in_order(files, size):
    """Batches joined are the files; all but the last have the full size."""
    batches = mini_batches(files, size)
    assert [file for batch in batches for file in batch] == files
    assert all(len(batch) == size for batch in batches[:-1])


@pytest.mark.parametrize(
    ("failed", "threshold", "exceeds"), [(0, 0, False), (1, 0, True), (2, 2, False), (9, -1, False)]
)
def test_the_error_threshold_counts_failed_files(failed, threshold, exceeds):
    """More failed files than the threshold are too many; -1 tolerates all."""
    assert Tally(succeeded=1, failed=failed).exceeds(threshold) is exceeds


def test_items_that_are_missing_count_as_failed():
    """A mini-batch of three files that returns two items failed for one."""
    assert Tally().plus(3, 2) == Tally(succeeded=2, failed=1)


@pytest.mark.azurite
def test_mini_batches_go_by_file_count(score, blobs):
    """Five files in mini-batches of two: run() sees 2, 2 and 1 of them."""
    client = score(BATCH, mini_batch_size=10)
    truth = client.run(blobs.put(a="1", b="1", c="1", d="1", e="1"), miniBatchSize=2, **OUTPUT)
    assert truth["state"] == "Completed"
    assert blobs.text("out/predictions.csv").split() == ["2", "2", "2", "2", "1"]


@pytest.mark.azurite
def test_the_default_output_lies_below_the_child_run(score, blobs, azurite):
    """Without an output, predictions.csv lies in the default datastore under the child's id."""
    from azure.storage.blob import BlobClient

    truth = score().run(blobs.put(a="1"))
    path = f"azureml/{truth['children'][0]['run_id']}/score/predictions.csv"
    assert truth["outputs"]["score"].endswith(path)
    with BlobClient.from_connection_string(
        azurite.connection_string, "default-store", path
    ) as blob:
        assert blob.download_blob().readall() == b"a.csv\n"


@pytest.mark.azurite
def test_a_data_frame_is_appended_without_header_separated_by_spaces(score, blobs):
    """A DataFrame becomes csv with spaces, quoted where need be."""
    score(FRAME).run(blobs.put(a="1"), **OUTPUT)
    assert blobs.text("out/predictions.csv") == '"x y" 1.0\nz 2.5\n'


@pytest.mark.azurite
def test_parallel_run_settings_change_the_separator(score, blobs):
    """``to_csv`` of a deployment overrides the separator."""
    score(FRAME, to_csv={"sep": ","}).run(blobs.put(a="1"), **OUTPUT)
    assert blobs.text("out/predictions.csv") == "x y,1.0\nz,2.5\n"


@pytest.mark.azurite
def test_summary_only_writes_the_scripts_own_files_alone(score, blobs):
    """``summary_only`` leaves what the script wrote to AZUREML_BI_OUTPUT_PATH, no predictions."""
    truth = score(OWN_OUTPUT, output_action="summary_only").run(blobs.put(a="1"), **OUTPUT)
    assert truth["state"] == "Completed"
    assert blobs.names() == ["in/a.csv", "out/own.txt"]


@pytest.mark.azurite
def test_a_failed_mini_batch_is_tried_again(score, blobs, tmp_path):
    """With one retry, a script that fails once succeeds."""
    client = score(
        FAILS_ONCE, max_retries=1, environment_variables={"SEEN": str(tmp_path / "seen")}
    )
    assert client.run(blobs.put(a="1"))["state"] == "Completed"
    assert (tmp_path / "seen").read_text() == "xx"


@pytest.mark.azurite
def test_retries_of_one_invocation_override_the_deployments(score, blobs, tmp_path):
    """``retrySettings.maxRetries`` 0 in the request beats the deployment's 5."""
    client = score(
        FAILS_ONCE, max_retries=5, environment_variables={"SEEN": str(tmp_path / "seen")}
    )
    truth = client.run(blobs.put(a="1"), retrySettings={"maxRetries": 0})
    assert truth["state"] == "Failed"
    assert (tmp_path / "seen").read_text() == "x"


@pytest.mark.azurite
@pytest.mark.parametrize(
    ("threshold", "state"), [(-1, "Completed"), (1, "Completed"), (0, "Failed")]
)
def test_the_error_threshold_decides(score, blobs, threshold, state):
    """One spoilt file of three fails the job only where the threshold is lower than one."""
    client = score(FAILS_ON_B, mini_batch_size=1)
    truth = client.run(blobs.put(a="1", b="1", c="1"), errorThreshold=threshold, **OUTPUT)
    assert truth["state"] == state
    if state == "Completed":
        assert blobs.text("out/predictions.csv").split() == ["a", "c"]
    else:
        assert "out/predictions.csv" not in blobs.names()


@pytest.mark.azurite
def test_the_child_run_has_the_cause_and_the_parent_the_general_text(score, blobs):
    """Run history tells the script's error in the child and the recorded text in the parent."""
    client = score(FAILS_ON_B, error_threshold=0)
    truth = client.run(blobs.put(b="1"))
    parent = client.run_data(truth["name"])["error"]["error"]
    child = client.run_data(truth["children"][0]["run_id"])["error"]["error"]
    assert "Failed nodes: /batchscoring" in parent["message"]
    assert "User program failed with Exception: Run failed." in child["message"]
    assert child["message"].endswith("ValueError: b is spoilt")


@pytest.mark.azurite
def test_nothing_that_succeeds_fails_the_job(score, blobs):
    """When no item comes back the documented text is told, even where all failures are tolerated."""
    truth = score("def init(): pass\ndef run(mini_batch): return []\n").run(blobs.put(a="1"))
    assert truth["state"] == "Failed"
    assert truth["children"][0]["error"].startswith("No succeeded mini batch item returned")


@pytest.mark.azurite
def test_a_script_that_cannot_start_fails_the_job_at_once(score, blobs):
    """An error in init() is told and not retried."""
    script = "def init(): raise OSError('no model here')\ndef run(mini_batch): return mini_batch\n"
    truth = score(script, max_retries=50).run(blobs.put(a="1"))
    assert truth["state"] == "Failed"
    assert "init() failed: OSError: no model here" in truth["children"][0]["error"]


@pytest.mark.azurite
def test_a_mini_batch_that_takes_too_long_is_killed(score, blobs):
    """A run() that hangs is cut off after the timeout, retried, and told as documented."""
    began = time.monotonic()
    client = score(HANGS, max_retries=1)
    truth = client.run(blobs.put(a="1"), retrySettings={"timeout": "PT0.3S"})
    assert (truth["state"], truth["processes"]) == ("Failed", [])
    assert "No progress update in 0.3 seconds." in truth["children"][0]["error"]
    assert time.monotonic() - began < 15


@pytest.mark.azurite
@pytest.mark.parametrize(("position", "state"), [("fail", "Failed"), ("stale", "Completed")])
def test_an_output_that_exists_is_never_replaced(score, blobs, position, state):
    """By the switch the job fails, or completes and leaves the old file as it was."""
    blobs.client.upload_blob("out/predictions.csv", b"old")
    client = score(switches={"output_exists": position})
    truth = client.run(blobs.put(a="1"), **OUTPUT)
    assert truth["state"] == state
    assert blobs.text("out/predictions.csv") == "old"
    if state == "Failed":
        assert truth["children"][0]["error"].startswith("the path already exists")


@pytest.mark.azurite
def test_an_input_that_is_missing_fails_the_job(score, blobs):
    """The child run names the folder that has no files."""
    truth = score().run("azureml://datastores/data/paths/nowhere")
    assert truth["state"] == "Failed"
    assert "paths/nowhere' has no files" in truth["children"][0]["error"]


@pytest.mark.azurite
def test_nested_files_are_scored_and_folder_markers_are_not(score, blobs):
    """Files below sub-folders count; a directory marker of ADLS does not."""
    uri = blobs.put(a="1")
    blobs.client.upload_blob("in/deep/b.csv", b"1")
    blobs.client.upload_blob("in/deep", b"", metadata={"hdi_isfolder": "true"})
    score().run(uri, **OUTPUT)
    assert blobs.text("out/predictions.csv").split() == ["a.csv", "b.csv"]


@pytest.mark.azurite
def test_workers_score_side_by_side(score, blobs):
    """Two workers take less time for four slow mini-batches than one after the other would."""
    slow = "import time, os\ndef init(): pass\ndef run(mini_batch):\n    time.sleep(0.4)\n"
    client = score(slow + "    return [os.getpid() for _ in mini_batch]\n", mini_batch_size=1)
    uri = blobs.put(a="1", b="1", c="1", d="1")
    client.run(uri, compute={"instanceCount": 2}, maxConcurrencyPerInstance=1, **OUTPUT)
    assert len(set(blobs.text("out/predictions.csv").split())) == 2


@pytest.mark.azurite
def test_many_invocations_at_once_each_get_their_own_output(score, blobs):
    """Twenty invocations from eight threads: twenty jobs, twenty outputs, none mixed up."""
    from concurrent.futures import ThreadPoolExecutor

    client, uri = score(), blobs.put(a="1")

    def one(number: int):
        place = f"azureml://datastores/data/paths/many/{number}/p.csv"
        output = {"o": {"jobOutputType": "UriFile", "uri": place}}
        return client.run(uri, outputData=output)

    with ThreadPoolExecutor(8) as pool:
        truths = list(pool.map(one, range(20)))
    assert {truth["state"] for truth in truths} == {"Completed"}
    assert len({truth["name"] for truth in truths}) == 20
    assert len([name for name in blobs.names() if name.startswith("many/")]) == 20


def test_a_scoring_process_ends_when_its_emulator_is_gone(tmp_path):
    """Though run() hangs, the process ends with its standard input (an emulator that was killed)."""
    script = tmp_path / "score.py"
    script.write_text("import time\ndef init(): pass\ndef run(mini_batch): time.sleep(600)\n")
    ours, theirs = os.pipe()
    driver = Path(scorer_process.__file__).with_name("driver.py")
    process = subprocess.Popen(
        [sys.executable, str(driver), str(script), str(theirs), "{}"],
        stdin=subprocess.PIPE,
        pass_fds=(theirs,),
    )
    os.close(theirs)
    with os.fdopen(ours) as answers:
        assert json.loads(answers.readline()) == {"ready": True}
        request = json.dumps({"files": ["a"], "rows": str(tmp_path / "rows")}) + "\n"
        process.stdin.write(request.encode())
        process.stdin.flush()
        time.sleep(0.2)
        assert process.poll() is None
        process.stdin.close()
        assert process.wait(timeout=10) == 0
