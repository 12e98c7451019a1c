#!/usr/bin/env python3
"""Whether each TLS library holds why401's authority to its name constraint, and strict verifiers accept its certificates.

matrix.py --why401 PATH --work DIR [--newman PATH] [--node PATH] [--python PATH] [--lint PATH] [NAME…]

Each client that is here fetches a page four times, trusting only the root of a fresh authority:
  own       from the simulated instance through why401, whose leaf it sees            must be answered
  inside    from a stand-in with a leaf for the same host, signed with the issuer key must be answered (the control)
  outside   the same, for a host that the authority may not sign for                  must be refused
  address   the same, for an address that it may not sign for                         must be refused
The leaves of the stand-in are what a thief of the key file could make. One line a client; exit status 1 where one differs.
"""

import argparse
import http.server
import json
import os
import pathlib
import re
import shutil
import signal
import ssl
import subprocess
import sys
import threading
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "clients"))
from all import HOST, LIMIT, Checks, Started, instance_facts  # noqa: E402

OUTSIDE, ADDRESS = "api.vendor.example", "192.0.2.7"
LEAF = """basicConstraints=critical,CA:FALSE
keyUsage=critical,digitalSignature
extendedKeyUsage=serverAuth
authorityKeyIdentifier=keyid
subjectAltName={}
"""


def openssl(*arguments):
    ran = subprocess.run(["openssl", *arguments], capture_output=True, text=True, timeout=LIMIT)
    if ran.returncode != 0:
        raise SystemExit(f"openssl {arguments[0]}: {ran.stderr}")
    return ran.stdout


def leaf(work, authority, host):
    """A leaf as why401 makes them, but for any host: signed with the key file. Returns chain and key."""
    name = "IP:" + host if host == ADDRESS else "DNS:" + host
    key, request, chain = (work / f"{host}.{kind}" for kind in ("key", "csr", "pem"))
    (work / "leaf.cnf").write_text(LEAF.format(name))
    openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", str(key))
    openssl("req", "-new", "-key", str(key), "-subj", "/O=why401 interception", "-out", str(request))
    signed = openssl("x509", "-req", "-in", str(request), "-CA", str(authority / "why401-issuer.pem"),
                     "-CAkey", str(authority / "why401-issuer-key.pem"), "-days", "30", "-extfile", str(work / "leaf.cnf"),
                     "-set_serial", f"0x{os.urandom(8).hex()}")
    chain.write_text(signed + (authority / "why401-issuer.pem").read_text())
    return chain, key


class StandIn(http.server.BaseHTTPRequestHandler):
    """Answers a CONNECT as the host that it names, and every request in it with a page."""

    protocol_version = "HTTP/1.1"
    contexts = {}

    def do_CONNECT(self):
        context = self.contexts.get(self.path.rsplit(":", 1)[0])
        if context is None:
            return self.send_error(502)
        self.connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        try:
            self.connection = context.wrap_socket(self.connection, server_side=True)
        except OSError:
            # Refused: what the client says of it is what counts.
            self.close_connection = True
            return
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", 0)
        # Whatever version or Connection the CONNECT had: the tunnel stays.
        self.close_connection = False

    def do_GET(self):
        page = b"<html><body>the stand-in</body></html>"
        self.send_response(200)
        self.send_header("Content-Length", str(len(page)))
        self.send_header("Content-Type", "text/html")
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(page)
        self.close_connection = True

    def log_message(self, *_):
        pass


def stand_in(work, authority):
    for host in (HOST, OUTSIDE, ADDRESS):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*leaf(work, authority, host))
        StandIn.contexts[host] = context
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), StandIn)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server, f"http://127.0.0.1:{server.server_port}"


def here(*command):
    return bool(shutil.which(command[0])) and subprocess.run(command, capture_output=True, timeout=LIMIT).returncode == 0


