"""Fabric, asked where a shortcut leads; what it said is remembered for some minutes."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, Self

from airflow_provider_fabml.clients.credentials import make_credential
from airflow_provider_fabml.clients.http import Sender, Wire
from airflow_provider_fabml.core.errors import PermanentError
from airflow_provider_fabml.core.service import fabric_flows
from airflow_provider_fabml.core.service.cloud import fabric_cloud
from airflow_provider_fabml.core.storage.shortcuts.chain import follow
from airflow_provider_fabml.core.storage.shortcuts.remembered import Remembered
from airflow_provider_fabml.core.storage.shortcuts.target import shortcut_above

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_fabml.core.connections.storage_connection import StorageSettings
    from airflow_provider_fabml.core.service.http import Flow
    from airflow_provider_fabml.core.storage.shortcuts.item_path import ItemPath, Lakehouse
    from airflow_provider_fabml.core.storage.shortcuts.target import Shortcut
    from airflow_provider_fabml.core.storage.storage_url import StorageUrl

# Seconds and lists. A shortcut that was changed is followed to its old target for so long; one that
# was not there is looked for sooner, since a path without a shortcut is another place.
MAX_AGE, MISS_AGE, MAX_KEPT = 300.0, 15.0, 256
_known = Remembered[Any, Any](MAX_KEPT, MAX_AGE)
_lock = threading.Lock()


class FabricClient:
    """Speaks to Fabric's REST API for one storage connection. Use it in a ``with`` statement.

    One process remembers for all its clients, apart by API and identity: what one identity may see
    is not told to another.

    :param now: a clock in seconds that never goes back.
    :param known: what to remember with, if not with all others of this process.
    """

    def __init__(
        self,
        settings: StorageSettings,
        *,
        now: Callable[[], float] = time.monotonic,
        known: Remembered[Any, Any] = _known,
    ) -> None:
        if settings.fabric_api is None or settings.credential is None:
            raise PermanentError(
                "the connection does not ask Fabric",
                remedy="write shortcuts = fabric and an identity into the connection",
            )
        self._api, self._now, self._known = settings.fabric_api, now, known
        self._who = (settings.fabric_api, settings.credential)
        proxies = dict(settings.proxies)
        wire = Wire(ca_bundle=settings.ca_bundle, proxies=proxies)
        credential = make_credential(
            settings.credential, ca_bundle=settings.ca_bundle, proxies=proxies
        )
        self._sender = Sender(credential, fabric_cloud(self._api), wire)

    def locate(self, place: ItemPath) -> StorageUrl | ItemPath:
        """Where the bytes of a place are: in a storage account, or in OneLake itself.

        Raises ``TransientError`` or ``PermanentError``.
        """
        chain = follow(place)
        asked = next(chain)
        try:
            while True:
                asked = chain.send(self._above(asked))
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]

    def _above(self, place: ItemPath) -> Shortcut | None:
        place = place._replace(lakehouse=self._ids(place.lakehouse))
        item = place.lakehouse
        for age in (MAX_AGE, MISS_AGE):
            every = self._remembered(
                ("shortcuts", item.key), fabric_flows.shortcuts(self._api, item), age
            )
            if every is None:  # too many to list
                one = fabric_flows.shortcut_at(self._api, place)
                found = self._remembered(("shortcut", item.key, place.path), one, age)
            else:
                found = shortcut_above(place.path, every)
            if found is not None:
                return found  # type: ignore[no-any-return]
        return None

    def _ids(self, lakehouse: Lakehouse) -> Lakehouse:
        flow = fabric_flows.ids_of(self._api, lakehouse)
        return self._remembered(("ids", lakehouse.key), flow, MAX_AGE)  # type: ignore[no-any-return]

    def _remembered(self, key: tuple[str, ...], ask: Flow[Any], age: float) -> Any:
        """What was said within `age` seconds, else what is said now; an error is not remembered."""
        whole = (self._who, key)
        with _lock:
            kept = self._known.get(whole, self._now(), age)
        if kept is not None:
            return kept[0]
        said = self._sender.run(ask)
        with _lock:
            self._known.put(whole, (said,), self._now())
        return said

    def close(self) -> None:
        """Close connections and credential."""
        self._sender.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
