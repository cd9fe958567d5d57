"""An event loop beside the caller's, in one thread of the process.

Reading a page of a listing costs the SDK 0.3 ms of CPU a blob (XML to models), so that a page of 400
would hold up every other trigger of Airflow's loop for over 0.2 s. Here it holds up only looks.
"""

from __future__ import annotations

import asyncio
import os
import threading
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine

T = TypeVar("T")
_LOCK = threading.Lock()
_LOOPS: dict[int, asyncio.AbstractEventLoop] = {}


async def beside(work: Coroutine[Any, Any, T]) -> T:
    """Await `work` on the other loop; cancelling the wait cancels the work."""
    return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, _loop()))


def _loop() -> asyncio.AbstractEventLoop:
    """Give this process's loop: a thread does not survive a fork."""
    with _LOCK:
        if os.getpid() not in _LOOPS:
            loop = _LOOPS[os.getpid()] = asyncio.new_event_loop()
            threading.Thread(target=loop.run_forever, name="onelake-looks", daemon=True).start()
        return _LOOPS[os.getpid()]