class Clients:
    """Name → the call: its arguments and variables for a proxy and a URL. Only those that are here."""

    def __init__(self, options, ca, page):
        self.options, self.ca, self.page, self.work = options, str(ca), page, options.work
        known = {
            "curl": (here("curl", "--version"), self.curl),
            "wget": (here("wget", "--version"), self.wget),
            "requests": (bool(options.python), self.requests),
            "python-strict": (True, self.strict),
            "python-3.13": (bool(self.newest()), self.strict_by_default),
            "node": (bool(options.node), self.fetch),
            "newman": (bool(options.newman), self.newman),
            "java": (here("javac", "-version"), self.java),
            "go": (here("go", "version"), self.go),
            "ruby": (here("ruby", "-e", "1"), self.ruby),
            "perl": (here("perl", "-MLWP::Protocol::https", "-e1"), self.perl),
            "php": (here("php", "-r", "exit(function_exists('curl_init') ? 0 : 1);"), self.php),
            "chromium": (here("chromium", "--version") and bool(shutil.which("certutil")), self.chromium),
        }
        wanted = {name: entry for name, entry in known.items() if not options.names or name in options.names}
        self.calls = {name: call for name, (present, call) in wanted.items() if present}
        self.missing = [name for name, (present, _) in wanted.items() if not present]

    def curl(self, proxy, url):
        return ["curl", "-sS", "--max-time", "20", "-o", os.devnull, "--proxy", proxy, "--cacert", self.ca, url], {}

    def wget(self, proxy, url):
        command = ["wget", "-nv", "--tries=1", "-O", os.devnull, "--ca-certificate", self.ca, url]
        return command, {"https_proxy": proxy}

    def requests(self, proxy, url):
        code = "import requests, sys; print(requests.get(sys.argv[1], proxies={'https': sys.argv[2]}, verify=sys.argv[3]))"
        return [self.options.python, "-c", code, url, proxy, self.ca], {}

    def strict(self, proxy, url):
        host, port = proxy.removeprefix("http://").split(":")
        python = self.options.python or sys.executable
        return [python, str(HERE / "strict.py"), host, port, self.ca, url.split("/")[2]], {}

    @staticmethod
    def newest():
        """A Python that is strict by itself."""
        return next((name for name in ("python3.14", "python3.13") if here(name, "--version")), None)

    def strict_by_default(self, proxy, url):
        host, port = proxy.removeprefix("http://").split(":")
        code = ("import http.client as h, sys, ssl; c = h.HTTPSConnection(sys.argv[1], int(sys.argv[2]), timeout=20, "
                "context=ssl.create_default_context(cafile=sys.argv[3])); c.set_tunnel(sys.argv[4], 443); "
                "c.request('GET', '/login.do', headers={'Host': sys.argv[4]}); print(c.getresponse().status)")
        return [self.newest(), "-c", code, host, port, self.ca, url.split("/")[2]], {}

    def fetch(self, proxy, url):
        code = "fetch(process.argv[1]).then(a => console.log(a.status), e => { console.log(String(e.cause)); process.exit(1) })"
        return [self.options.node, "-e", code, url], {
            "NODE_USE_ENV_PROXY": "1", "HTTPS_PROXY": proxy, "NODE_EXTRA_CA_CERTS": self.ca}

    def newman(self, proxy, url):
        collection = self.work / "collection.json"
        schema = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
        item = {"name": "page", "request": {"method": "GET", "url": url}}
        collection.write_text(json.dumps({"info": {"name": "page", "schema": schema}, "item": [item]}))
        command = [self.options.newman, "run", str(collection), "--color", "off", "--ssl-extra-ca-certs", self.ca]
        return command, {"HTTPS_PROXY": proxy}

    def java(self, proxy, url):
        store, (host, port) = self.work / "roots.p12", proxy.removeprefix("http://").split(":")
        if not store.exists():
            # As the proxy's own page gives it.
            with urllib.request.urlopen(self.page + "/ca.p12", timeout=LIMIT) as answer:
                store.write_bytes(answer.read())
            subprocess.run(["javac", "-d", self.work, HERE / "Get.java"], check=True)
        return ["java", f"-Djavax.net.ssl.trustStore={store}", "-Djavax.net.ssl.trustStorePassword=changeit",
                f"-Dhttps.proxyHost={host}", f"-Dhttps.proxyPort={port}", "-cp", str(self.work), "Get", url], {}

    def go(self, proxy, url):
        program = self.work / "get-go"
        if not program.exists():
            subprocess.run(["go", "build", "-o", program, HERE / "get.go"], check=True,
                           env=os.environ | {"GO111MODULE": "off", "GOCACHE": str(self.work / "go"), "GOFLAGS": ""})
        return [str(program), url], {"HTTPS_PROXY": proxy, "SSL_CERT_FILE": self.ca, "SSL_CERT_DIR": "/nowhere"}

    def ruby(self, proxy, url):
        code = ("u = URI(ARGV[0]); x = URI(ARGV[1]); "
                "h = Net::HTTP.new(u.host, 443, x.host, x.port); h.use_ssl = true; h.ca_file = ARGV[2]; puts h.get(u.path).code")
        return ["ruby", "-rnet/http", "-e", code, url, proxy, self.ca], {}

    def perl(self, proxy, url):
        code = ("my $u = LWP::UserAgent->new(ssl_opts => { SSL_ca_file => $ARGV[2] }); $u->proxy(https => $ARGV[1]); "
                "my $r = $u->get($ARGV[0]); print $r->as_string; exit($r->header('Client-Warning') ? 1 : 0)")
        return ["perl", "-MLWP::UserAgent", "-e", code, url, proxy, self.ca], {}

    def php(self, proxy, url):
        code = ("$c = curl_init($argv[1]); curl_setopt_array($c, [CURLOPT_PROXY => $argv[2], CURLOPT_CAINFO => $argv[3], "
                "CURLOPT_RETURNTRANSFER => 1]); $r = curl_exec($c); echo curl_error($c); exit($r === false ? 1 : 0);")
        return ["php", "-r", code, url, proxy, self.ca], {}

    def chromium(self, proxy, url):
        return ["bash", str(HERE / "chromium.sh"), proxy, self.ca, url], {}


