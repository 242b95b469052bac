"""Serve search over HTTP: an API, and a page for people.

    python flows/serve.py --output output             then open http://127.0.0.1:8100
    VITRINA_TOKEN=… python flows/serve.py --output s3://bucket/shop --host 0.0.0.0

A new run is taken up as soon as it is finished; until then the last one answers. Only this machine
is answered unless another --host is given, which needs a token.
"""

import logging
import os

from flows.command import Command
from flows.main import script
from flows.run import run
from vitrina.config.serve import ServeConfig
from vitrina.serving.listener import check_address


def serve(config: ServeConfig) -> None:
    """Answer until Ctrl-C or SIGTERM. A plain function, not a flow: no Prefect server starts."""
    from vitrina.serving.listener import listen  # a second to import; help answers without it

    logging.basicConfig(level=logging.INFO, format="%(asctime)s | %(message)s")
    listen(with_token(config))


def with_token(config: ServeConfig) -> ServeConfig:
    """The parameters with the token of the environment, unless one is given."""
    given = config.token or os.environ.get("VITRINA_TOKEN", "")
    return config.model_copy(update={"token": given})


def check(config: ServeConfig) -> None:
    """Raise UserError unless the address and the token belong together."""
    check_address(with_token(config))


def main(config: ServeConfig) -> None:
    """Serve."""
    run(serve, config, check)


COMMAND = Command(ServeConfig, __doc__, main)

if __name__ == "__main__":
    script("flows.serve")
