#!/usr/bin/env python3
"""Redaction keeps the diagnosis: each recording says the same before and after `why401 report` took its secrets out.

usage: same_findings.py --why401 PATH RECORDING.har…
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

TAG = re.compile(r"#[0-9a-f]{4}…")


def numbered(text, numbers):
    """Tags belong to one run: they become numbers in the order of their appearance."""
    return TAG.sub(lambda tag: f"<tag {numbers.setdefault(tag.group(), len(numbers) + 1)}>", text)


def said(why401, path):
    done = subprocess.run([why401, "analyze", "--format", "json", path], capture_output=True, text=True, timeout=120)
    lines, numbers = [], {}
    for line in done.stdout.splitlines():
        exchange = json.loads(line)
        kept = {name: exchange.get(name) for name in ("at", "status", "answered_by", "findings", "takes_back")}
        for finding in kept["findings"]:
            # Addresses of places may hold a value that was exchanged.
            finding.pop("links")
        # Entries of a sorted file can have other numbers than in the tool's own order.
        lines.append(numbered(json.dumps(kept, ensure_ascii=False, sort_keys=True), numbers))
    return lines


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--why401", required=True)
    arguments.add_argument("recordings", nargs="+")
    options = arguments.parse_args()
    wrong = 0
    for path in options.recordings:
        with tempfile.TemporaryDirectory() as folder:
            bundle = Path(folder) / "bundle"
            done = subprocess.run(
                [options.why401, "report", path, "-o", bundle], capture_output=True, text=True, timeout=120
            )
            if done.returncode != 0:
                wrong += 1
                print(f"{path}: report ended with {done.returncode}: {done.stderr.strip()}")
                continue
            before, after = said(options.why401, path), said(options.why401, bundle / "session.har")
        if before != after:
            wrong += 1
            pairs = zip(before + [""] * len(after), after + [""] * len(before))
            one, other = next(pair for pair in pairs if pair[0] != pair[1])
            print(f"{path}:\n  before {one}\n  after  {other}")
    print(f"{len(options.recordings)} recordings, {wrong} say something else without their secrets")
    return 1 if wrong else 0


sys.exit(main())
