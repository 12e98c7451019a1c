#!/usr/bin/env python3
"""A public reader opens every HAR, failed exchanges included: haralyzer sees each entry with its request and its answer.

usage: readers.py FILE… (with haralyzer installed)
"""

import json
import sys
from pathlib import Path

from haralyzer import HarParser

wrong = entries = failed = 0
for path in sys.argv[1:]:
    log = json.loads(Path(path).read_text())
    try:
        read = [entry for page in HarParser(log).pages for entry in page.entries]
        for entry in read:
            # Each of these is read from the entry when it is asked for.
            (entry.request.method, entry.request.url, entry.request.headers, entry.response.status, entry.response.mimeType,
             entry.response.headers, entry.startTime, entry.time, entry.timings, entry.cookies)
            failed += entry.response.status == 0
    except Exception as error:
        wrong += 1
        print(f"{path}: {type(error).__name__}: {error}")
        continue
    if len(read) != len(log["log"]["entries"]):
        wrong += 1
        print(f"{path}: {len(read)} of {len(log['log']['entries'])} entries were read")
    entries += len(read)
print(f"{len(sys.argv) - 1} files, {entries} entries ({failed} without an answer), {wrong} faults")
sys.exit(1 if wrong or not entries or not failed else 0)
