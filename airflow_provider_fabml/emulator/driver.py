"""Runs inside a scoring process: loads the scoring script, scores mini-batches on request.

Started as a file, not as a module, so that a scoring script sees only its own imports. Reads one
JSON object a line from standard input, ``{"files": [...], "rows": path}``, and answers on the
descriptor given as second argument: ``{"ready": true}`` once ``init()`` has returned, then
``{"ok": true, "count": n}`` or ``{"ok": false, "error": text}`` for each.
Whatever the script prints goes to the log.
"""

from __future__ import annotations

import importlib.util
import json
import os
import queue
import sys
import threading
import traceback
from pathlib import Path
from typing import IO, Any


def main(script: str, answers: int, to_csv: str) -> None:
    """Serve mini-batches until standard input ends."""
    with os.fdopen(answers, "w", buffering=1) as channel:
        requests: queue.Queue[dict[str, Any]] = queue.Queue()
        threading.Thread(target=_read, args=(requests,), daemon=True).start()
        try:
            module = _load(Path(script))
            module.init()
        except Exception as error:  # noqa: BLE001 - any error of a user's script is an answer
            _answer(channel, ready=False, error=_text(error))
            return
        _answer(channel, ready=True)
        while True:
            _score(module, requests.get(), channel, json.loads(to_csv))


def _read(requests: queue.Queue[dict[str, Any]]) -> None:
    """Hand on requests; when the other end is gone, so is this process, whatever it does."""
    for line in sys.stdin:
        requests.put(json.loads(line))
    os._exit(0)


def _load(script: Path) -> Any:
    sys.path.insert(0, str(script.parent))
    spec = importlib.util.spec_from_file_location("scoring_script", script)
    if spec is None or spec.loader is None:
        raise ImportError(f"{script} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules["scoring_script"] = module
    spec.loader.exec_module(module)
    return module


def _score(module: Any, request: dict[str, Any], channel: IO[str], to_csv: dict[str, Any]) -> None:
    try:
        result = module.run(request["files"])
        count = _write(result, Path(request["rows"]), to_csv)
    except Exception as error:  # noqa: BLE001 - any error of a user's script is an answer
        _answer(channel, ok=False, error=_text(error))
    else:
        _answer(channel, ok=True, count=count)


def _write(result: Any, target: Path, to_csv: dict[str, Any]) -> int:
    """Write the rows as ``append_row`` does and return how many items ``run()`` returned.

    A DataFrame goes through ``to_csv`` without header and index, separated by spaces unless the
    deployment says otherwise; of a list, each item is a line (``str``).
    """
    if hasattr(result, "to_csv"):
        options = {"sep": " ", "header": False, "index": False} | to_csv
        target.write_text(result.to_csv(**options), encoding="utf-8")
        return len(result)
    if not isinstance(result, list | tuple):
        raise TypeError(f"run() returned {type(result).__name__}, not a list or a DataFrame")
    target.write_text("".join(f"{item}\n" for item in result), encoding="utf-8")
    return len(result)


def _text(error: Exception) -> str:
    traceback.print_exc()
    return f"{type(error).__name__}: {error}"


def _answer(channel: IO[str], **values: Any) -> None:
    channel.write(json.dumps(values) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
