"""What our imports add to `airflow.sdk` and `airflow.triggers.base`: CPU seconds and megabytes.

Each pair is one fresh interpreter with warm bytecode, read before and after our imports (so that the
noise of Airflow's own seconds stays out); the budget holds for the median over the pairs. A figure for
a quiet machine, so no part of the test run: ``pytest -s tests/benchmarks/import_budget.py``.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from typing import TYPE_CHECKING

from test_import_cost import BASE, DAG_FILE

if TYPE_CHECKING:
    from pathlib import Path

PAIRS = 7
SECONDS, MEGABYTES = 0.05, 5.0
READ = (
    "import json, time",
    "def read():",
    "    status = open('/proc/self/status').read().split('VmRSS:')[1]",
    "    return time.process_time(), int(status.split()[0]) / 1024",
)


def pair(bytecode: Path) -> tuple[float, float]:
    """CPU seconds and resident megabytes that our imports add in one new interpreter."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    lines = [*BASE, *READ, "bare = read()", *DAG_FILE, "ours = read()"]
    lines.append("print('COST' + json.dumps([o - b for b, o in zip(bare, ours)]))")
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)],
        capture_output=True,
        text=True,
        check=True,
        timeout=200,
        env={**environment, "PYTHONPYCACHEPREFIX": str(bytecode)},
    )
    seconds, megabytes = json.loads(done.stdout.partition("COST")[2])
    return seconds, megabytes


def test_importing_everything_keeps_the_budget(tmp_path: Path) -> None:
    """At most 0.05 s of CPU and 5 MB, as medians over pairs."""
    pair(tmp_path)  # writes the bytecode
    seconds, megabytes = zip(*(pair(tmp_path) for _ in range(PAIRS)), strict=True)
    middle = statistics.median(seconds), statistics.median(megabytes)
    print(f"\nimports add {middle[0]:.3f} s of CPU {[f'{s:.3f}' for s in sorted(seconds)]}")
    print(f"imports add {middle[1]:.2f} MB of RSS {[f'{m:.2f}' for m in sorted(megabytes)]}")
    assert middle[0] <= SECONDS
    assert middle[1] <= MEGABYTES
