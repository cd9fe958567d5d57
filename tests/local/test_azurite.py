"""Azurite starts on free ports with its own key, restarts in place, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import psutil
import pytest
from azure.core.exceptions import HttpResponseError
from azure.storage.blob import BlobServiceClient

from airflow_provider_fabml.local.azurite import Azurite, read_ports

pytestmark = pytest.mark.azurite
OTHER_KEY = "b3RoZXI="


def _names(server: Azurite, **more: object) -> list[str]:
    with BlobServiceClient(server.blob_url, credential=server.key, **more) as client:
        return [container.name for container in client.list_containers()]


def test_own_account_and_key_open_it(azurite, azurite_container):
    """The account's key lists the new container; another key is refused."""
    assert azurite_container in _names(azurite)
    client = BlobServiceClient(azurite.blob_url, credential=OTHER_KEY, retry_total=0)
    with client, pytest.raises(HttpResponseError) as refused:
        list(client.list_containers())
    assert refused.value.status_code == 403


def test_repr_shows_no_key(azurite):
    """Printing the server shows its address and account, never its key."""
    assert azurite.account in repr(azurite)
    assert azurite.key not in repr(azurite)
    assert azurite.key not in " ".join(azurite.child.argv)
    assert azurite.key not in repr(azurite.child)


def test_two_servers_share_nothing():
    """Two servers at the same time have different ports, keys and data."""
    with Azurite() as one, Azurite() as two:
        assert len({*one.ports, *two.ports}) == 6
        assert one.key != two.key
        with BlobServiceClient.from_connection_string(one.connection_string) as client:
            client.create_container("only-here")
        assert _names(one) == ["only-here"]
        assert _names(two) == []


def test_restart_keeps_address_key_and_located_data(tmp_path):
    """After stop and start the same client still works and finds its data on disk."""
    with Azurite(location=tmp_path / "data") as server:
        address = server.blob_url
        with BlobServiceClient.from_connection_string(server.connection_string) as client:
            client.create_container("kept")
            server.stop()
            server.start()
            assert [container.name for container in client.list_containers()] == ["kept"]
        assert server.blob_url == address


def test_tls_needs_its_own_authority(azurite_tls):
    """Over TLS a client that trusts the bundle gets in; one that does not refuses to talk."""
    assert azurite_tls.blob_url.startswith("https://127.0.0.1:")
    trusting = {"credential": azurite_tls.key, "connection_verify": azurite_tls.ca_bundle}
    name = f"tls-{uuid.uuid4()}"  # other tests have containers here too
    with BlobServiceClient(azurite_tls.blob_url, **trusting) as client:
        client.create_container(name)
    assert name in _names(azurite_tls, connection_verify=azurite_tls.ca_bundle)
    with pytest.raises(Exception, match=r"certificate verify failed|CERTIFICATE_VERIFY_FAILED"):
        _names(azurite_tls, retry_total=0)


def test_private_key_is_private(azurite_tls):
    """Only the owner may read the TLS key."""
    key = Path(azurite_tls.ca_bundle).with_name("key.pem")
    assert key.stat().st_mode & 0o077 == 0


def test_stop_ends_the_process_and_close_removes_its_files():
    """After the with block neither the process nor its folder is there."""
    with Azurite(tls=True) as server:
        pid, folder = server.child.pid, Path(server.ca_bundle).parent
    assert not psutil.pid_exists(pid)
    assert not folder.exists()


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's parent-death signal is Linux")
def test_it_dies_with_a_killed_parent(tmp_path):
    """SIGKILL of the process that started it leaves no orphan."""
    script = (
        "import time\nfrom airflow_provider_fabml.local.azurite import Azurite\n"
        "server = Azurite().start()\nprint(server.child.pid, flush=True)\ntime.sleep(60)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, env=os.environ
    )
    pid = int(parent.stdout.readline())
    assert psutil.Process(pid).is_running()
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    deadline = time.monotonic() + 10
    while psutil.pid_exists(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not psutil.pid_exists(pid)


def test_ports_are_read_only_when_all_three_listen(tmp_path):
    """Two of three services are not ready yet; what was printed before a restart is ignored."""
    log = tmp_path / "log"
    line = "Azurite {} service is successfully listening at http://127.0.0.1:{}\n"
    log.write_text(line.format("Blob", 1) + line.format("Queue", 2))
    assert read_ports(log) is None
    log.write_text(log.read_text() + line.format("Table", 3))
    assert read_ports(log) == (1, 2, 3)
    assert read_ports(log, log.stat().st_size) is None
