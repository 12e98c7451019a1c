#!/usr/bin/env python3
"""`kill -9` at random moments under load: the session opens each time and holds what had ended.

usage: killed.py --why401 PATH --work FOLDER [--rounds N] [--pause SECONDS] [--seed N]

In each round some clients call through the proxy, each call with a number of its own, and the proxy is killed at a random
moment. Then:

- every line of the journal but the last is whole, and `why401 report` reads it;
- of each client the calls are there from the first one on without a gap: what is missing is the end, never the midst;
- no more calls are missing than may wait to be written, and the proxy has not said that it lost any.

How many are missing, and how long before the kill the oldest of these had ended, is said. Without a pause the clients ask
for more than one core can redact.
"""

import argparse
import http.client
import json
import os
import random
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

HOST = "dev1.service-now.com"
CLIENTS = 8
# What may wait to be written, in exchanges (session::WAITING).
WAITING = 512
LIMIT = 60


def calls(address, client, ended, stop, pause):
    """One client: call after call over one connection, each noted when its answer was read whole."""
    link = http.client.HTTPConnection(*address, timeout=LIMIT)
    number = 0
    try:
        while not stop.is_set():
            link.request("GET", f"/api/now/table/incident?sysparm_query=call-{client}-{number}-",
                         headers={"Host": HOST, "Authorization": f"Bearer wrong{client}"})
            link.getresponse().read()
            ended.append((number, time.monotonic()))
            number += 1
            stop.wait(pause)
    except (OSError, http.client.HTTPException):
        return
    finally:
        link.close()


def recorded(session):
    """The calls in the journal by client, and what is wrong with its lines."""
    found, wrong = [[] for _ in range(CLIENTS)], []
    for path in sorted(session.glob("journal-*.jsonl")):
        lines = path.read_bytes().split(b"\n")
        # What follows the last line end is torn, or nothing.
        for number, line in enumerate(lines[:-1], 1):
            try:
                entry = json.loads(line)
            except ValueError:
                wrong.append(f"{path.name}:{number} is no JSON")
                continue
            if entry["schema"] == "why401.entry/1":
                call = re.search(r"call-(\d+)-(\d+)-", entry["entry"]["request"]["url"])
                found[int(call[1])].append(int(call[2]))
    return found, wrong


def round_of(options, flags, env, number, chance):
    """One kill. What is wrong, how many calls ended, how many of them are missing, and how old the oldest of these is."""
    work = options.work / f"round-{number}"
    session = work / "session"
    work.mkdir(parents=True)
    command = [options.why401, "run", "--listen", "127.0.0.1:0", "--log-format", "json", "--session", session, *flags]
    with open(work / "errors", "wb") as errors, open(work / "told", "wb+") as told:
        proxy = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, env=env)
        try:
            port = int(json.loads(proxy.stdout.readline())["listen"][0].rpartition(":")[2])
            # Somebody reads the words; they are looked at by nobody.
            reader = threading.Thread(target=lambda: [told.write(line) for line in proxy.stdout], daemon=True)
            reader.start()
            ended, stop = [[] for _ in range(CLIENTS)], threading.Event()
            threads = [threading.Thread(target=calls, args=(("127.0.0.1", port), client, ended[client], stop, options.pause))
                       for client in range(CLIENTS)]
            [thread.start() for thread in threads]
            time.sleep(chance.uniform(0.05, options.longest))
            killed = time.monotonic()
            proxy.kill()
            proxy.wait(LIMIT)
        finally:
            proxy.kill()
            proxy.wait(LIMIT)
        stop.set()
        [thread.join(LIMIT) for thread in threads]
        reader.join(LIMIT)
    wrong = (work / "errors").read_text().splitlines()
    found, torn = recorded(session)
    wrong += torn
    missing = []
    for client in range(CLIENTS):
        here = sorted(found[client])
        if here != list(range(len(here))):
            wrong.append(f"client {client}: of {here[-1:]} calls some in the midst are missing or double")
        missing += [killed - at for call, at in ended[client] if call >= len(here)]
    done = sum(len(calls) for calls in ended)
    if done > 0 and any(found):
        report = subprocess.run([options.why401, "report", session, "--paste"], capture_output=True, text=True, env=env)
        if report.returncode != 0:
            wrong.append(f"report ended with {report.returncode}: {report.stderr}")
    if len(missing) > WAITING:
        wrong.append(f"{len(missing)} calls are missing; {WAITING} may wait")
    return wrong, done, len(missing), max(missing, default=0.0) * 1000


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--why401", required=True)
    arguments.add_argument("--work", required=True, type=Path)
    arguments.add_argument("--rounds", type=int, default=20)
    arguments.add_argument("--longest", type=float, default=1.0, help="seconds before the kill, at most")
    arguments.add_argument("--pause", type=float, default=0.02, help="seconds between two calls of a client")
    arguments.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    options = arguments.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    env = {"PATH": os.environ["PATH"], "HOME": str(options.work)}
    instance = subprocess.Popen([options.why401, "instance", "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE, env=env,
                                text=True)
    chance = random.Random(options.seed)
    faults, ended, missing, oldest, hit = 0, 0, 0, 0.0, 0
    try:
        said = ""
        while "Ctrl-C ends it" not in said:
            said += instance.stdout.readline()
        address = re.search(r"Simulated hosts on (\S+),", said)[1]
        authority = re.search(r"Certificate to trust, for this run only: (.+)", said)[1]
        flags = ["--reverse", f"https://{HOST}", "--upstream-ca", authority, "--resolve", f"{HOST}={address}",
                 "--ca-dir", options.work / "ca"]
        for number in range(options.rounds):
            wrong, done, lost, age = round_of(options, flags, env, number, chance)
            ended, missing, oldest, hit = ended + done, missing + lost, max(oldest, age), hit + (lost > 0)
            for fault in wrong:
                faults += 1
                print(f"round {number} (seed {options.seed}): {fault}")
    finally:
        instance.terminate()
        instance.wait(LIMIT)
    print(f"{options.rounds} kills, {ended} calls had ended, {missing} of them are missing (in {hit} rounds), "
          f"the oldest of these had ended {oldest:.1f} ms before the kill; {faults} faults")
    return 1 if faults or ended == 0 else 0


sys.exit(main())
