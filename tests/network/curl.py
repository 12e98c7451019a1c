#!/usr/bin/env python3
"""curl's rarer ways through the proxy: HTTP/1.0, Expect with its time-out, uploads of any size in bounded memory, a limited
rate, ranges.

usage: curl.py --why401 BINARY --work FOLDER [--upload BYTES] [--most-memory MEBIBYTES]

Needs curl and openssl. The origin counts and forgets what is sent to it.
"""

import argparse
import http.server
import json
import os
import signal
import ssl
import subprocess
import threading
import time
from pathlib import Path

HOST = "dev1.service-now.com"
CONTENT = bytes(range(256)) * 4096


class Origin(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    waited = []

    def log_message(self, *_):
        pass

    def handle_expect_100(self):
        if self.path != "/silent":
            return super().handle_expect_100()
        return True

    def answer(self, status, body, **fields):
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_GET(self):
        asked = self.headers.get("Range", "")
        if asked.startswith("bytes="):
            first, last = (int(part) for part in asked.removeprefix("bytes=").split("-"))
            part = CONTENT[first : last + 1]
            return self.answer(206, part, Content_Range=f"bytes {first}-{last}/{len(CONTENT)}")
        self.answer(200, CONTENT)

    do_HEAD = do_GET

    def do_PUT(self):
        total = 0
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            while size := int(self.rfile.readline().split(b";")[0], 16):
                while size:
                    size -= len(part := self.rfile.read(min(size, 1 << 20)))
                    total += len(part)
                self.rfile.readline()
            self.rfile.readline()
        else:
            left = int(self.headers.get("Content-Length", 0))
            while left and (part := self.rfile.read(min(left, 1 << 20))):
                left -= len(part)
                total += len(part)
        self.answer(200, json.dumps({"got": total, "expect": self.headers.get("Expect")}).encode())


def serve(work):
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1", "-subj",
         "/CN=curl test", "-addext", f"subjectAltName=DNS:{HOST}", "-addext", "basicConstraints=critical,CA:FALSE",
         "-keyout", work / "key.pem", "-out", work / "leaf.pem"],
        check=True, capture_output=True,
    )
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Origin)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(work / "leaf.pem", work / "key.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--why401", required=True)
    parser.add_argument("--work", required=True)
    parser.add_argument("--upload", type=int, default=2 << 30)
    parser.add_argument("--most-memory", type=int, default=128)
    options = parser.parse_args()
    work = Path(options.work)
    work.mkdir(parents=True, exist_ok=True)
    port = serve(work)
    process = subprocess.Popen(
        [options.why401, "run", "--listen", "127.0.0.1:0", "--resolve", f"{HOST}=127.0.0.1:{port}", "--upstream-ca",
         work / "leaf.pem", "--ca-dir", work / "ca", "--session", work / "session", "--log-format", "json"],
        stdout=subprocess.PIPE, stderr=open(work / "proxy.err", "w"), env={**os.environ, "NO_COLOR": "1"},
    )
    try:
        start = json.loads(process.stdout.readline())

        def curl(*arguments, path="/"):
            command = ["curl", "-sS", "--noproxy", "", "--proxy", f"http://{start['listen'][0]}", "--cacert", start["ca"]]
            done = subprocess.run([*command, *arguments, f"https://{HOST}{path}"], capture_output=True, timeout=1200)
            assert done.returncode == 0, (arguments, done.returncode, done.stderr.decode())
            return done.stdout

        assert curl("--http1.0") == CONTENT
        print("ok --http1.0")
        assert curl("--http1.1", "--range", "300-1299") == CONTENT[300:1300]
        print("ok --range")
        assert curl("--http1.1", "--head").startswith(b"HTTP/1.1 200")
        print("ok --head")
        began = time.monotonic()
        assert curl("--http1.1", "--limit-rate", "400k") == CONTENT
        took = time.monotonic() - began
        print(f"ok --limit-rate 400k: {len(CONTENT)} bytes in {took:.1f} s")
        small = work / "small"
        small.write_bytes(b"x" * 1000)
        # The origin says nothing until the body is there: curl waits its own time, and the body goes through all the same.
        for path, limit in [("/", "5"), ("/silent", "0.5")]:
            began = time.monotonic()
            got = json.loads(
                curl("--http1.1", "-H", "Expect: 100-continue", "--expect100-timeout", limit, "-T", small, path=path)
            )
            took = time.monotonic() - began
            assert got == {"got": 1000, "expect": "100-continue"}, got
            print(f"ok --expect100-timeout {limit} {path}: {took:.1f} s")
        big = work / "big"
        with open(big, "wb") as file:
            file.truncate(options.upload)
        for more in [[], ["-H", "Transfer-Encoding: chunked"]]:
            began = time.monotonic()
            got = json.loads(curl("--http1.1", "--expect100-timeout", "0.2", *more, "-T", big))
            assert got["got"] == options.upload, got
            print(f"ok -T {options.upload} bytes {' '.join(more)} in {time.monotonic() - began:.1f} s")
        peak = next(line for line in open(f"/proc/{process.pid}/status") if line.startswith("VmHWM"))
        assert int(peak.split()[1]) < options.most_memory * 1024, peak
        print(f"ok memory at most {' '.join(peak.split()[1:])}")
    finally:
        (work / "big").unlink(missing_ok=True)
        process.send_signal(signal.SIGTERM)
        process.wait(60)


main()
