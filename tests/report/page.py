#!/usr/bin/env python3
"""The report in a browser: right at two widths, nothing is loaded, nothing is complained about.

usage: page.py --chromium PATH --work FOLDER REPORT.html…

Takes screenshots at 1280 and 390 points into FOLDER. Fails where the page asks for anything but itself, where the console
says something, or where the page is wider than the window.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import unquote

WIDTHS = [1280, 390]
# A page that is wider than its window shows it by the marker that this frame writes into its title.
PROBE = "<!DOCTYPE html><title>?</title><body style='margin:0'><iframe id=f src='{url}' style='width:{width}px;height:900px;border:0'></iframe><script>f.onload=()=>{{const e=f.contentDocument.documentElement;document.title=e.scrollWidth>e.clientWidth?'wide '+e.scrollWidth:'fits'}}</script>"


def browse(chromium, work, arguments):
    """One run of the browser: its standard error, its standard output and what it asked the network for."""
    net = work / "net.json"
    with tempfile.TemporaryDirectory(dir=work) as profile:
        done = subprocess.run(
            [
                chromium, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run",
                "--disable-background-networking", "--disable-component-update", "--disable-sync",
                "--host-resolver-rules=MAP * ~NOTFOUND", "--enable-logging=stderr", f"--log-net-log={net}",
                f"--user-data-dir={profile}", "--virtual-time-budget=3000", *arguments,
            ],
            capture_output=True, text=True, timeout=120,
        )
    return done, asked(net)


def asked(net):
    text = net.read_text(errors="replace")
    try:
        log = json.loads(text)
    except json.JSONDecodeError:
        # A browser that was ended leaves the list of events open.
        log = json.loads(text.rstrip().rstrip(",") + "]}")
    urls = {event.get("params", {}).get("url", "") for event in log["events"] if isinstance(event.get("params"), dict)}
    return sorted(url for url in urls if url.startswith(("http:", "https:", "ws:", "wss:", "file:")))


def check(chromium, work, page):
    wrong = []
    url = page.resolve().as_uri()
    for width in WIDTHS:
        picture = work / f"{page.stem}-{page.parent.name}-{width}.png"
        done, urls = browse(chromium, work, [f"--screenshot={picture}", f"--window-size={width},{8000 if width < 600 else 5000}", url])
        foreign = [asked for asked in urls if unquote(asked) != unquote(url)]
        # The browser itself asks its maker for updates; a page cannot ask for these.
        foreign = [asked for asked in foreign if not any(host in asked for host in ("google.com/", "gvt1.com/", "googleapis.com/"))]
        console = [line for line in done.stderr.splitlines() if ":CONSOLE" in line]
        if not picture.is_file() or picture.stat().st_size < 10_000:
            wrong.append(f"{width}: no picture")
        wrong += [f"{width}: asked for {asked}" for asked in foreign]
        wrong += [f"{width}: {line}" for line in console]
        frame = work / "frame.html"
        frame.write_text(PROBE.format(url=url, width=width))
        done, _ = browse(chromium, work, ["--allow-file-access-from-files", "--dump-dom", f"--window-size={width + 100},1000", frame.as_uri()])
        if "<title>fits</title>" not in done.stdout:
            wrong.append(f"{width}: the page is wider than the window: {done.stdout[:80]!r}")
    return wrong


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--chromium", required=True)
    arguments.add_argument("--work", required=True, type=Path)
    arguments.add_argument("pages", nargs="+", type=Path)
    options = arguments.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    wrong = 0
    for page in options.pages:
        for fault in check(options.chromium, options.work, page):
            wrong += 1
            print(f"{page}: {fault}")
    print(f"{len(options.pages)} pages at {len(WIDTHS)} widths, {wrong} faults; pictures in {options.work}")
    return 1 if wrong else 0


sys.exit(main())