# What each library says where a certificate is outside of its issuer's constraint.
REASON = re.compile(r"permitted subtree violation|certificate of .{0,40}? is not trusted|not authorized to sign for this name"
                    r"|name constraints check failed|ERR_CERT_\w+")
# What LWP says instead; the control shows that nothing else is wrong.
UNSPECIFIC = re.compile("certificate verify failed")


def fetched(env, call, proxy, host):
    """What became of the call, and why."""
    command, variables = call(proxy, f"https://{host}/login.do")
    ran = subprocess.run(command, env=env | variables, capture_output=True, text=True, timeout=LIMIT + 30)
    said = " ".join((ran.stdout + ran.stderr).split())
    if ran.returncode == 0:
        return "answered", said
    reason = REASON.search(said) or UNSPECIFIC.search(said)
    # Get.java's 9: one of its clients was answered and the other was not.
    return ("refused", reason[0]) if reason and ran.returncode != 9 else ("broken", said[-500:])


def matrix(checks, options, clients, env, own, thief):
    wanted = {"own": (own, HOST, "answered"), "inside": (thief, HOST, "answered"),
              "outside": (thief, OUTSIDE, "refused"), "address": (thief, ADDRESS, "refused")}
    for name, call in clients.calls.items():
        seen, said = {}, []
        for case, (proxy, host, due) in wanted.items():
            seen[case], words = fetched(env, call, proxy, host)
            if seen[case] != due or case == "outside":
                said.append(f"\n     {case}: {words}")
        ok = all(seen[case] == due for case, (*_, due) in wanted.items())
        checks.say(name, ok, ", ".join(f"{case} {how}" for case, how in seen.items()) + "".join(said))


def strict(checks, options, authority, proxy):
    """The certificates themselves: OpenSSL's strict mode, and pkilint where it is here."""
    shown = openssl("s_client", "-proxy", proxy.removeprefix("http://"), "-connect", f"{HOST}:443", "-servername", HOST,
                    "-CAfile", str(authority / "why401-ca.pem"), "-showcerts")
    first = shown[shown.index("-----BEGIN"):]
    own = options.work / "own-leaf.pem"
    own.write_text(first[:first.index("-----END CERTIFICATE-----")] + "-----END CERTIFICATE-----\n")
    root, issuer = authority / "why401-ca.pem", authority / "why401-issuer.pem"
    said = openssl("verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname", HOST, "-CAfile", str(root),
                   "-untrusted", str(issuer), str(own))
    checks.say("openssl verify -x509_strict", said.strip().endswith("OK"), said.strip())
    if not options.lint:
        return print("skip pkilint: not installed here")
    for name, file in (("leaf", own), ("issuer", issuer), ("root", root)):
        ran = subprocess.run([options.lint, "lint", "-s", "WARNING", str(file)], capture_output=True, text=True, timeout=LIMIT)
        checks.say(f"pkilint, {name}", ran.returncode == 0, " ".join((ran.stdout + ran.stderr).split()) or "nothing to say")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--why401", required=True)
    parser.add_argument("--work", required=True, type=pathlib.Path)
    parser.add_argument("--newman")
    parser.add_argument("--node", help="22.21 or newer")
    parser.add_argument("--python", help="one with requests")
    parser.add_argument("--lint", help="lint_pkix_cert of pkilint")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    # So that what was started is stopped when this is.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    options.work = options.work.resolve()
    options.work.mkdir(parents=True, exist_ok=True)
    authority = options.work / "authority"
    env = {"PATH": os.environ["PATH"], "HOME": str(options.work), "LANG": "C.UTF-8"}
    instance = Started([options.why401, "instance", "--listen", "127.0.0.1:0"], env, options.work / "instance.err")
    checks, proxy = Checks(), None
    try:
        facts = instance_facts(instance.until("Ctrl-C ends it"))
        proxy = Started([options.why401, "run", "--listen", "127.0.0.1:0", "--ca-dir", str(authority), "--log-format", "json",
                         "--upstream-ca", facts["ca"], "--resolve", f"{HOST}={facts['address']}"],
                        env, options.work / "run.err")
        start = json.loads(proxy.line() or "{}")
        own = f"http://{start['listen'][0]}"
        clients = Clients(options, start["ca"], own)
        for name in clients.missing:
            print(f"skip {name}: not installed here")
        server, thief = stand_in(options.work, authority)
        matrix(checks, options, clients, env, own, thief)
        strict(checks, options, authority, own)
        server.shutdown()
    finally:
        for started in (proxy, instance):
            if started:
                started.stop()
    sys.exit(1 if checks.failed else 0)


if __name__ == "__main__":
    main()
