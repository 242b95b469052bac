"""Start, stop or show the Prefect server that is kept for all commands of this user.

    vitrina server start      the UI at http://127.0.0.1:4200, and every command a second quicker
    vitrina server status
    vitrina server stop

Commands find it by themselves. It serves this machine only; PREFECT_API_URL names another one.
"""

from flows.command import Command
from flows.main import script
from flows.run import run
from tasks.orchestration import kept_server
from tasks.orchestration.local_server import bypass_proxies
from vitrina.config.server import ServerConfig


def server(config: ServerConfig) -> None:
    """Do what is asked for, and say what is."""
    bypass_proxies()
    if config.action == "start":
        found, is_new = kept_server.start(config.port)
        print("Started:" if is_new else "It runs already:", _described(found))
    elif config.action == "stop":
        print("Stopped." if kept_server.stop() else "No server was running.")
    elif found_one := kept_server.kept_server():
        print("It runs:", _described(found_one))
    else:
        print("No server is running: each command starts a temporary one.")


def _described(found: kept_server.KeptServer) -> str:
    ui = found.url.removesuffix("/api")
    return f"{ui} (process {found.pid}, log in {kept_server.log_file()})"


def main(config: ServerConfig) -> None:
    """Run the command."""
    run(server, config)


COMMAND = Command(ServerConfig, __doc__, main)

if __name__ == "__main__":
    script("flows.server")
