#!/usr/bin/env python3
"""Real parent proxies before why401: squid with Basic credentials, and microsocks with and without a password.

 parents.py --why401 target/release/why401 --work DIR

Each line is one case: ok or FAIL, and what was seen. What is not installed is skipped aloud. Everything is on loopback, in
DIR, and stopped at the end. squid runs with its own configuration, not the system's.
"""
import argparse
import base64
import contextlib
import http.server
import json
import os
import pathlib
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time

HOST = "dev1.service-now.com"
OTHER = "build.corp.example"
PATIENCE = 20

parser = argparse.ArgumentParser()
parser.add_argument("--why401", required=True)
parser.add_argument("--work", required=True)
options = parser.parse_args()
why401 = os.path.abspath(options.why401)
work = pathlib.Path(options.work).resolve()
work.mkdir(parents=True, exist_ok=True)
failed = []


def check(name, fine, seen=""):
    print(f"{'ok  ' if fine else 'FAIL'}  {name}{'' if fine else f': {seen}'}", flush=True)
    if not fine:
        failed.append(name)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise SystemExit(f"nothing came to listen on {port}")


def certificates():
    """A root, and a server's certificate for both names."""
    san = f"subjectAltName=DNS:{HOST},DNS:{OTHER}"
    run = lambda *words: subprocess.run(["openssl", *words], check=True, capture_output=True, cwd=work)
    run("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "root.key", "-out", "root.pem", "-days", "30", "-subj", "/CN=test root")
    run("req", "-newkey", "rsa:2048", "-nodes", "-keyout", "origin.key", "-out", "origin.csr", "-subj", f"/CN={HOST}")
    (work / "ext").write_text(san + "\n")
    run("x509", "-req", "-in", "origin.csr", "-CA", "root.pem", "-CAkey", "root.key", "-CAcreateserial", "-days", "30", "-extfile", "ext", "-out", "origin.pem")


class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = b"from the origin"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def origin(tls):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    server.daemon_threads = True
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(work / "origin.pem", work / "origin.key")
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


@contextlib.contextmanager
def squid():
    """Squid with Basic credentials; it knows the test's names from a hosts file of its own."""
    helper = next((path for path in ["/usr/lib/squid/basic_ncsa_auth", "/usr/lib64/squid/basic_ncsa_auth"] if os.path.exists(path)), None)
    program = shutil.which("squid") or shutil.which("squid", path="/usr/sbin")
    if not program or not helper:
        yield None
        return
    # Not in the work folder: started by root, squid becomes another user, who may not be let in there.
    folder = pathlib.Path(tempfile.mkdtemp(prefix="squid-"))
    folder.chmod(0o777)
    port = free_port()
    crypt = subprocess.run(["openssl", "passwd", "-apr1", "p@ss word"], check=True, capture_output=True, text=True).stdout
    (folder / "passwd").write_text("svc:" + crypt)
    (folder / "hosts").write_text(f"127.0.0.1 {HOST} {OTHER}\n")
    (folder / "conf").write_text(f"""
http_port 127.0.0.1:{port}
hosts_file {folder}/hosts
auth_param basic program {helper} {folder}/passwd
auth_param basic realm corporate
acl known proxy_auth REQUIRED
http_access allow known
http_access deny all
cache deny all
access_log stdio:{folder}/access.log
cache_log {folder}/cache.log
pid_filename none
coredump_dir {folder}
shutdown_lifetime 0 seconds
""")
    process = subprocess.Popen([program, "-N", "-f", folder / "conf"], stdout=subprocess.DEVNULL, stderr=(work / "squid.err").open("w"))
    try:
        wait_for(port)
        yield port, folder / "access.log"
    finally:
        process.terminate()
        process.wait(PATIENCE)
        shutil.rmtree(folder)


@contextlib.contextmanager
def socks(*words):
    program = shutil.which("microsocks")
    if not program:
        yield None
        return
    port = free_port()
    log = work / f"socks{port}.log"
    process = subprocess.Popen([program, "-i", "127.0.0.1", "-p", str(port), *words], stdout=subprocess.DEVNULL, stderr=log.open("w"))
    try:
        wait_for(port)
        yield port, log
    finally:
        process.terminate()
        process.wait(PATIENCE)


class Proxy:
    """why401 with these flags and variables; explanations as they come."""

    def __init__(self, *flags, **variables):
        environment = {"PATH": os.environ["PATH"], "HOME": str(work), **variables}
        command = [why401, "--listen", "127.0.0.1:0", "--log-format", "json", "--all", "--ca-dir", work / "ca", "--upstream-ca", work / "root.pem", *flags]
        self.errors = (work / "why401.err").open("a")
        self.process = subprocess.Popen([str(word) for word in command], env=environment, stdout=subprocess.PIPE, stderr=self.errors, text=True)
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("why401 did not start: " + (work / "why401.err").read_text())
        start = json.loads(line)
        self.port, self.ca = int(start["listen"][0].rsplit(":", 1)[1]), start["ca"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.told = [json.loads(line) for line in self.process.stdout]
        self.process.wait(PATIENCE)

    def get(self, url):
        trust = work / "trust.pem"
        trust.write_text(pathlib.Path(self.ca).read_text() + (work / "root.pem").read_text())
        command = ["curl", "-sS", "-i", "--max-time", str(PATIENCE), "--noproxy", "", "-x", f"http://127.0.0.1:{self.port}", "--cacert", trust, url]
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True, env={"PATH": os.environ["PATH"]})
        return done.stdout + done.stderr


def causes(proxy):
    return [found["cause"] for line in proxy.told for found in line.get("findings", [])]


def lines(log):
    return log.read_text() if log.exists() else ""


def through_squid(tls, plain, parent):
    port, log = parent
    url = f"http://svc:p%40ss%20word@127.0.0.1:{port}"
    before = ["--allow-port", tls, "--allow-port", plain]
    with Proxy(*before, "--upstream-proxy", url) as proxy:
        inside, tunnelled, clear = (proxy.get(f"https://{name}:{tls}/x") for name in (HOST, OTHER)), None, None
        inside, tunnelled = inside
        clear = proxy.get(f"http://{HOST}:{plain}/x")
    seen = lines(log)
    check("squid: intercepted https goes through", inside.endswith("from the origin") and f"CONNECT {HOST}:{tls}" in seen, inside)
    check("squid: tunnelled https goes through", tunnelled.endswith("from the origin") and f"CONNECT {OTHER}:{tls}" in seen, tunnelled)
    check("squid: http goes through in absolute form", clear.endswith("from the origin") and f"GET http://{HOST}:{plain}/x" in seen, clear)
    check("squid: as the user", seen.count(" svc ") >= 3, seen)

    with Proxy(*before, HTTPS_PROXY=f"http://127.0.0.1:{port}") as proxy:
        inside, tunnelled = proxy.get(f"https://{HOST}:{tls}/x"), proxy.get(f"https://{OTHER}:{tls}/x")
    check("squid: 407 without credentials is told to the client", " 502" in inside and "it offers Basic; no credentials were given" in inside, inside)
    check("squid: and in the answer to a tunnel's CONNECT", "Proxy-Status: why401" in tunnelled and "received-status=407" in tunnelled, tunnelled)
    check("squid: 407 is explained", "proxy-authentication-required" in causes(proxy), proxy.told)

    with Proxy(*before, "--upstream-proxy", f"http://svc:wrong@127.0.0.1:{port}") as proxy:
        inside = proxy.get(f"https://{HOST}:{tls}/x")
    check("squid: wrong credentials are told as such", "the credentials that it was given were refused" in inside, inside)


def exceptions(tls, parent):
    """What NO_PROXY names is reached straight: the parent is not asked. Names are looked up by hand, to loopback."""
    port, log = parent
    by_hand = ["--resolve", f"{HOST}={'127.0.0.1'}", "--resolve", f"{OTHER}=127.0.0.1", "--allow-port", tls]
    for value, straight in [
        (".service-now.com", [HOST]),
        ("corp.example", [OTHER]),
        (f"{HOST}:{tls}", [HOST]),
        (f"{HOST}:1", []),
        ("127.0.0.0/8", [HOST, OTHER]),
        ("10.0.0.0/8,192.168.0.0/16", []),
        ("*", [HOST, OTHER]),
    ]:
        answers = {}
        with Proxy(*by_hand, https_proxy=f"http://127.0.0.1:{port}", NO_PROXY=value) as proxy:
            for name in (HOST, OTHER):
                answers[name] = proxy.get(f"https://{name}:{tls}/x")
        fine = all(answers[name].endswith("from the origin") == (name in straight) for name in answers)
        check(f"NO_PROXY={value} leaves out {', '.join(straight) or 'nothing'}", fine, answers)


def through_socks(tls, plain, parent, credentials, name):
    port, log = parent
    by_hand = ["--resolve", f"{HOST}=127.0.0.1", "--resolve", f"{OTHER}=127.0.0.1", "--allow-port", tls, "--allow-port", plain]
    with Proxy(*by_hand, "--upstream-proxy", f"socks5h://{credentials}127.0.0.1:{port}") as proxy:
        seen = [proxy.get(f"https://{HOST}:{tls}/x"), proxy.get(f"https://{OTHER}:{tls}/x"), proxy.get(f"http://{HOST}:{plain}/x")]
    for what, answer in zip(["intercepted", "tunnelled", "http"], seen):
        check(f"{name}: {what} goes through", answer.endswith("from the origin"), answer)
    check(f"{name}: three connections were led", lines(log).count("connected to") >= 3 or not lines(log), lines(log))


def main():
    certificates()
    tls, plain = origin(True), origin(False)
    with squid() as parent:
        if parent:
            through_squid(tls, plain, parent)
            exceptions(tls, parent)
        else:
            print("skip  squid is not installed")
    with socks() as parent:
        if parent:
            through_socks(tls, plain, parent, "", "SOCKS5")
        else:
            print("skip  microsocks is not installed")
    with socks("-u", "svc", "-P", "sesame") as parent:
        if parent:
            through_socks(tls, plain, parent, "svc:sesame@", "SOCKS5 with a password")
            with Proxy("--upstream-proxy", f"socks5://127.0.0.1:{parent[0]}", "--resolve", f"{HOST}=127.0.0.1", "--allow-port", tls) as proxy:
                answer = proxy.get(f"https://{HOST}:{tls}/x")
            check("SOCKS5 without the password: 502 that says so", "502" in answer and "user and password" in answer, answer)
            check("SOCKS5 without the password: explained", "proxy-authentication-required" in causes(proxy), proxy.told)
    print(f"{len(failed)} failed")
    sys.exit(bool(failed))


main()
