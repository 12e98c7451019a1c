#!/usr/bin/env python3
"""Drives real clients through `why401 run` and `why401 exec` against `why401 instance`, all on loopback.

all.py --why401 PATH --work DIR [--newman PATH] [--node PATH] [--python PATH] [NAME…]

For each client: a healthy call goes through with the certificate trusted the client's own way and is not explained; a
failing one is explained with the cause that is expected. Then the same through `exec`, with nothing set up. What is not
here is named and left out. One line a check; exit status 1 where one fails. Everything that is started is stopped.
"""

import argparse
import json
import os
import pathlib
import queue
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
HOST, OTHER_HOST = "dev1.service-now.com", "acme.service-now.com"
LIMIT = 60


# Clients with one failing call, made through `exec` alone: how to see that they are here, and the call.
GLUED = "Bearer8yJpLm2Qx4TtVw6Zr0Nk3Bs5Df7Gh9Jc1Xa2We4Rt6Yu8Io0Pq3As5Df7Gh9Jk1Lz2Xc4Vb6Nm8Qw0Er3Ty5UiA"
URL = f"https://{HOST}/api/now/table/incident?sysparm_limit=1"
ONE_CALL = {
    "wget": (["wget", "--version"], ["wget", "-q", "--tries=1", "-O", "-", f"--header=Authorization: {GLUED}", URL]),
    # Whatever version is here: one before 22.21 reads no proxy variables by itself.
    "node": (["node", "-e", "fetch"],
             ["node", "-e", "fetch(process.argv[1], { headers: { Authorization: process.argv[2] } }).then(a => a.text())",
              URL, GLUED]),
    "node-https": (["node", "-e", "fetch"],
                   ["node", "-e", "require('https').get(process.argv[1], { headers: { Authorization: process.argv[2] } }, "
                    "answer => answer.resume())", URL, GLUED]),
    "perl": (["perl", "-MLWP::Protocol::https", "-e1"],
             ["perl", "-MLWP::UserAgent", "-e", "LWP::UserAgent->new->get($ARGV[0], Authorization => $ARGV[1])", URL, GLUED]),
    "ruby": (["ruby", "-e", "1"],
             ["ruby", "-rnet/http", "-e", "Net::HTTP.get(URI(ARGV[0]), 'Authorization' => ARGV[1])", URL, GLUED]),
    "php": (["php", "-r", "exit(function_exists('curl_init') ? 0 : 1);"],
            ["php", "-r", "$c = curl_init($argv[1]); curl_setopt($c, CURLOPT_HTTPHEADER, [\"Authorization: $argv[2]\"]); "
             "curl_exec($c);", URL, GLUED]),
}


class Started:
    """A process whose standard output is read line by line; stopped by its own id."""

    def __init__(self, arguments, env, errors):
        self.errors = open(errors, "wb")
        self.process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=self.errors, env=env, text=True)
        self.lines = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line.rstrip("\n"))
        self.lines.put(None)

    def line(self, seconds=LIMIT):
        """The next line; None at the end or when none comes in time."""
        try:
            return self.lines.get(timeout=seconds)
        except queue.Empty:
            return None

    def until(self, pattern):
        seen = []
        while (line := self.line()) is not None:
            seen.append(line)
            if re.search(pattern, line):
                return seen
        raise SystemExit(f"{self.process.args[1]} did not say /{pattern}/; it said: {seen}")

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return "killed"
        finally:
            self.errors.close()


def instance_facts(lines):
    text = "\n".join(lines)
    find = lambda pattern: re.search(pattern, text).group(1)
    return {
        "address": find(r"Simulated hosts on (\S+),"),
        "ca": find(r"Certificate to trust, for this run only: (.+)"),
        "id": find(rf"{re.escape(HOST)}\n\s+client_id\s+(\S+)"),
        "secret": find(rf"{re.escape(HOST)}\n\s+client_id\s+\S+\n\s+client_secret\s+(\S+)"),
    }


def clients(options):
    """Each client: its call, the cause of its failing one, what it needs here."""
    script = lambda name: ["bash", str(HERE / name)]
    known = {
        "curl": (script("curl.sh"), "bearer-missing-space", shutil.which("curl")),
        "requests": ([options.python, str(HERE / "with_requests.py")], "token-from-other-instance", options.python),
        "fetch": (script("fetch.sh"), "token-quoted", options.node),
        "java": (script("java.sh"), "bearer-doubled", shutil.which("javac")),
        "newman": (script("newman.sh"), "token-placeholder", options.newman),
    }
    wanted = {name: client for name, client in known.items() if not options.names or name in options.names}
    return {name: client[:2] for name, client in wanted.items() if client[2]}, [n for n, c in wanted.items() if not c[2]]


class Checks:
    failed = 0

    def say(self, name, ok, detail):
        self.failed += not ok
        print(f"{'ok  ' if ok else 'FAIL'} {name}: {detail}", flush=True)


def first_causes(line):
    told = json.loads(line)
    return told["url"], [f"{finding['cause']} {finding['grade']}" for finding in told["findings"]]


