"""Every form of a URI that Azure ML, ADLS Gen2, OneLake and an emulator use is read alike."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_fabml.core.errors import UsageError
from airflow_provider_fabml.core.storage.uri import AssetUri, DatastoreUri, StorageUrl, parse_uri
from airflow_provider_fabml.core.storage.uri_text import redact

ARM = "/subscriptions/s/resourceGroups/r/providers/Microsoft.MachineLearningServices/workspaces/w"
LONG = "azureml://subscriptions/s/resourcegroups/r/workspaces/w/datastores/ds/paths/a/b.csv"


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("azureml://datastores/ds/paths/a/b.csv", "azureml://datastores/ds/paths/a/b.csv"),
        ("azureml://datastores/ds/paths/a/", "azureml://datastores/ds/paths/a/"),
        (LONG, LONG),
        (LONG.replace("resourcegroups", "resourceGroups"), LONG),
        (f"{ARM}/datastores/ds/paths/a/b.csv", LONG),
        (f"azureml:{ARM}/datastores/ds/paths/a/b.csv", LONG),
    ],
)
def test_datastore_uris_have_one_canonical_form(text, canonical):
    """Short form, long form and ARM id of a datastore path are one value each."""
    parsed = parse_uri(text, field="path")

    assert isinstance(parsed, DatastoreUri)
    assert str(parsed) == canonical
    assert parse_uri(canonical, field="path") == parsed


ACCT = "https://acct.blob.core.windows.net"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("abfss://lake@acct.dfs.core.windows.net/a/b", ("acct", "lake", "a/b", ACCT)),
        ("abfs://lake@acct.dfs.core.windows.net/a/", ("acct", "lake", "a", ACCT)),
        ("wasbs://lake@acct.blob.core.windows.net/a", ("acct", "lake", "a", ACCT)),
        (f"{ACCT}/lake/a%20b/c%2520", ("acct", "lake", "a b/c%20", ACCT)),
        ("https://acct.dfs.core.windows.net/lake/a", ("acct", "lake", "a", ACCT)),
        (f"{ACCT}/lake", ("acct", "lake", "", ACCT)),
        (f"{ACCT}/$web/index.html", ("acct", "$web", "index.html", ACCT)),
        (
            "https://acct.dfs.core.chinacloudapi.cn/lake/a",
            ("acct", "lake", "a", "https://acct.blob.core.chinacloudapi.cn"),
        ),
        (
            "abfss://lake@acct.dfs.core.usgovcloudapi.net/a",
            ("acct", "lake", "a", "https://acct.blob.core.usgovcloudapi.net"),
        ),
        (
            "https://acct.z01.dfs.storage.azure.net/lake/a",
            ("acct", "lake", "a", "https://acct.z01.blob.storage.azure.net"),
        ),
        (
            "http://127.0.0.1:10000/devstoreaccount1/lake/a",
            ("devstoreaccount1", "lake", "a", "http://127.0.0.1:10000/devstoreaccount1"),
        ),
        ("http://azurite:10000/acct/lake/a", ("acct", "lake", "a", "http://azurite:10000/acct")),
        (
            "https://onelake.dfs.fabric.microsoft.com/My%20Space/LH.Lakehouse/Files/a",
            (
                "onelake",
                "My Space",
                "LH.Lakehouse/Files/a",
                "https://onelake.blob.fabric.microsoft.com",
            ),
        ),
        (
            "abfss://11111111-2222@germanywestcentral-onelake.dfs.fabric.microsoft.com/3333/Files",
            (
                "onelake",
                "11111111-2222",
                "3333/Files",
                "https://germanywestcentral-onelake.blob.fabric.microsoft.com",
            ),
        ),
    ],
)
def test_storage_urls_name_account_container_and_path(text, expected):
    """Hosts of every cloud, OneLake (also long regional ones) and emulators are understood."""
    parsed = parse_uri(text, field="path")

    assert parsed == StorageUrl(*expected)
    assert parse_uri(str(parsed), field="path") == parsed


@pytest.mark.parametrize(
    "text",
    [
        "azureml:heart:1",
        "azureml:heart@latest",
        f"{ARM}/data/heart/versions/1",
        f"azureml:{ARM}/models/heart/versions/3",
        "azureml://registries/reg/data/heart/versions/1",
        "azureml://locations/westeurope/workspaces/w/data/heart/versions/1",
        "azureml://jobs/j/outputs/o/paths/a",
    ],
)
def test_assets_stay_as_written(text):
    """A registered asset is passed on as it is."""
    assert parse_uri(text, field="path") == AssetUri(text)


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        (
            "azureml://datastores/trusted_blob/datasets/uci-heart-unlabeled",
            "azureml://datastores/trusted_blob/paths/datasets/uci-heart-unlabeled",
        ),
        (
            LONG.replace("/workspaces", "/providers/Microsoft.MachineLearningServices/workspaces"),
            LONG,
        ),
        ("https://acct.dfs.azure.com/lake/a", "https://acct.dfs.core.windows.net/lake/a"),
    ],
)
def test_the_remedy_is_the_corrected_text(wrong, right):
    """Microsoft's own slips are not mended silently: the error prints what to write, and it works."""
    with pytest.raises(UsageError) as caught:
        parse_uri(wrong, field="inputs['heart'].uri")

    assert caught.value.remedy == f"write {right}"
    assert parse_uri(right, field="path")


@pytest.mark.parametrize(
    "text",
    [
        f"{ACCT}/lake/x?sv=2025&sig=s3cr3t%3D",
        f"{ACCT}/lake/x?SIG=s3cr3t",
        "azureml://datastores/ds/paths/x?sig=s3cr3t",
        "azureml://datastores/ds/x?token=s3cr3t",
        "https://u:s3cr3t@acct.blob.core.windows.net/lake/x",
        "abfss://lake:s3cr3t@acct.dfs.core.windows.net/x",
        "ftp://u:s3cr3t@host/x",
    ],
)
def test_no_refusal_shows_a_secret(text):
    """What may be a secret is cut out of every error."""
    with pytest.raises(UsageError) as caught:
        parse_uri(text, field="path")

    assert "s3cr3t" not in str(caught.value)
    assert "s3cr3t" not in redact(text)


@given(st.text(max_size=80))
def test_any_text_is_parsed_or_refused(text):
    """No text whatsoever makes the parser fail in another way."""
    for candidate in (text, f"azureml://{text}", f"https://{text}", f"{ACCT}/lake/{text}"):
        with suppress(UsageError):
            parse_uri(candidate, field="path")
