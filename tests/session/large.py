#!/usr/bin/env python3
"""A large session: `why401 report` needs little memory for it and shows how far it is, on a terminal and nowhere else.

usage: large.py --why401 PATH --work FOLDER [--megabytes N] [--most N]

Makes a session of so many megabytes, as it would be recorded,
with numbers, times and tokens of their own; then reports it into a
folder, into a zip and as a short text. Fails where the process once held more than --most megabytes (100).
"""

import argparse
import json
import multiprocessing
import os
import pty
import random
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

LINES_OF_A_FILE = 20_000
BEGAN = 1793613600
# The hour of the first file, and the end of its tokens: each further file has others.
HOUR = b"2026-11-02T10:"
OWN = b"Q00w"


def entry(number, chance):
    """One line: mostly healthy calls with a token, sometimes a token request, now and then a refusal."""
    token = f"{chance.getrandbits(256):064x}"[:48] + "Q00w"
    at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(BEGAN + number // 50)) + f".{number % 50 * 20:03d}Z"
    kind = number % 50
    headers = [{"name": "Host", "value": "dev1.service-now.com"}, {"name": "User-Agent", "value": f"client/{number % 7}"}]
    text = ""
    if kind == 0:
        method, path, status = "POST", "/oauth_token.do", 200
        answer = json.dumps({"access_token": token, "expires_in": 1799, "token_type": "Bearer", "scope": "useraccount"})
        text = "grant_type=client_credentials&client_id=0123456789abcdef0123456789abcdef&client_secret=abcDEF123"
        headers.append({"name": "Content-Type", "value": "application/x-www-form-urlencoded"})
    else:
        method, path = "GET", f"/api/now/table/t{number % 400}?sysparm_limit={number}"
        status = 401 if kind % 10 == 7 else 200
        answer = ('{"error":{"message":"User Not Authenticated","detail":"Required to provide Auth information"},"status":"failure"}'
                  if status == 401 else json.dumps({"result": [{"sys_id": f"{chance.getrandbits(128):032x}", "n": "x" * 900}]}))
        headers.append({"name": "Authorization", "value": f"Bearer {token}"})
    request = {"method": method, "url": f"https://dev1.service-now.com{path}", "httpVersion": "HTTP/1.1", "cookies": [], "headers": headers,
               "queryString": [], "headersSize": -1, "bodySize": len(text)}
    if text:
        request["postData"] = {"mimeType": "application/x-www-form-urlencoded", "text": text}
    answered = {"status": status, "statusText": "", "httpVersion": "HTTP/1.1", "cookies": [],
                "headers": [{"name": "Content-Type", "value": "application/json"}, {"name": "X-Transaction-ID", "value": token[:12]},
                            {"name": "X-Is-Logged-In", "value": "true" if status == 200 else "false"}],
                "content": {"size": len(answer), "mimeType": "application/json", "text": answer}, "redirectURL": "", "headersSize": -1,
                "bodySize": len(answer)}
    removed = [{"where": "request.headers.authorization", "rule": "name-or-look", "tag": f"{chance.getrandbits(64):016x}", "now": token}]
    return json.dumps({"schema": "why401.entry/1", "exchange": number + 1, "removed": removed, "entry": {
        "startedDateTime": at, "time": 12.5, "request": request, "response": answered, "cache": {},
        "timings": {"send": 1, "wait": 10, "receive": 1.5}}}, separators=(",", ":"))


def make(session, size):
    """Writes the journals."""
    session.mkdir(parents=True)
    chance = random.Random(1)
    lines = [entry(number, chance).encode() + b"\n" for number in range(LINES_OF_A_FILE)]
    written = file = 0
    while written < size:
        # Each file is a run of its own, an hour after the one before, with tokens of its own.
        at = time.strftime("%Y-%m-%dT%H:", time.gmtime(BEGAN + file * 3600)).encode()
        file += 1
        head = b'{"schema":"why401.session/1","why401":"0.1.0","at":"%s00:00.000Z"}\n' % at
        if written + sum(map(len, lines)) > size:
            share = (size - written) / sum(map(len, lines))
            lines = lines[:max(1, int(len(lines) * share))]
            size = 0
        block = head + b"".join(lines).replace(HOUR, at).replace(OWN, b"f%03d" % file)
        (session / f"journal-{file:06d}.jsonl").write_bytes(block)
        written += len(block)


def made(session):
    return sum('"why401.entry/1"' in line for path in session.glob("*.jsonl") for line in open(path))


def most_memory(command, env, terminal):
    """Runs the command; its largest resident set in megabytes, what it said on standard error, how long it took."""
    began = time.monotonic()
    ours, theirs = pty.openpty() if terminal else os.pipe()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=theirs, env=env)
    os.close(theirs)
    said = bytearray()

    def read():
        try:
            while part := os.read(ours, 65536):
                said.extend(part)
        except OSError:
            # The terminal's other side is gone.
            pass

    reader = threading.Thread(target=read)
    reader.start()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    reader.join()
    os.close(ours)
    return process.returncode, usage.ru_maxrss / 1024, said.decode(errors="replace"), time.monotonic() - began


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--why401", required=True)
    arguments.add_argument("--work", required=True, type=Path)
    arguments.add_argument("--megabytes", type=int, default=100)
    arguments.add_argument("--most", type=int, default=100)
    options = arguments.parse_args()
    session = options.work / "session"
    # One that is there from another time is used again.
    if not session.exists():
        # In a process of its own: what is started from here begins with the memory that this one has.
        maker = multiprocessing.Process(target=make, args=(session, options.megabytes * 1_000_000))
        maker.start()
        maker.join()
    exchanges = made(session)
    env = {"PATH": os.environ["PATH"], "HOME": str(options.work)}
    wrong = 0
    for name, arguments, terminal in [("folder", ["-o", options.work / "bundle"], True), ("zip, names masked", ["-o", options.work / "bundle.zip", "--mask", "users,clients,hosts,claims"], False),
                                      ("short text", ["--paste"], False)]:
        status, most, said, took = most_memory([options.why401, "report", session, *arguments], env, terminal)
        bar = "MB" in said and "%" in said
        if status != 0 or most > options.most or bar != terminal:
            wrong += 1
            print(f"{name}: status {status}, {most:.0f} MB, {'a' if bar else 'no'} bar: {said[-200:]!r}")
        print(f"{name}: at most {most:.0f} MB, {took:.0f} s, {'a bar' if bar else 'no bar'}")
    page = (options.work / "bundle/report.html").stat().st_size
    entries = sum(1 for line in open(options.work / "bundle/session.har") if '"startedDateTime"' in line)
    if entries != exchanges or page > 1_000_000:
        wrong += 1
        print(f"{entries} of {exchanges} entries in session.har, report.html has {page} bytes")
    print(f"{options.megabytes} MB, {exchanges} exchanges, report.html of {page} bytes; {wrong} faults")
    return 1 if wrong else 0


sys.exit(main())
