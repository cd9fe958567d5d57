"""The token issuer and the bearer checks of each plane."""

from __future__ import annotations

import time

import jwt
import pytest
import requests
from azure.core import PipelineClient
from azure.core.pipeline.policies import BearerTokenCredentialPolicy
from azure.core.rest import HttpRequest
from azure.identity import ClientSecretCredential

from airflow_provider_fabml.emulator.tokens import ARM_AUDIENCE, ML_AUDIENCE, STORAGE_AUDIENCE

SCORING, HEALTH = "/endpoints/scorer/jobs", "/_emulator/health"


@pytest.fixture
def client(serve):
    """An emulator without storage."""
    return serve()


def token_request(client, **form: str) -> requests.Response:
    """Ask the token endpoint as azure-identity does."""
    tenant = client.emulator.workspace.tenant_id
    asked = {
        "client_id": "app",
        "client_secret": "right",
        "grant_type": "client_credentials",
        "scope": f"{ML_AUDIENCE}/.default",
    }
    url = f"{client.emulator.url}/{form.pop('tenant', tenant)}/oauth2/v2.0/token"
    return requests.post(url, data=asked | form, verify=str(client.emulator.ca_bundle), timeout=9)


@pytest.mark.parametrize(
    ("form", "status", "number"),
    [
        ({"client_secret": "wrong"}, 401, 7000215),
        ({"client_secret": ""}, 401, 7000215),
        ({"client_id": "nobody"}, 400, 700016),
        ({"scope": "https://vault.azure.net/.default"}, 400, 500011),
        ({"tenant": "another"}, 400, 90002),
        ({"client_assertion": "no.jwt.atall"}, 401, 700027),
    ],
)
def test_a_bad_token_request_is_refused_as_entra_does(client, form, status, number):
    """Each mistake has its status and AADSTS number."""
    answer = token_request(client, **form)
    assert (answer.status_code, answer.json()["error_codes"]) == (status, [number])


@pytest.mark.parametrize(
    ("path", "audience", "status"),
    [
        ("WS", ARM_AUDIENCE, 200),
        ("WS", ML_AUDIENCE, 401),
        ("WS", STORAGE_AUDIENCE, 401),
        (SCORING, ML_AUDIENCE, 200),
        (SCORING, ARM_AUDIENCE, 401),
        (SCORING, STORAGE_AUDIENCE, 401),
        ("HISTORY", ARM_AUDIENCE, 404),
        ("HISTORY", ML_AUDIENCE, 404),
        ("HISTORY", STORAGE_AUDIENCE, 401),
    ],
)
def test_each_plane_takes_its_own_audience(client, path, audience, status):
    """ARM and data plane refuse each other's tokens; run history takes both; storage none."""
    path = {"WS": client.ws, "HISTORY": f"{client.history}/runs/none"}.get(path, path)
    assert client.ask("GET", path, token=client.token(audience)).status_code == status


def test_arm_tells_a_wrong_audience_as_documented(client):
    """The refusal is ARM's JSON envelope with a challenge."""
    answer = client.ask("GET", client.ws, token=client.token(ML_AUDIENCE))
    assert answer.json()["error"]["code"] == "InvalidAuthenticationTokenAudience"
    assert answer.headers["WWW-Authenticate"].startswith("Bearer ")


def test_the_data_plane_refuses_with_plain_text(client):
    """A wrong token at the scoring URI is 401, text, ``denied by policy``."""
    answer = client.ask("GET", SCORING, token=client.token(ARM_AUDIENCE))
    assert answer.headers["content-type"].startswith("text/plain")
    assert "denied by policy" in answer.text


@pytest.mark.parametrize(("path", "plane"), [("WS", ARM_AUDIENCE), (SCORING, ML_AUDIENCE)])
def test_an_expired_token_is_refused(client, path, plane):
    """A token past its ``exp`` is 401 everywhere."""
    old = client.token(plane, lifetime=-10)
    assert client.ask("GET", client.ws if path == "WS" else path, token=old).status_code == 401


def test_a_forged_token_is_refused(client):
    """A token with the right claims and another signature is 401."""
    claims = jwt.decode(client.token(ARM_AUDIENCE), options={"verify_signature": False})
    forged = jwt.encode(claims, "k" * 32, algorithm="HS256")
    assert client.ask("GET", client.ws, token=forged).status_code == 401


def test_a_request_without_a_token_is_refused(client):
    """No Authorization header is 401."""
    answer = requests.get(
        client.emulator.url + client.ws, verify=str(client.emulator.ca_bundle), timeout=9
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "AuthenticationFailed")


