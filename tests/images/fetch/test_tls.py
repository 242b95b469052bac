"""Fetching over TLS."""

from pathlib import Path

import pytest

from tests.images.fetch.conftest import FetchAll
from tests.support.certificates import self_signed, server_context
from tests.support.image_server import serving, status
from vitrina.images.fetch.outcome import FetchFailure

BODY = b"\xff\xd8 an image"


def test_a_valid_certificate_is_accepted(
    fetch_all: FetchAll, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that the system's store, or SSL_CERT_FILE, vouches for."""
    pem = self_signed(tmp_path, "localhost")
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    with serving("localhost", server_context(pem)) as site:
        assert fetch_all(site.at("/a.jpg", status(200, BODY)))[0].body == BODY


@pytest.mark.parametrize(
    ("host", "days", "trusted"),
    [("localhost", 1, False), ("localhost", -1, True), ("elsewhere.example", 1, True)],
)
def test_an_invalid_certificate_is_refused(
    fetch_all: FetchAll,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    host: str,
    days: int,
    trusted: bool,
) -> None:
    """Unknown, expired or for another host: nothing is asked, and it may be mended later."""
    pem = self_signed(tmp_path, host, days=days)
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    with serving("localhost", server_context(pem)) as site:
        [outcome] = fetch_all(site.at("/a.jpg", status(200, BODY)))
        assert outcome.failure is FetchFailure.BAD_CERTIFICATE
        assert outcome.is_transient
        assert not site.asked
