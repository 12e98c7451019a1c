#!/usr/bin/env python3
"""A disk that is full: the traffic goes on, the loss is counted and said once, recording goes on when there is room again.

usage: full.py --why401 PATH --work FOLDER

Mounts a small file system of its own in a name space of its own (Linux; `unshare -rm`, no rights are needed). Where that
is not allowed it says so and ends well.
"""

import argparse
import http.client
import json
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

HOST = "dev1.service-now.com"
LIMIT = 60
INSIDE = "WHY401_FULL_INSIDE"


def call(port, number):
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT)
    link.request("GET", f"/api/now/table/incident?sysparm_query=call-{number}-",
                 headers={"Host": HOST, "Authorization": "Bearer wrong"})
    answer = link.getresponse()
    answer.read()
    link.close()
    return answer.status


def recorded(session):
    """Numbers of the calls in the journal: whole lines only."""
    text = b"".join(path.read_bytes() + b"\n" for path in sorted(session.glob("journal-*.jsonl")))
    calls = []
    for line in text.split(b"\n"):
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if entry["schema"] == "why401.entry/1":
            calls.append(int(re.search(r"call-(\d+)-", entry["entry"]["request"]["url"])[1]))
    return calls


def until(done, what):
    """Waits for what must come; the limit only ends a run that hangs."""
    pause = threading.Event()
    for _ in range(LIMIT * 20):
        if done():
            return
        pause.wait(0.05)
    raise SystemExit(f"{what} did not come in {LIMIT} s")


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--why401", required=True, type=Path)
    arguments.add_argument("--work", required=True, type=Path)
    options = arguments.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    if INSIDE not in os.environ:
        enter = ["unshare", "-rm"]
        if subprocess.run([*enter, "true"], capture_output=True).returncode != 0:
            print("skip: no name space of its own is allowed here")
            return 0
        command = [*enter, sys.executable, __file__, "--why401", options.why401.resolve(), "--work", options.work.resolve()]
        return subprocess.run(command, env=os.environ | {INSIDE: "1"}).returncode
    disk = options.work / "disk"
    disk.mkdir(exist_ok=True)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], capture_output=True).returncode != 0:
        print("skip: no file system may be mounted here")
        return 0
    env = {"PATH": os.environ["PATH"], "HOME": str(options.work)}
    instance = subprocess.Popen([options.why401, "instance", "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE, env=env,
                                text=True)
    proxy = None
    try:
        said = ""
        while "Ctrl-C ends it" not in said:
            said += instance.stdout.readline()
        address = re.search(r"Simulated hosts on (\S+),", said)[1]
        authority = re.search(r"Certificate to trust, for this run only: (.+)", said)[1]
        session, errors = disk / "session", options.work / "errors"
        with open(errors, "wb") as standard_error:
            proxy = subprocess.Popen(
                [options.why401, "run", "--listen", "127.0.0.1:0", "--log-format", "json", "--session", session,
                 "--reverse", f"https://{HOST}", "--upstream-ca", authority, "--resolve", f"{HOST}={address}",
                 "--ca-dir", options.work / "ca"],
                stdout=subprocess.PIPE, stderr=standard_error, env=env)
        port = int(json.loads(proxy.stdout.readline())["listen"][0].rpartition(":")[2])
        threading.Thread(target=proxy.stdout.read, daemon=True).start()
        losses = lambda: re.findall(r"missing from the recorded session", errors.read_text())
        first = [call(port, number) for number in range(5)]
        until(lambda: len(recorded(session)) == 5, "the first calls")
        # Full to the last byte.
        ballast = disk / "ballast"
        with open(ballast, "wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"x" * 1024)
            except OSError:
                pass
        without = [call(port, number) for number in range(5, 45)]
        until(losses, "a word on the loss")
        ballast.unlink()
        # The first line after it may share its time with the last of the losses.
        number, after = 45, []

        def is_back():
            nonlocal number
            after.append(call(port, number))
            number += 1
            return any(call >= 45 for call in recorded(session))

        until(is_back, "the recording")
        proxy.terminate()
        status = proxy.wait(LIMIT)
        told = errors.read_text()
        lost = [int(count) for count in re.findall(r'"lost":(\d+)', told)]
        here = recorded(session)
        report = subprocess.run([options.why401, "report", session, "--paste"], capture_output=True, text=True, env=env)
        wrong = []
        if set(first + without + after) != {401}:
            wrong.append(f"the traffic did not go on: {sorted(set(first + without + after))}")
        # Of each call the exchange and what is said of it are lines.
        if not lost or sum(lost) < number - len(here):
            wrong.append(f"{number - len(here)} calls are missing, {lost} lines were said to be")
        if len(lost) > 2:
            wrong.append(f"the loss was said {len(lost)} times: {told}")
        if here != sorted(set(here)) or here[:5] != list(range(5)):
            wrong.append(f"the journal holds {here}")
        if status != 0 or report.returncode != 0:
            wrong.append(f"run ended with {status}, report with {report.returncode}: {report.stderr}")
        for fault in wrong:
            print(fault)
        print(f"{number} calls were answered, {len(here)} are recorded, {sum(lost)} lines were said to be missing, "
              f"in {len(lost)} messages; {len(wrong)} faults")
        return 1 if wrong else 0
    finally:
        for process in filter(None, [proxy, instance]):
            process.kill()
            process.wait(LIMIT)


sys.exit(main())