def through_run(checks, options, flags, env, work):
    proxy = Started(
        [options.why401, "run", "--listen", "127.0.0.1:0", "--ca-dir", str(work / "ca"), "--log-format", "json", *flags],
        env, work / "run.err")
    try:
        start = json.loads(proxy.line() or "{}")
        env = env | {"PROXY": f"http://{start['listen'][0]}", "CA": start["ca"]}
        for name, (command, cause) in options.clients.items():
            ran = subprocess.run(command, env=env, capture_output=True, text=True, timeout=LIMIT)
            said = (ran.stdout + ran.stderr).strip().splitlines()[-1:] or [""]
            checks.say(f"run {name} calls", ran.returncode == 0, said[0] if ran.returncode == 0 else ran.stdout + ran.stderr)
            url, causes = first_causes(proxy.line(10) or '{"url":"","findings":[]}')
            checks.say(f"run {name} explained", causes[:1] == [f"{cause} proven"], f"{', '.join(causes)} at {url}")
        distrusting(checks, proxy, env)
    finally:
        status = proxy.stop()
    left = []
    while (line := proxy.line(1)) is not None:
        left.append(line)
    checks.say("run says nothing else", not left, " ".join(left))
    checks.say("run ends with SIGTERM", status == 0, f"status {status}")


def distrusting(checks, proxy, env):
    """A client that was not told of the certificate fails, and that is explained too."""
    url = f"https://{HOST}/"
    ran = subprocess.run(["curl", "-sS", "--proxy", env["PROXY"], url], env=env | {"CURL_CA_BUNDLE": ""},
                         capture_output=True, text=True, timeout=LIMIT)
    line = proxy.line(10) or '{"url":"","findings":[]}'
    _, causes = first_causes(line)
    ok = ran.returncode == 60 and causes[:1] == ["client-distrusts-ca proven"] and "why401 ca trust curl" in line
    checks.say("run curl without trust explained", ok, f"curl exits {ran.returncode}; {', '.join(causes)}")


def through_exec(checks, options, flags, env):
    for name, (command, cause) in options.clients.items():
        call = [options.why401, "exec", "--log-format", "json", *flags, "--fail-on", "likely", "--", *command]
        ran = subprocess.run(call, env=env, capture_output=True, text=True, timeout=LIMIT)
        lines = [line for line in ran.stdout.splitlines() if line.startswith('{"schema":"why401.exchange/1"')]
        causes = first_causes(lines[0])[1] if lines else []
        ok = ran.returncode == 3 and len(lines) == 1 and causes[:1] == [f"{cause} proven"]
        checks.say(f"exec {name}", ok, f"status {ran.returncode}; {', '.join(causes)}" if ok else ran.stdout + ran.stderr)


def one_call(checks, options, flags, env):
    for name, (probe, command) in ONE_CALL.items():
        if options.names and name not in options.names:
            continue
        if not shutil.which(probe[0]) or subprocess.run(probe, env=env, capture_output=True, timeout=LIMIT).returncode != 0:
            print(f"skip exec {name}: not installed here")
            continue
        call = [options.why401, "exec", "--fail-on", "proven", *flags, "--", *command]
        ran = subprocess.run(call, env=env, capture_output=True, text=True, timeout=LIMIT)
        ok = ran.returncode == 3 and "(bearer-missing-space)" in ran.stdout
        checks.say(f"exec {name}", ok, "bearer-missing-space" if ok else ran.stdout + ran.stderr)


def killed(checks, options, env):
    """The command is killed in the midst: its status is told, and neither files nor the port are left."""
    folder = options.work / "killed"
    folder.mkdir(exist_ok=True)
    call = [options.why401, "exec", "--", "sh", "-c", "echo $$ $https_proxy; exec sleep 600"]
    run = subprocess.Popen(call, env=env | {"TMPDIR": str(folder)}, stdout=subprocess.PIPE,
                           stderr=subprocess.DEVNULL, text=True)
    pid, proxy = run.stdout.readline().split()
    there = any(folder.iterdir())
    os.kill(int(pid), signal.SIGKILL)
    status = run.wait(LIMIT)
    host, port = proxy.removeprefix("http://").split(":")
    with socket.socket() as probe:
        shut = probe.connect_ex((host, int(port))) != 0
    left = [str(path) for path in folder.iterdir()]
    checks.say("exec, its command killed, leaves nothing", (there, status, shut, left) == (True, 137, True, []),
               f"status {status}, port {'shut' if shut else 'open'}, files {left}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--why401", required=True)
    parser.add_argument("--work", required=True, type=pathlib.Path)
    parser.add_argument("--newman")
    parser.add_argument("--node", help="22.21 or newer")
    parser.add_argument("--python")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    options.clients, missing = clients(options)
    for name in missing:
        print(f"skip {name}: not installed here")
    # So that what was started is stopped when this is.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    options.work.mkdir(parents=True, exist_ok=True)
    env = {"PATH": os.environ["PATH"], "HOME": str(options.work), "LANG": "C.UTF-8"}
    began = time.monotonic()
    instance = Started([options.why401, "instance", "--listen", "127.0.0.1:0"], env, options.work / "instance.err")
    checks = Checks()
    try:
        facts = instance_facts(instance.until("Ctrl-C ends it"))
        env |= {"HOST": HOST, "OTHER_HOST": OTHER_HOST, "CLIENT_ID": facts["id"], "CLIENT_SECRET": facts["secret"],
                "CLIENT_USER": "integration.user", "CLIENT_PASSWORD": "training", "NEWMAN": options.newman or "",
                "NODE": options.node or ""}
        flags = ["--upstream-ca", facts["ca"]]
        for host in (HOST, OTHER_HOST):
            flags += ["--resolve", f"{host}={facts['address']}"]
        through_run(checks, options, flags, env, options.work)
        through_exec(checks, options, flags, env)
        one_call(checks, options, flags, env)
        killed(checks, options, env)
    finally:
        status = instance.stop()
    checks.say("instance ends with SIGTERM", status == 0, f"status {status}")
    print(f"{time.monotonic() - began:.1f} s")
    sys.exit(1 if checks.failed else 0)


if __name__ == "__main__":
    main()
