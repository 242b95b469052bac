"""Whether there is a network at all: the difference between some dead hosts and no connection."""

from vitrina.config.fetch import FetchConfig
from vitrina.errors import UserError
from vitrina.images.fetch.address import InvalidUrlError, parse_url
from vitrina.images.fetch.outcome import FetchFailure, FetchOutcome

FEWEST_URLS = 20  # fewer say little of the network
FEWEST_HOSTS = 3  # with fewer, others that are alive may be still to come
MANY_URLS = 10_000

# Without a network all is UNREACHABLE; behind a proxy that breaks TLS up, all is BAD_CERTIFICATE.
NO_WAY = (FetchFailure.UNREACHABLE, FetchFailure.BAD_CERTIFICATE)
# These say nothing of the network.
UNTRIED = (FetchFailure.INVALID_URL, FetchFailure.REFUSED_ADDRESS)


class Reachability:
    """Watches the outcomes of a run until a first host has answered."""

    def __init__(self, config: FetchConfig) -> None:
        self._is_watching = config.unreachable == "stop"
        self._hosts: set[str] = set()
        self._urls = 0
        self._example = ""

    def note(self, url: str, outcome: FetchOutcome) -> None:
        """Raises UserError once enough hosts could not be reached and none could."""
        if not self._is_watching or outcome.failure in UNTRIED:
            return
        if outcome.failure not in NO_WAY:
            self._is_watching = False
            return
        self._urls += 1
        host = _host(url)
        self._hosts.add(host)
        self._example = self._example or f"{host}: {outcome.detail}"
        if len(self._hosts) >= FEWEST_HOSTS or self._urls >= MANY_URLS:
            self.check()

    def check(self) -> None:
        """Raises UserError if enough URLs could not be reached and none could."""
        if self._is_watching and self._urls >= FEWEST_URLS:
            raise UserError(
                f"No image can be fetched, no host can be reached ({self._example}). Check the "
                "network, HTTP_PROXY, HTTPS_PROXY, SSL_CERT_FILE and the URLs; or set "
                "fetch.unreachable to reject, which rejects their rows."
            )


def _host(url: str) -> str:
    try:
        return parse_url(url).host or ""
    except InvalidUrlError:
        return ""
