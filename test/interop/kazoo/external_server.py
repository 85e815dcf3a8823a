"""Runs kazoo's own tests against one server that is started with the command in $KAZOO_SERVER (a JSON list, the
port in $KAZOO_PORT), in place of the cluster of Apache servers that kazoo's harness would start.
A plugin of pytest: -p external_server."""
import atexit
import json
import os
import socket
import subprocess
import time

os.environ.setdefault("ZOOKEEPER_VERSION", "3.9.5")

from kazoo.testing import harness  # noqa: E402


class Server:
    def __init__(self, command, port):
        self.command = command
        self.client_port = port
        self.address = "127.0.0.1:%d" % port
        self.process = None

    @property
    def running(self):
        return self.process is not None

    def run(self):
        if self.process is not None:
            return
        self.process = subprocess.Popen(
            self.command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 30
        while b"Mode: " not in self.word(b"srvr"):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise Exception("the server does not serve: %r" % self.command)
            time.sleep(0.02)

    def stop(self):
        if self.process is None:
            return
        self.process.terminate()
        self.process.wait(30)
        self.process = None

    def word(self, word):
        try:
            with socket.create_connection(("127.0.0.1", self.client_port), 5) as sock:
                sock.sendall(word)
                text = b""
                while True:
                    chunk = sock.recv(65536)
                    if not chunk:
                        return text
                    text += chunk
        except OSError:
            return b""


class Cluster:
    """One server that lives as long as the test process: each test has a path of its own in it."""

    def __init__(self):
        self.servers = [
            Server(json.loads(os.environ["KAZOO_SERVER"]), int(os.environ["KAZOO_PORT"]))
        ]
        atexit.register(self.servers[0].stop)

    def __getitem__(self, index):
        return self.servers[index]

    def __iter__(self):
        return iter(self.servers)

    def start(self):
        for server in self.servers:
            server.run()

    def terminate(self):
        pass

    stop = reset = terminate

    def get_logs(self):
        return []


CLUSTER = Cluster()
harness.get_global_cluster = lambda: CLUSTER
