"""The compose file and the Dockerfile keep the rules that docker/README.md promises."""

from __future__ import annotations

import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

DOCKER = Path(__file__).resolve().parents[2] / "docker"
COMPOSE = yaml.safe_load((DOCKER / "compose.yaml").read_text())
SERVICES = sorted(COMPOSE["services"])
ONCE = {"migrate"}


def _tool(name: str) -> str:
    found = shutil.which(name, path=str(Path(sys.executable).parent))
    assert found, f"{name} is in the lock and must be in the environment"
    return found


def test_hadolint_passes_the_dockerfile():
    """The linter finds nothing to say, with no rule switched off."""
    done = subprocess.run(
        [_tool("hadolint"), str(DOCKER / "Dockerfile")],
        check=False,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (0, "")


def _schema_check(file: Path) -> subprocess.CompletedProcess[str]:
    command = [_tool("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", str(file)]
    return subprocess.run(command, check=False, capture_output=True, text=True)


def test_compose_conforms_to_the_specification():
    """The compose specification's JSON schema accepts the file."""
    done = _schema_check(DOCKER / "compose.yaml")
    assert done.returncode == 0, done.stdout


def test_the_schema_check_can_fail(tmp_path):
    """A key that the specification does not know is refused."""
    wrong = {**COMPOSE, "services": {"x": {"image": "x:1", "helthcheck": {}}}}
    file = tmp_path / "compose.yaml"
    file.write_text(yaml.safe_dump(wrong))
    assert _schema_check(file).returncode != 0


@pytest.mark.parametrize("name", SERVICES)
def test_no_service_runs_as_root(name):
    """Each service names a numeric user that is not 0, and gives up every privilege."""
    service = COMPOSE["services"][name]
    user = service["user"].split(":")[0]
    assert user.isdigit()
    assert user != "0"
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


@pytest.mark.parametrize("name", [name for name in SERVICES if name not in ONCE])
def test_each_lasting_service_has_a_health_check(name):
    """Compose can tell when it serves."""
    assert COMPOSE["services"][name]["healthcheck"]["test"][0] == "CMD"


@pytest.mark.parametrize("name", SERVICES)
def test_images_are_pinned(name):
    """Each image has an exact version: three numbers or, for Postgres, two."""
    _, _, tag = COMPOSE["services"][name]["image"].rpartition(":")
    assert re.fullmatch(r"\d+\.\d+(\.\d+)?(-[a-z]+)?", tag)


def test_base_images_are_pinned():
    """Each FROM names an exact Python version."""
    bases = re.findall(r"^FROM (\S+)", (DOCKER / "Dockerfile").read_text(), re.MULTILINE)
    assert len(bases) == 2
    assert all(re.fullmatch(r"python:\d+\.\d+\.\d+-slim-\w+", base) for base in bases)


def test_the_image_ends_as_an_ordinary_user():
    """The last USER of the Dockerfile is not root."""
    users = re.findall(r"^USER (\S+)", (DOCKER / "Dockerfile").read_text(), re.MULTILINE)
    assert users[-1] == "50000:0"


def test_ports_are_published_on_loopback_only():
    """The host's other addresses do not answer."""
    published = [port for each in COMPOSE["services"].values() for port in each.get("ports", [])]
    assert len(published) == 1
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_only_the_api_server_listens_beyond_loopback():
    """No other command names another address than 127.0.0.1."""
    wide = [name for name in SERVICES if "0.0.0.0" in str(COMPOSE["services"][name])]  # noqa: S104
    assert wide == ["api-server"]


def test_no_secret_has_a_value_in_the_file():
    """Each secret is a variable that compose refuses to do without."""
    variables = re.findall(r"\$\{([^}]+)\}", (DOCKER / "compose.yaml").read_text())
    secret = [each for each in variables if re.search("KEY|SECRET|PASSWORD", each)]
    assert len(secret) >= 8
    assert all(each.endswith(":?run docker/new-env first") for each in secret)


@pytest.fixture
def env_file(tmp_path):
    """What ``docker/new-env`` writes."""
    target = tmp_path / ".env"
    subprocess.run(["sh", str(DOCKER / "new-env"), str(target)], check=True, capture_output=True)
    return target


def test_new_env_gives_every_variable_compose_demands(env_file):
    """The file names exactly the required variables, is private, and differs each time."""
    demanded = set(re.findall(r"\$\{(\w+):\?", (DOCKER / "compose.yaml").read_text()))
    written = dict(line.split("=", 1) for line in env_file.read_text().splitlines())
    assert written.keys() == demanded
    assert stat.S_IMODE(env_file.stat().st_mode) == 0o600
    assert all(len(value) >= 16 for value in written.values())


def test_new_env_never_overwrites(env_file):
    """A second call refuses and leaves the secrets in use as they are."""
    before = env_file.read_text()
    done = subprocess.run(
        ["sh", str(DOCKER / "new-env"), str(env_file)], check=False, capture_output=True
    )
    assert done.returncode != 0
    assert env_file.read_text() == before


def test_locks_hold_hashes_and_no_addresses():
    """Every package in the containers has a hash; nothing says where packages come from."""
    for lock in DOCKER.glob("*.lock"):
        text = lock.read_text()
        pinned = re.findall(r"^[a-z0-9][^\s=]*==", text, re.MULTILINE)
        assert pinned
        assert text.count("--hash=sha256:") >= len(pinned)
        assert "://" not in text


def test_container_packages_are_those_the_tests_run_with():
    """Each pin of the containers' lock stands in the project's lock."""
    pins = [_pins(file) for file in (DOCKER / "requirements.lock", _project_lock())]
    assert pins[0]
    assert {name: pins[1].get(name) for name in pins[0]} == pins[0]


def _project_lock() -> Path:
    return DOCKER.parent / "requirements.lock"


def _pins(lock: Path) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9][^\s=]*)==(\S+)", lock.read_text(), re.MULTILINE))
