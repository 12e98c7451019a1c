#!/usr/bin/env python3
"""`kill -9` at random moments under load: the session opens each time and holds what had ended.

usage: killed.py --why401 PATH --work FOLDER [--rounds N] [--pause SECONDS] [--seed N]

In each round some clients call through the proxy, each call with a number of its own, and the proxy is killed at a random
moment. Then:

- every line of the journal but the last is whole, and `why401 report` reads it;
- every call whose answer had begun is there: with its own line, or as an entry of the file `last`, which is written before
  the first byte of an answer goes out. One that is missing is a fault.

An entry of `last` has no path. Each client has two methods of its own and uses them in turn, so that the entries of a client
must follow each other as its missing calls do; at their end the call that was under way may stand, too.

How many calls came from `last`, and how long before the kill the oldest of these had ended, is said. Without a pause the
clients ask for more than one core can redact.
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
METHODS = [("GET", "POST"), ("PUT", "DELETE"), ("HEAD", "PATCH")]
LIMIT = 60


def calls(address, client, begun, ended, stop, pause):
    """One client: call after call over one connection; noted when its answer began and when it was read whole."""
    link = http.client.HTTPConnection(*address, timeout=LIMIT)
    number = 0
    try:
        while not stop.is_set():
            link.request(METHODS[client][number % 2], f"/api/now/table/incident?sysparm_query=call-{client}-{number}-",
                         headers={"Host": HOST, "Authorization": f"Bearer wrong{client}", "Content-Length": "0"})
            answer = link.getresponse()
            begun.append(number)
            answer.read()
            ended.append((number, time.monotonic()))
            number += 1
            stop.wait(pause)
    except (OSError, http.client.HTTPException):
        return
    finally:
        link.close()


def recorded(session):
    """The calls in the journal by client, the numbers of all exchanges in it, and what is wrong with its lines."""
    found, ids, wrong = [[] for _ in METHODS], [], []
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
                ids.append(entry["exchange"])
    return found, ids, wrong


def began(session, ids):
    """The methods of the exchanges in `last` that have no line, in their order."""
    entries = [line.split() for line in (session / "last").read_text().splitlines()[1:]]
    entries = sorted((int(entry[0]), entry[2]) for entry in entries if len(entry) > 1)
    return [method for number, method in entries if number not in ids]


def round_of(options, flags, env, number, chance):
    """One kill. What is wrong, how many calls had begun, how many of them have no line, how old the oldest of these is."""
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
            begun, ended, stop = [[] for _ in METHODS], [[] for _ in METHODS], threading.Event()
            threads = [threading.Thread(target=calls, args=(("127.0.0.1", port), client, begun[client], ended[client],
                                                            stop, options.pause)) for client in range(len(METHODS))]
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
    found, ids, torn = recorded(session)
    wrong += torn
    last = began(session, set(ids))
    without, ages = 0, []
    for client, methods in enumerate(METHODS):
        missing = sorted(set(begun[client]) - set(found[client]))
        if len(set(found[client])) != len(found[client]):
            wrong.append(f"client {client}: calls are there twice")
        want = [methods[call % 2] for call in missing]
        here = [method for method in last if method in methods]
        under_way = methods[len(begun[client]) % 2]
        if here not in (want, want + [under_way]):
            wrong.append(f"client {client}: the calls {missing} have no line, and `last` holds {here}")
        without += len(missing)
        ages += [killed - at for call, at in ended[client] if call in missing]
    done = sum(len(calls) for calls in begun)
    if done > 0:
        bundle = work / "bundle"
        report = subprocess.run([options.why401, "report", session, "-o", bundle], capture_output=True, text=True, env=env)
        if report.returncode != 0:
            wrong.append(f"report ended with {report.returncode}: {report.stderr}")
        elif json.loads((bundle / "manifest.json").read_text())["exchanges"] != len(ids) + len(last):
            wrong.append(f"the report does not hold {len(ids)} lines and {len(last)} entries of `last`")
    return wrong, done, without, max(ages, default=0.0) * 1000


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
    faults, begun, without, oldest, hit = 0, 0, 0, 0.0, 0
    try:
        said = ""
        while "Ctrl-C ends it" not in said:
            said += instance.stdout.readline()
        address = re.search(r"Simulated hosts on (\S+),", said)[1]
        authority = re.search(r"Certificate to trust, for this run only: (.+)", said)[1]
        flags = ["--reverse", f"https://{HOST}", "--upstream-ca", authority, "--resolve", f"{HOST}={address}",
                 "--ca-dir", options.work / "ca"]
        for number in range(options.rounds):
            wrong, done, bare, age = round_of(options, flags, env, number, chance)
            begun, without, oldest, hit = begun + done, without + bare, max(oldest, age), hit + (bare > 0)
            for fault in wrong:
                faults += 1
                print(f"round {number} (seed {options.seed}): {fault}")
    finally:
        instance.terminate()
        instance.wait(LIMIT)
    print(f"{options.rounds} kills, {begun} calls had begun to be answered, {without} of them came from `last` (in {hit} "
          f"rounds), the oldest of these had ended {oldest:.1f} ms before the kill; {faults} faults")
    return 1 if faults or begun == 0 else 0


sys.exit(main())
