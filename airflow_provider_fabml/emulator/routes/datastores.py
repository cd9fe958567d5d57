"""Datastores, their secrets, and data assets."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_fabml.emulator.errors import user_error
from airflow_provider_fabml.emulator.exchange import Answer, Call, Handled
from airflow_provider_fabml.emulator.render import resources
from airflow_provider_fabml.emulator.routes.arm import WS
from airflow_provider_fabml.emulator.routes.paging import page

if TYPE_CHECKING:
    from airflow_provider_fabml.emulator.workspace import DataAsset, Datastore


def list_datastores(call: Call) -> Answer:
    """``GET WS/datastores``, with ``isDefault`` (recorded 2026-02)."""
    stores = call.service.workspace.datastores
    wanted = call.query.get("isDefault")
    found = [s for s in stores if wanted is None or s.default == (wanted.lower() == "true")]
    return Answer(page(call, found, lambda item: resources.datastore(call.service, item)))


def get_datastore(call: Call) -> Answer:
    """``GET WS/datastores/{name}``."""
    return Answer(resources.datastore(call.service, _datastore(call)))


def _datastore(call: Call) -> Datastore:
    found = call.service.workspace.datastore(call.path["name"])
    if found is None:
        message = f"Could not find datastore with name: {call.path['name']}."
        raise user_error(404, message, "NotFound", "DatastoreNotFound")
    return found


def list_secrets(call: Call) -> Answer:
    """``POST WS/datastores/{name}/listSecrets``: the key, or a SAS where one that expires is asked."""
    _datastore(call)
    asked = call.json()
    account = call.service.workspace.storage
    if account is None:
        raise user_error(404, "The emulator has no storage account.", "NotFound")
    if not asked.get("expirableSecret"):
        return Answer({"secretsType": "AccountKey", "key": account.key})
    hours = float(asked.get("expireAfterHours") or 1)
    return Answer({"secretsType": "Sas", "sasToken": f"?{_sas(account, hours)}"})


def _sas(account: Any, hours: float) -> str:
    from azure.storage.blob import AccountSasPermissions, ResourceTypes, generate_account_sas

    return generate_account_sas(
        account.account,
        account.key,
        ResourceTypes(container=True, object=True),
        AccountSasPermissions(read=True, write=True, delete=True, list=True, create=True),
        datetime.now(UTC) + timedelta(hours=hours),
    )


def get_data(call: Call) -> Answer:
    """``GET WS/data/{name}``."""
    versions = _versions(call)
    return Answer(resources.data_container(call.service, call.path["name"], versions))


def list_data_versions(call: Call) -> Answer:
    """``GET WS/data/{name}/versions``."""
    versions = _versions(call)
    return Answer(page(call, versions, lambda item: resources.data_version(call.service, item)))


def get_data_version(call: Call) -> Answer:
    """``GET WS/data/{name}/versions/{version}``."""
    for asset in _versions(call):
        if asset.version == call.path["version"]:
            return Answer(resources.data_version(call.service, asset))
    raise _missing(call)


def _versions(call: Call) -> list[DataAsset]:
    assets = call.service.workspace.data_assets
    found = [asset for asset in assets if asset.name == call.path["name"]]
    if not found:
        raise _missing(call)
    return found


def _missing(call: Call) -> Exception:
    name = ":".join(
        [call.path["name"], *([call.path["version"]] if "version" in call.path else [])]
    )
    return user_error(404, f"Data asset '{name}' was not found.", "NotFound", "DataNotFound")


_STORES, _DATA = f"{WS}/datastores", f"{WS}/data/{{name}}"
ROUTES = [
    Handled("GET", _STORES, "arm", "datastores/read", list_datastores),
    Handled("GET", f"{_STORES}/{{name}}", "arm", "datastores/read", get_datastore),
    Handled(
        "POST",
        f"{_STORES}/{{name}}/listSecrets",
        "arm",
        "datastores/listsecrets/action",
        list_secrets,
    ),
    Handled("GET", _DATA, "arm", "data/read", get_data),
    Handled("GET", f"{_DATA}/versions", "arm", "data/versions/read", list_data_versions),
    Handled("GET", f"{_DATA}/versions/{{version}}", "arm", "data/versions/read", get_data_version),
]
