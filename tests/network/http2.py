#!/usr/bin/env python3
"""Real clients of HTTP/2 through the proxy, to upstreams of HTTP/2 and of HTTP/1.1: 1,000 requests over 32 streams each,
without an error, and each counted.

    tests/network/http2.py --why401 target/release/why401 [--node node]

Clients: h2load, nghttp, curl, Node's http2. Upstreams: nghttpd, Node. What is not installed is skipped, and said.
Everything listens on loopback, on free ports, and ends with this script."""

import argparse
import asyncio
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

HOST = "dev1.service-now.com"
REQUESTS, STREAMS = 1000, 32
PATIENCE = 60

# With nghttpd.
OF_NO_USE = {
    "Node's http2": "it answers POST to a file with nothing that could be counted on",
    "curl --http1.1": "it takes no HTTP/1.1, and closes instead of saying so in TLS",
}

NODE_ORIGIN = """
const fs = require('fs'), [kind, dir, port] = process.argv.slice(2);
const files = { key: fs.readFileSync(dir + '/key.pem'), cert: fs.readFileSync(dir + '/cert.pem') };
const answer = (request, response) => {
    let length = 0;
    request.on('data', part => { length += part.length; });
    request.on('end', () => { response.setHeader('x-length', length); response.end('x'.repeat(1024)); });
};
const server = kind === 'http2'
    ? require('http2').createSecureServer(files, answer)
    : require('https').createServer(files, answer);
server.listen(port, '127.0.0.1', () => console.log('ready'));
"""

