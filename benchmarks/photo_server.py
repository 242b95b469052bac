"""An HTTP server of photos that is slow for some, has not all, and breaks off in the middle.

python -m benchmarks.photo_server FOLDER PORT

It runs in a process of its own, which can be killed. ``/17.jpg`` is answered with one of the
folder's JPEGs after 20 ms, or otherwise as ``answer_of(17)`` says.
"""

import asyncio
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from subprocess import Popen
from time import sleep

import httpx

LATENCY, SLOW = 0.02, 2.0  # seconds
PERIOD = 100  # answers repeat after so many images


class Answer(Enum):
    """How the server answers."""

    WHOLE = "whole"
    SLOW = "slow"
    MISSING = "missing"
    CUT = "cut"


# By the number of the image within a period.
UNUSUAL = {13: Answer.SLOW, 37: Answer.MISSING, 61: Answer.MISSING, 83: Answer.CUT, 97: Answer.CUT}


def answer_of(number: int) -> Answer:
    """How the server answers for an image."""
    return UNUSUAL.get(number % PERIOD, Answer.WHOLE)


def whole_images(images: int) -> set[int]:
    """The numbers of the images that can be had."""
    unusual = (Answer.MISSING, Answer.CUT)
    return {number for number in range(images) if answer_of(number) not in unusual}


class PhotoProtocol(asyncio.Protocol):
    """One connection."""

    def __init__(self, photos: list[bytes]) -> None:
        self.photos = photos
        self.received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the connection to answer to."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer each request once it is whole, after a while."""
        self.received += data
        while b"\r\n\r\n" in self.received:
            head, _, self.received = self.received.partition(b"\r\n\r\n")
            number = int(head.split(b" ", 2)[1].strip(b"/").removesuffix(b".jpg"))
            wait = SLOW if answer_of(number) is Answer.SLOW else LATENCY
            asyncio.get_running_loop().call_later(wait, self.answer, number)

    def answer(self, number: int) -> None:
        """Write the answer for an image."""
        answer, photo = answer_of(number), self.photos[number % len(self.photos)]
        if answer is Answer.MISSING:
            self.transport.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
            return
        head = b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n"
        self.transport.write(head % len(photo))
        if answer is Answer.CUT:
            self.transport.write(photo[: len(photo) // 2])
            self.transport.close()
        else:
            self.transport.write(photo)


async def serve(folder: Path, port: int) -> None:
    """Serve the folder's JPEGs until the process is killed."""
    photos = [path.read_bytes() for path in sorted(folder.glob("*.jpg"))]
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: PhotoProtocol(photos), "127.0.0.1", port, backlog=512)
    await server.serve_forever()


def free_port() -> int:
    """A TCP port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def photo_server(folder: Path, port: int) -> Iterator["Popen[bytes]"]:
    """A server in a process of its own, once it answers; it ends with the block."""
    command = [sys.executable, "-m", "benchmarks.photo_server", str(folder), str(port)]
    process = Popen(command, cwd=Path(__file__).resolve().parents[1])
    try:
        _wait_until_it_answers(process, f"http://127.0.0.1:{port}/0.jpg")
        yield process
    finally:
        process.kill()
        process.wait()


def _wait_until_it_answers(process: "Popen[bytes]", url: str) -> None:
    with httpx.Client(trust_env=False) as client:
        while process.poll() is None:
            try:
                client.get(url)
            except httpx.TransportError:
                sleep(0.02)
            else:
                return


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), int(sys.argv[2])))
