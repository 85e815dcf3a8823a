# kazoo under the same load as ours.ts: its asynchronous calls, WINDOW of them outstanding.
import sys
import threading
import time

from kazoo.client import KazooClient
from kazoo.exceptions import NodeExistsError

server, op, window, seconds = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
path, data = "/client-bench", b"x" * 1024
client = KazooClient(hosts=server)
client.start()
try:
    client.create(path, data)
except NodeExistsError:
    pass


def load(for_seconds):
    slots = threading.Semaphore(window)
    calls = 0
    started = time.monotonic()
    while time.monotonic() - started < for_seconds:
        slots.acquire()
        result = client.get_async(path) if op == "read" else client.set_async(path, data)
        result.rawlink(lambda _: slots.release())
        calls += 1
    for _ in range(window):
        slots.acquire()
    return calls / (time.monotonic() - started)


load(1)
print(round(load(seconds)))
client.stop()
