"""What soak.py and crowd.py stand on: certificates, an origin in a process of its own, the program, and what /proc says of it.

Needs Linux, Python 3.9 and openssl. Everything is on loopback, on free ports, in a temporary folder.
"""

import json
import os
import resource
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
HOST = "dev1.service-now.com"
DISTRUSTED = "dev2.service-now.com"
NOWHERE = "dev3.service-now.com"


def run(*command):
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def certificate(folder, name, host):
    """A certificate that is its own issuer, for one host."""
    cert, key = os.path.join(folder, name + ".pem"), os.path.join(folder, name + ".key")
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
        "-subj", "/CN=" + host, "-addext", "subjectAltName=DNS:" + host, "-addext", "basicConstraints=critical,CA:FALSE", "-keyout", key, "-out", cert)
    return cert, key


def many_descriptors():
    """As many as this machine gives, for us and for what we start."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = hard if hard != resource.RLIM_INFINITY else 1 << 20
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


class Stand:
    """Origin and proxy, with a folder for both."""

    def __init__(self, why401, config, recorded=True):
        self.folder = tempfile.TemporaryDirectory(prefix="why401-soak-")
        path = self.folder.name
        self.trusted = certificate(path, "trusted", HOST)
        self.distrusted = certificate(path, "distrusted", DISTRUSTED)
        self.origin = subprocess.Popen(
            [sys.executable, os.path.join(HERE, "origin.py"), *self.trusted, *self.distrusted],
            stdout=subprocess.PIPE, text=True)
        self.ports = json.loads(self.origin.stdout.readline())
        with open(os.path.join(path, "config.toml"), "w", encoding="utf-8") as file:
            file.write(config)
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            nowhere = unused.getsockname()[1]
        self.told = os.path.join(path, "told.jsonl")
        self.operations = os.path.join(path, "operations.jsonl")
        resolve = [f"{HOST}:443=127.0.0.1:{self.ports['tls']}", f"{HOST}:80=127.0.0.1:{self.ports['plain']}",
                   f"{DISTRUSTED}=127.0.0.1:{self.ports['distrusted']}", f"{NOWHERE}=127.0.0.1:{nowhere}"]
        command = [why401, "run", "--config", os.path.join(path, "config.toml"), "--listen", "127.0.0.1:0",
                   "--log-format", "json", "--all", "--ca-dir", os.path.join(path, "ca"),
                   "--upstream-ca", self.trusted[0]]
        if recorded:
            command += ["--session", os.path.join(path, "session")]
        for entry in resolve:
            command += ["--resolve", entry]
        with open(self.told, "wb") as told, open(self.operations, "wb") as operations:
            self.proxy = subprocess.Popen(command, stdout=told, stderr=operations, stdin=subprocess.DEVNULL)
        start = self.first_line()
        self.address = tuple(start["listen"][0].rsplit(":", 1))
        self.address = (self.address[0], int(self.address[1]))
        self.ca = start["ca"]

    def first_line(self):
        end = time.monotonic() + 30
        while time.monotonic() < end and self.proxy.poll() is None:
            with open(self.told, encoding="utf-8") as told:
                line = told.readline()
            if line.endswith("\n"):
                return json.loads(line)
            time.sleep(0.05)
        raise SystemExit("the proxy did not start: " + open(self.operations, encoding="utf-8").read()[-500:])

    def trusting(self):
        context = ssl.create_default_context(cafile=self.ca)
        context.set_alpn_protocols(["http/1.1"])
        return context

    def resident(self):
        """Kilobytes of memory in use."""
        with open(f"/proc/{self.proxy.pid}/status", encoding="utf-8") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))

    def descriptors(self):
        """What the process has open. Its /proc/fd is for root and itself alone, as it lets nobody look into it."""
        try:
            return len(os.listdir(f"/proc/{self.proxy.pid}/fd"))
        except PermissionError:
            return None

    def stop(self):
        """Ends the proxy in order; gives its status, its last line and how many exchanges were told."""
        self.proxy.send_signal(signal.SIGTERM)
        status = self.proxy.wait(60)
        with open(self.operations, encoding="utf-8") as operations:
            last = json.loads(operations.readlines()[-1])
        with open(self.told, "rb") as told:
            exchanges = sum(line.startswith(b'{"schema":"why401.exchange/1"') for line in told)
        return status, last, exchanges

    def close(self):
        for process in (self.proxy, self.origin):
            if process.poll() is None:
                process.kill()
            process.wait()
        self.folder.cleanup()


class Watch(threading.Thread):
    """Writes down the memory in use, once a second."""

    def __init__(self, stand):
        super().__init__(daemon=True)
        self.stand, self.samples, self.done = stand, [], threading.Event()
        self.start()

    def run(self):
        while not self.done.wait(1):
            try:
                self.samples.append(self.stand.resident())
            except (OSError, StopIteration):
                return
