"""PostgreSQL and Redis from Debian's packages, each on a free port of the loopback interface."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import Self

from airflow_provider_fabml.local.ports import free_ports
from airflow_provider_fabml.local.process import Child, StackError

# PostgreSQL refuses to run as root; its package makes this user.
UNPRIVILEGED = "postgres"
REMEDY = "Remedy: apt-get install postgresql redis-server"


class Postgres:
    """A new database cluster in a temporary folder, gone at the end.

    It keeps nothing over a crash of the machine (``fsync=off``): a crash of the machine is no test.
    """

    def __init__(self, log: Path) -> None:
        (self.port,) = free_ports(1)
        self.folder = Path(tempfile.mkdtemp(prefix="fabml-postgres-"))
        self._log, self._bin = log, _postgres_programs()
        self.child: Child | None = None

    @property
    def address(self) -> str:
        """User, host, port and database as they stand in an URL."""
        return f"{self._user}@127.0.0.1:{self.port}/postgres"

    def start(self) -> Self:
        """Make the cluster and serve it; return once connections are accepted."""
        data = self.folder / "data"
        if self._changes_user:
            shutil.chown(self.folder, UNPRIVILEGED, UNPRIVILEGED)
        made = subprocess.run(
            [*self._as_user, self._bin / "initdb", "-D", data, "-A", "trust", "-U", self._user],
            check=False, capture_output=True, text=True, cwd=self.folder,
        )  # fmt: skip
        if made.returncode != 0:
            raise StackError(f"initdb failed:\n{made.stderr[-2000:]}")
        options = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": self.folder,
            "fsync": "off",
            "max_connections": 300,
        }
        serve = [self._bin / "postgres", "-D", data]
        serve += [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        command = [str(word) for word in [*self._as_user, *serve]]
        self.child = Child("PostgreSQL", command, log=self._log, cwd=self.folder).start()
        self.child.wait_ready(lambda: _answers(self._bin, self.port), timeout=30)
        return self

    def stop(self) -> None:
        """Stop it and remove its data."""
        if self.child is not None:
            self.child.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def _changes_user(self) -> bool:
        return os.geteuid() == 0

    @property
    def _user(self) -> str:
        return UNPRIVILEGED if self._changes_user else pwd.getpwuid(os.geteuid()).pw_name

    @property
    def _as_user(self) -> list[str]:
        """The change of user; it drops the signal that ends us with our parent, so ask again."""
        if not self._changes_user:
            return []
        user = [f"--reuid={UNPRIVILEGED}", f"--regid={UNPRIVILEGED}", "--init-groups"]
        return ["setpriv", *user, "--pdeathsig=INT", "--"]


class Redis:
    """A broker that keeps nothing on disk."""

    def __init__(self, log: Path) -> None:
        program = shutil.which("redis-server")
        if program is None:
            raise StackError(f"redis-server is not installed. {REMEDY}")
        (self.port,) = free_ports(1)
        options = [
            "--port",
            str(self.port),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
        ]
        self.child = Child("Redis", [program, *options], log=log, cwd=log.parent)

    @property
    def url(self) -> str:
        """The broker's address for Celery."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> Self:
        """Serve; return once connections are accepted."""
        self.child.start().wait_ready(lambda: _listens(self.port), timeout=20)
        return self

    def stop(self) -> None:
        """Stop it."""
        self.child.stop()


def _postgres_programs() -> Path:
    """Debian keeps the server's programs out of PATH, one folder a version; the newest is taken."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=_version)
    on_path = shutil.which("initdb")
    if not found and on_path is None:
        raise StackError(f"PostgreSQL's server is not installed. {REMEDY}")
    return found[-1].parent if found else Path(str(on_path)).resolve().parent


def _version(initdb: Path) -> float:
    return float(initdb.parent.parent.name)


def _answers(programs: Path, port: int) -> bool:
    command = [programs / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)]
    return subprocess.run(command, check=False).returncode == 0


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
