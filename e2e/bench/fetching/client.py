"""The bare client: the bytes of an object into a file, and nothing else.

    python -m e2e.bench.fetching.client ENDPOINT NAME FILE

It has as many connections as a fetch has, asks for the same ranges, keeps its connections, and
writes each range to its place in a file that has its size already. Seconds go to its output.
"""

import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from itertools import count
from urllib.parse import urlsplit

from modelservice_runtime.artifacts.ranges import RANGE_BYTES, WINDOW

BUFFER = 2**20


def fetch(endpoint: str, name: str, file: str) -> None:
    """Bring the object `name`."""
    address = urlsplit(endpoint).netloc
    target = f"/models/{name}"
    head = HTTPConnection(address)
    head.request("HEAD", target)
    size = int(head.getresponse().headers["Content-Length"])
    number = count()
    with open(file, "wb", buffering=0) as output:
        os.posix_fallocate(output.fileno(), 0, size)

        def ranges() -> None:
            connection, buffer = HTTPConnection(address), memoryview(bytearray(BUFFER))
            while (begin := next(number) * RANGE_BYTES) < size:
                asked = f"bytes={begin}-{min(begin + RANGE_BYTES, size) - 1}"
                connection.request("GET", target, headers={"Range": asked})
                answer = connection.getresponse()
                while read := answer.readinto(buffer):
                    os.pwrite(output.fileno(), buffer[:read], begin)
                    begin += read

        with ThreadPoolExecutor(WINDOW) as pool:
            for one in [pool.submit(ranges) for _ in range(WINDOW)]:
                one.result()


if __name__ == "__main__":
    began = time.monotonic()
    fetch(*sys.argv[1:])
    print(time.monotonic() - began)