def test_a_principal_without_the_action_is_forbidden(client):
    """A reader may list jobs, not invoke or make an endpoint: 403 in each plane's form."""
    reader = client.token(ML_AUDIENCE, principal=1)
    assert client.ask("GET", SCORING, token=reader).status_code == 200
    denied = client.invoke({}, token=reader)
    assert (denied.status_code, "denied by policy" in denied.text) == (403, True)
    arm = client.token(ARM_AUDIENCE, principal=1)
    denied = client.ask("PUT", f"{client.ws}/batchEndpoints/new", {}, token=arm)
    assert (denied.status_code, denied.json()["error"]["code"]) == (403, "AuthorizationFailed")
    assert "batchEndpoints/write" in denied.json()["error"]["message"]


def test_the_token_lifetime_is_told_and_kept(client):
    """``expires_in`` and ``exp`` follow the configured lifetime."""
    client.emulator.control.set_token_lifetime(60)
    body = token_request(client).json()
    claims = jwt.decode(body["access_token"], options={"verify_signature": False})
    assert (body["expires_in"], claims["exp"] - claims["iat"]) == (60, 60)


@pytest.mark.parametrize(("path", "plane"), [("WS", ARM_AUDIENCE), (SCORING, ML_AUDIENCE)])
def test_tokens_are_refused_from_a_moment_on(client, path, plane):
    """Old ones meet a claims challenge after the seconds, before any work; new ones are good."""
    path = client.ws if path == "WS" else path
    old = client.token(plane)
    client.emulator.control.refuse_tokens(seconds=600)
    assert client.ask("GET", path, token=old).status_code == 200
    client.emulator.control.advance_clock(600)
    deadline = time.monotonic() + 5
    while (answer := client.ask("GET", path, token=old)).status_code == 200:
        assert time.monotonic() < deadline
    assert answer.status_code == 401
    assert 'error="insufficient_claims", claims="' in answer.headers["WWW-Authenticate"]
    assert client.ask("GET", path, token=client.token(plane)).status_code == 200


def test_refused_tokens_can_look_expired(client):
    """Each plane answers as to a token that is too old; over HTTP."""
    arm, ml = client.token(ARM_AUDIENCE), client.token(ML_AUDIENCE)
    client.ask("POST", "/_emulator/tokens/refuse", {"challenge": False})
    answer = client.ask("GET", client.ws, token=arm)
    assert (answer.status_code, answer.json()["error"]["code"]) == (
        401,
        "ExpiredAuthenticationToken",
    )
    answer = client.ask("GET", SCORING, token=ml)
    assert (answer.status_code, "denied by policy" in answer.text) == (401, True)
    assert "WWW-Authenticate" not in answer.headers


@pytest.mark.parametrize("kind", ["claims_challenge", "tokens_refused"])
def test_azure_core_survives_a_claims_challenge(client, kind, monkeypatch):
    """Microsoft's own policy gets a new token with the claims and asks again."""
    emulator = client.emulator
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(emulator.ca_bundle))
    credential = ClientSecretCredential(
        emulator.workspace.tenant_id,
        "app",
        "right",
        authority=emulator.url,
        disable_instance_discovery=True,
    )
    policy = BearerTokenCredentialPolicy(credential, f"{ARM_AUDIENCE}/.default")
    with PipelineClient(emulator.url, policies=[policy]) as core:
        statuses = []
        for fault in (None, kind, None):
            if fault:
                emulator.control.add_fault(kind=fault, path="/workspaces/[^/]+$")
            request = HttpRequest("GET", emulator.url + client.ws)
            statuses.append(core.send_request(request).status_code)
    assert statuses == [200, 200, 200]
    assert len(emulator.requests.matching("GET", client.ws)) == 4


def test_the_request_log_has_claims_and_no_secret(client):
    """Headers lose the token, token requests their body; audience and principal are kept."""
    token_request(client)
    token = client.token(ARM_AUDIENCE)
    client.ask("GET", client.ws, token=token)
    everything = str([entry.as_dict() for entry in client.emulator.requests.all()])
    assert "right" not in everything
    assert token not in everything
    last = client.emulator.requests.all()[-1]
    assert (last.authorization["aud"], last.authorization["appid"]) == (ARM_AUDIENCE, "app")


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/metadata/identity/oauth2/token", {"Metadata": "true"}, 400),
        ("/metadata/identity/oauth2/token", {}, 400),
        ("/msi/token", {"X-IDENTITY-HEADER": "wrong"}, 400),
    ],
)
def test_a_managed_identity_that_is_not_configured_gets_no_token(client, path, headers, status):
    """Without header, with a wrong one, or with no such principal: 400."""
    url = f"{client.emulator.identity_url}{path}?resource={ML_AUDIENCE}"
    assert requests.get(url, headers=headers, timeout=9).status_code == status
