"""An identity is read from the fields a connection has."""

from __future__ import annotations

import pytest

from airflow_provider_fabml.core.connections.credential import (
    KINDS,
    CredentialSpec,
    parse_credential,
)

PEM = "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----"
FIELDS = {
    "default": {},
    "service_principal": {"tenant_id": "t", "client_id": "c", "client_secret": "s3cr3t"},
    "service_principal_certificate": {
        "tenant_id": "t",
        "client_id": "c",
        "certificate_data": PEM,
        "certificate_password": "s3cr3t",
    },
    "managed_identity": {"client_id": "c"},
    "workload_identity": {"tenant_id": "t", "client_id": "c", "token_file": "/var/token"},
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_takes_its_fields(kind):
    """Every kind is read with its fields, and its repr shows no secret."""
    spec = parse_credential({"auth": kind, **FIELDS[kind], "other": 1}, field="c")

    assert spec == CredentialSpec(kind=kind, **FIELDS[kind])
    assert "s3cr3t" not in repr(spec)
    assert "c2VjcmV0" not in repr(spec)
    assert set(spec.secrets) == {
        value for name, value in FIELDS[kind].items() if "secret" in name or "certificate" in name
    }


@pytest.mark.parametrize("kind", ["default", "service_principal", "service_principal_certificate"])
def test_secret_and_certificate_speak_for_themselves(kind):
    """Without `auth` a secret or certificate says which kind is meant; empty values are absent."""
    fields = {"auth": "", "token_file": None, **FIELDS[kind]}
    assert parse_credential(fields, field="c").kind == kind


def test_an_issuer_of_ones_own_is_not_asked_about():
    """With another authority the public cloud is not asked whether it is known."""
    spec = parse_credential({"authority_host": "https://login.microsoftonline.us/"}, field="c")

    assert spec.authority_host == "https://login.microsoftonline.us"
    assert spec.disable_instance_discovery is True
    assert parse_credential({"disable_instance_discovery": "true"}, field="c") == CredentialSpec(
        disable_instance_discovery=True
    )
    assert parse_credential({"disable_instance_discovery": False}, field="c") == CredentialSpec()


@pytest.mark.parametrize("lost", ["", " ", "\\n"], ids=["a form", "blanks", "JSON by hand"])
def test_a_pem_that_lost_its_line_breaks_is_mended(lost: str):
    """A one-line password field drops line breaks; the certificate is loadable all the same."""
    import trustme
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    pem = trustme.CA().issue_cert("localhost").private_key_pem.bytes().decode()
    fields = {"auth": "service_principal_certificate", "tenant_id": "t", "client_id": "c"}
    spec = parse_credential(
        {**fields, "certificate_data": pem.strip().replace("\n", lost)}, field="connection 'x'"
    )
    mended, original = spec.certificate_data, pem
    assert mended is not None
    assert (
        load_pem_private_key(mended.encode(), None).private_numbers()  # type: ignore[union-attr]
        == load_pem_private_key(original.encode(), None).private_numbers()  # type: ignore[union-attr]
    )
