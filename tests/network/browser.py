#!/usr/bin/env python3
"""The OAuth code flow of the simulated instance in a headless browser, through the forward proxy and through a reverse
listener: login, consent, redirect with the code, and the token that it is exchanged for.

usage: browser.py --why401 BINARY --work FOLDER [--chromium chromium]

Needs chromium, certutil (libnss3-tools) and the Python package websockets. Fails where a way does not end with a token,
where a page led past the reverse listener, or where the log does not tell the flow in order and a second use of the code
does not point back at the first.
"""

import argparse
import base64
import contextlib
import json
import os
import re
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from websockets.sync.client import connect

HOST = "dev1.service-now.com"
CALLBACK = "https://app.partner.example/callback"
PATIENCE = 60


class Program:
    """A child whose output is read line by line from a file; ended by its own process id."""

    def __init__(self, arguments, output, **more):
        self.path = Path(output)
        self.process = subprocess.Popen(arguments, stdout=open(output, "w"), stderr=subprocess.STDOUT, **more)

    def until(self, pattern):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if found := re.search(pattern, self.path.read_text(errors="replace"), re.M):
                return found
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        sys.exit(f"FAIL {self.process.args[0]}: {pattern} did not come:\n{self.path.read_text()[-2000:]}")

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()


class Browser:
    """One page of Chromium, spoken to over its debugging protocol."""

    def __init__(self, chromium, home, arguments):
        command = [
            chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
            "--disable-background-networking", "--disable-component-update", f"--user-data-dir={home}/profile",
            "--remote-debugging-port=0", *arguments, "about:blank",
        ]
        self.program = Program(command, f"{home}/chromium.log", env={**os.environ, "HOME": str(home)})
        port = self.program.until(r"DevTools listening on ws://127\.0\.0\.1:(\d+)/").group(1)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list", timeout=PATIENCE) as pages:
            page = next(page for page in json.load(pages) if page["type"] == "page")
        self.open = contextlib.ExitStack()
        self.socket = self.open.enter_context(connect(page["webSocketDebuggerUrl"], max_size=None))
        self.number, self.asked = 0, []
        self.call("Network.enable")
        self.call("Page.enable")

    def call(self, method, **parameters):
        self.number += 1
        self.socket.send(json.dumps({"id": self.number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self.socket.recv(timeout=PATIENCE))
            if message.get("method") == "Network.requestWillBeSent" and message["params"].get("type") == "Document":
                self.asked.append(message["params"]["request"]["url"])
            if message.get("id") == self.number:
                return message.get("result", {})

    def script(self, text):
        return self.call("Runtime.evaluate", expression=text).get("result", {}).get("value")

    def wait(self, what, condition):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if value := condition():
                return value
            time.sleep(0.05)
        sys.exit(f"FAIL the browser did not come to {what}; it is at {self.script('location.href')}, asked {self.asked}")

    def end(self):
        self.open.close()
        self.program.end()


def flow(browser, origin, client, user, state):
    """Login and consent as a person does them: the code that the callback gets."""
    query = {"response_type": "code", "client_id": client["id"], "redirect_uri": CALLBACK, "state": state}
    browser.call("Page.navigate", url=f"{origin}/oauth_auth.do?{urllib.parse.urlencode(query)}")
    has = lambda name: lambda: browser.script(f"document.querySelector('[name={name}]') !== null")
    browser.wait("the login page", has("user_password"))
    browser.script(
        "document.querySelector('[name=user_name]').value='" + user + "';"
        "document.querySelector('[name=user_password]').value='training';"
        "document.querySelector('[name=sys_action]').click()"
    )
    browser.wait("the consent page", has("oauth_auth_check_action"))
    browser.script("document.querySelector('[value=authorize]').click()")
    # The application's own address is none here; that the browser was sent there is what counts.
    came = lambda: browser.script("1") and next((url for url in browser.asked if url.startswith(CALLBACK + "?")), None)
    answer = urllib.parse.parse_qs(urllib.parse.urlsplit(browser.wait("the callback", came)).query)
    assert answer["state"] == [state], answer
    return answer["code"][0]


def redeem(opener, origin, client, code):
    form = {
        "grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "client_id": client["id"],
        "client_secret": client["secret"],
    }
    data = urllib.parse.urlencode(form).encode()
    try:
        with opener.open(f"{origin}/oauth_token.do", data, timeout=PATIENCE) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, {}


def told(proxy, after):
    lines = proxy.path.read_text(errors="replace").splitlines()
    lines = [json.loads(line) for line in lines if line.startswith('{"schema":"why401.exchange/1"')]
    return [line for line in lines if int(line["exchange"]) > after]


def story(proxy, after, origin):
    """What the log says of the flow: in order, all of the instance, and the second use of the code linked to the first."""
    end = time.monotonic() + PATIENCE
    while not any(line["findings"] for line in told(proxy, after)) and time.monotonic() < end:
        time.sleep(0.05)
    lines = sorted(told(proxy, after), key=lambda line: int(line["exchange"]))
    lines = [line for line in lines if "favicon" not in line["url"]]
    steps = [(line["method"], urllib.parse.urlsplit(line["url"]).path, line["status"]) for line in lines]
    expected = [
        ("GET", "/oauth_auth.do", 302), ("GET", "/login.do", 200), ("POST", "/login.do", 302), ("GET", "/oauth_auth.do", 200),
        ("POST", "/oauth_auth.do", 302), ("POST", "/oauth_token.do", 200), ("POST", "/oauth_token.do", 401),
    ]
    assert steps == expected, f"the log tells\n{steps}\nand not\n{expected}"
    assert all(line["url"].startswith(f"https://{HOST}/") for line in lines), lines
    assert all(line.get("called") == origin for line in lines), [line.get("called") for line in lines]
    finding = lines[-1]["findings"][0]
    places = [evidence["where"] for evidence in finding["evidence"]] + [finding["because"]]
    first = lines[-2]["exchange"]
    assert any(re.search(rf"\b{first}\b", place) for place in places), f"{finding['cause']} does not name exchange {first}: {places}"
    return finding["cause"], len(lines)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--why401", required=True)
    parser.add_argument("--work", required=True)
    parser.add_argument("--chromium", default="chromium")
    options = parser.parse_args()
    work = Path(options.work)
    work.mkdir(parents=True, exist_ok=True)
    running = []
    try:
        instance = Program([options.why401, "instance", "--listen", "127.0.0.1:0"], work / "instance.log")
        running.append(instance)
        instance.until("Ctrl-C ends it")
        text = instance.path.read_text()
        port = re.search(r"Simulated hosts on 127\.0\.0\.1:(\d+)", text).group(1)
        pem = re.search(r"Certificate to trust.*: (\S+)", text).group(1)
        block = text.split(f"\n{HOST}\n", 1)[1]
        client = {
            "id": re.search(r"client_id\s+(\w+)", block).group(1),
            "secret": re.search(r"client_secret\s+(\w+)", block).group(1),
        }
        arguments = [
            options.why401, "run", "--listen", "127.0.0.1:0", "--reverse", f"127.0.0.1:0=https://{HOST}", "--resolve",
            f"{HOST}=127.0.0.1:{port}", "--upstream-ca", pem, "--ca-dir", str(work / "ca"), "--session",
            str(work / "session"), "--log-format", "json", "--all",
        ]
        proxy = Program(arguments, work / "proxy.log", env={**os.environ, "NO_COLOR": "1"})
        running.append(proxy)
        start = json.loads(proxy.until(r'^\{"schema":"why401.start/1".*$').group(0))
        forward, reverse = start["listen"][:2]
        reverse = "http://" + reverse.removeprefix("http://")
        seen = 0
        # Two users: the instance asks each once.
        for name, user, origin, arguments, called in [
            ("forward", "integration.user", f"https://{HOST}", [f"--proxy-server=http://{forward}"], None),
            ("reverse", "admin", reverse, ["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"], reverse),
        ]:
            home = Path(tempfile.mkdtemp(dir=work))
            store = home / ".pki/nssdb"
            store.mkdir(parents=True)
            subprocess.run(["certutil", "-d", f"sql:{store}", "-N", "--empty-password"], check=True)
            subprocess.run(["certutil", "-d", f"sql:{store}", "-A", "-t", "C,,", "-n", "why401", "-i", start["ca"]], check=True)
            browser = Browser(options.chromium, home, arguments)
            running.append(browser)
            code = flow(browser, origin, client, user, base64.urlsafe_b64encode(name.encode()).decode())
            pages = [url for url in browser.asked if not url.startswith(CALLBACK)]
            assert all(url.startswith(origin + "/") for url in pages), f"a page led elsewhere: {pages}"
            running.remove(browser)
            browser.end()
            proxies = urllib.request.ProxyHandler({"https": f"http://{forward}"} if called is None else {})
            trust = urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=start["ca"]))
            opener = urllib.request.build_opener(proxies, trust)
            status, token = redeem(opener, origin, client, code)
            assert status == 200 and token.get("access_token"), (status, token)
            assert redeem(opener, origin, client, code)[0] == 401
            cause, steps = story(proxy, seen, called)
            seen = max(int(line["exchange"]) for line in told(proxy, 0))
            print(f"ok {name}: {steps} exchanges, a token for {token['scope']}; the second use of the code: {cause}")
            shutil.rmtree(home, ignore_errors=True)
    finally:
        for program in reversed(running):
            program.end()


main()
