"""Listen for requests until the process is asked to end."""

import ipaddress
import logging
import signal
import socket
from types import FrameType

from vitrina.config.serve import ServeConfig
from vitrina.errors import UserError

logger = logging.getLogger(__name__)

MIN_TOKEN = 16  # characters
GRACE_SECONDS = 3  # for answers that are on their way when the process is to end
MAX_CONNECTIONS = 500


def check_address(config: ServeConfig) -> None:
    """Raise UserError unless the address is this machine's own, or a good token is given."""
    if config.token and (len(config.token) < MIN_TOKEN or not is_header_text(config.token)):
        raise UserError(
            f"The token needs at least {MIN_TOKEN} letters, digits or signs of ASCII, without "
            "spaces. One is made by: openssl rand -hex 24"
        )
    if not config.token and not is_loopback(config.host):
        raise UserError(
            f"--host {config.host} lets other machines in, which needs a token. Set VITRINA_TOKEN, "
            "or listen on 127.0.0.1."
        )


def is_header_text(text: str) -> bool:
    """Whether a text can be sent in a header as it is."""
    return text.isascii() and text.isprintable() and " " not in text


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def listen(config: ServeConfig) -> None:
    """Open the latest run, then answer until SIGINT or SIGTERM.

    Raises UserError if the port is taken, or there is no run and ``wait`` is not set.
    """
    import uvicorn

    from vitrina.serving.app import make_app
    from vitrina.serving.current_run import CurrentRun

    with bound_socket(config.host, config.port) as listening:
        current = CurrentRun(config.output, config.device, config.poll_seconds, config.onnx)
        try:
            current.open()
        except UserError:
            if not config.wait or current.exists():
                raise
            logger.info("serve: waiting for the first finished run in %s", config.output)
        current.watch()
        server = uvicorn.Server(
            uvicorn.Config(
                make_app(current, config),
                log_level="warning",
                server_header=False,
                timeout_graceful_shutdown=GRACE_SECONDS,
                limit_concurrency=MAX_CONNECTIONS,
            )
        )
        host, port = listening.getsockname()[:2]
        logger.info("serve: http://%s:%d", f"[{host}]" if ":" in host else host, port)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, _be_quiet)  # uvicorn ends by them, and then raises them again
        server.run(sockets=[listening])
        current.close()


def _be_quiet(_signal: int, _frame: FrameType | None) -> None:
    """A server that was asked to end has not failed."""


def bound_socket(host: str, port: int) -> socket.socket:
    """A socket that listens. Raises UserError if it cannot, such as on a port that is taken."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, address = found[0]
        server = socket.create_server(address[:2], family=family, backlog=1_024)
    except OSError as error:
        raise UserError(
            f"{host}:{port} cannot be listened on: {error.strerror or error}. Choose another "
            "--port or --host."
        ) from error
    # Made anew from its descriptor, it knows that its protocol is TCP. asyncio then switches off
    # Nagle's algorithm, which holds up every answer on a kept connection by 40 ms.
    return socket.socket(fileno=server.detach())