NODE_CLIENT = """
const net = require('net'), tls = require('tls'), http2 = require('http2'), fs = require('fs');
const [proxy, host, ca, requests, streams] = process.argv.slice(2);
const tunnel = net.connect(+proxy, '127.0.0.1', () => tunnel.write(`CONNECT ${host}:443 HTTP/1.1\\r\\nHost: ${host}:443\\r\\n\\r\\n`));
tunnel.once('data', () => {
    const socket = tls.connect({ socket: tunnel, servername: host, ca: fs.readFileSync(ca), ALPNProtocols: ['h2'] }, () => {
        const session = http2.connect(`https://${host}`, { createConnection: () => socket });
        let left = +requests, open = 0, good = 0;
        const next = () => {
            while (open < +streams && left > 0) {
                open += 1; left -= 1;
                const body = left % 2 ? 'b'.repeat(3000) : '';
                const stream = session.request({ ':method': body ? 'POST' : 'GET', ':path': '/index.html' }, { endStream: !body });
                let status, length = 0, sent;
                stream.on('response', head => { status = head[':status']; sent = head['x-length']; });
                stream.on('data', part => { length += part.length; });
                stream.on('error', error => { console.error(error); process.exit(1); });
                stream.on('end', () => {
                    open -= 1;
                    if (status === 200 && length > 0 && (sent === undefined || +sent === body.length)) good += 1;
                    if (left === 0 && open === 0) { console.log(good); session.close(); }
                    next();
                });
                if (body) stream.end(body);
            }
        };
        next();
    });
});
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def listening(port):
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise SystemExit(f"nothing listens on {port}")


def certificates(folder):
    """A root, and a leaf of it for HOST."""
    def openssl(*words):
        subprocess.run(["openssl", *words], check=True, cwd=folder, capture_output=True)
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    openssl("req", "-x509", *curve, "-keyout", "root.key", "-out", "root.pem", "-days", "2", "-subj", "/CN=origin root",
            "-addext", "basicConstraints=critical,CA:TRUE")
    openssl("req", *curve, "-keyout", "key.pem", "-out", "leaf.csr", "-subj", f"/CN={HOST}")
    (folder / "ext").write_text(f"subjectAltName=DNS:{HOST}\nbasicConstraints=CA:FALSE\n")
    openssl("x509", "-req", "-in", "leaf.csr", "-CA", "root.pem", "-CAkey", "root.key", "-CAcreateserial", "-days", "2",
            "-extfile", "ext", "-out", "cert.pem")


class Shim:
    """A listener for tools that know no proxy: each connection goes into a CONNECT to HOST."""

    def __init__(self, proxy):
        self.proxy, self.port = proxy, free_port()

    async def pipe(self, reader, writer):
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        writer.close()

    async def tunnel(self, reader, writer):
        far, to = await asyncio.open_connection("127.0.0.1", self.proxy)
        to.write(f"CONNECT {HOST}:443 HTTP/1.1\r\nHost: {HOST}:443\r\n\r\n".encode())
        head = await far.readuntil(b"\r\n\r\n")
        if b" 200" not in head.split(b"\r\n")[0]:
            return writer.close()
        await asyncio.gather(self.pipe(reader, to), self.pipe(far, writer))

    async def during(self, command):
        """Runs a command while it listens: its status and output."""
        async with await asyncio.start_server(self.tunnel, "127.0.0.1", self.port):
            run = await asyncio.create_subprocess_exec(
                *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT)
            out, _ = await asyncio.wait_for(run.communicate(), PATIENCE)
            return run.returncode, out.decode(errors="replace")


class Proxy:
    """why401 before an origin; says in its last line how many requests ended with an answer."""

    def __init__(self, why401, folder, origin):
        self.folder = pathlib.Path(tempfile.mkdtemp(dir=folder))
        command = [why401, "run", "--listen", "127.0.0.1:0", "--log-format", "json", "--all",
                   "--ca-dir", self.folder / "ca", "--session", self.folder / "session",
                   "--upstream-ca", folder / "root.pem", "--resolve", f"{HOST}:443=127.0.0.1:{origin}"]
        self.err = open(self.folder / "err", "wb")
        self.out = open(self.folder / "out", "wb")
        clean = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        self.process = subprocess.Popen([str(word) for word in command], stdout=self.out, stderr=self.err, env=clean)
        until = time.monotonic() + PATIENCE
        while b"\n" not in (self.folder / "out").read_bytes():
            if self.process.poll() is not None or time.monotonic() > until:
                raise SystemExit((self.folder / "err").read_text())
            time.sleep(0.02)
        start = json.loads((self.folder / "out").read_text().splitlines()[0])
        self.port, self.ca = int(start["listen"][0].rsplit(":", 1)[1]), start["ca"]

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(PATIENCE)
        self.out.close()
        self.err.close()
        lines = [json.loads(line) for line in (self.folder / "err").read_text().splitlines() if line.startswith("{")]
        last = next((line for line in lines if line.get("message") == "stopped"), {})
        return status, last.get("answered")


def h2load(proxy):
    shim = Shim(proxy.port)
    command = ["h2load", f"-n{REQUESTS}", "-c1", f"-m{STREAMS}", f"--connect-to=127.0.0.1:{shim.port}", f"https://{HOST}/index.html"]
    _, out = asyncio.run(shim.during(command))
    found = re.search(r"(\d+) succeeded, (\d+) failed, (\d+) errored", out)
    return int(found[1]) if found and "h2" in out else out


def nghttp(proxy):
    shim = Shim(proxy.port)
    command = ["nghttp", "-v", "-n", "--no-dep", f"-m{REQUESTS}", f"-H:authority: {HOST}", f"https://127.0.0.1:{shim.port}/index.html"]
    status, out = asyncio.run(shim.during(command))
    return out.count(":status: 200") if status == 0 else out[-2000:]


def curl(proxy, *more):
    command = ["curl", "-sS", "--http2", *more, "--parallel", "--parallel-max", str(STREAMS), "--proxy", f"http://127.0.0.1:{proxy.port}",
               "--cacert", proxy.ca, "-o", "/dev/null", "-w", "%{http_code} %{http_version}\\n", f"https://{HOST}/index.html?[1-{REQUESTS}]"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    good = run.stdout.splitlines().count("200 1.1" if "--http1.1" in more else "200 2")
    return good if run.returncode == 0 else f"{run.stderr}\n{good}"


def node_client(node):
    def client(proxy):
        run = subprocess.run([node, "-e", NODE_CLIENT, "client", str(proxy.port), HOST, proxy.ca, str(REQUESTS), str(STREAMS)],
                             capture_output=True, text=True, timeout=PATIENCE)
        return int(run.stdout) if run.returncode == 0 else run.stderr
    return client


def origins(folder, node):
    """Name, command and port of each upstream."""
    if shutil.which("nghttpd"):
        docs = folder / "docs"
        docs.mkdir()
        (docs / "index.html").write_text("x" * 1024)
        port = free_port()
        yield "nghttpd (HTTP/2)", ["nghttpd", f"-d{docs}", "-a127.0.0.1", str(port), folder / "key.pem", folder / "cert.pem"], port
    else:
        print("skip  nghttpd: not installed")
    for kind in ["http2", "https"] if node else []:
        port = free_port()
        yield f"Node's {kind}", [node, "-e", NODE_ORIGIN, "origin", kind, folder, str(port)], port
    if not node:
        print("skip  Node's servers: node is not installed")


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--why401", required=True)
    arguments.add_argument("--node", default=shutil.which("node"))
    options = arguments.parse_args()
    clients = {}
    for tool, client in [("h2load", h2load), ("nghttp", nghttp), ("curl", curl)]:
        if shutil.which(tool):
            clients[tool] = client
        else:
            print(f"skip  {tool}: not installed")
    if "curl" in clients:
        clients["curl --http1.1"] = lambda proxy: curl(proxy, "--http1.1")
    if options.node:
        clients["Node's http2"] = node_client(options.node)
    passed = failed = 0
    with tempfile.TemporaryDirectory() as work:
        folder = pathlib.Path(work)
        certificates(folder)
        for origin, command, port in origins(folder, options.node):
            server = subprocess.Popen([str(word) for word in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                listening(port)
                for name, client in clients.items():
                    if origin.startswith("nghttpd") and name in OF_NO_USE:
                        print(f"skip  {name} to {origin}: {OF_NO_USE[name]}")
                        continue
                    proxy = Proxy(options.why401, folder, port)
                    try:
                        good = client(proxy)
                    except (subprocess.TimeoutExpired, asyncio.TimeoutError) as error:
                        good = f"not in time: {error}"
                    status, told = proxy.end()
                    well = good == REQUESTS and told == REQUESTS and status == 0
                    passed, failed = passed + well, failed + (not well)
                    print(f"{'ok  ' if well else 'FAIL'}  {name} to {origin}: {good} answers, {told} counted, status {status}", flush=True)
            finally:
                server.terminate()
                server.wait(PATIENCE)
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed or not passed else 0)


main()
