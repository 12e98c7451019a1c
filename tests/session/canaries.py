#!/usr/bin/env python3
"""Canaries: secrets in every place and writing in which they travel, through the real process and out of every output.

usage: canaries.py --why401 PATH --work FOLDER [--scanners FOLDER]

Each case has a canary of its own. They pass the proxy once with words for people and once with JSON, with RUST_LOG=trace,
and once more at each other level;
then the log, the log's file, standard error, the command line, every file of the session and every file of a report (and
its zip, and the short text), from the session and from a HAR of another tool, are searched for every canary: plainly,
percent-encoded, in base64 at each offset, in base16, escaped for JSON and XML, and the other way round. Bodies are
searched after their content coding is taken off. With --scanners two public scanners look at the same files.
"""

import argparse
import base64
import gzip
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import zipfile
from pathlib import Path
from urllib.parse import quote

HOST = "dev1.service-now.com"
LIMIT = 60


def b64(text, url=False):
    made = base64.urlsafe_b64encode(text.encode()) if url else base64.b64encode(text.encode())
    return made.decode().rstrip("=") if url else made.decode()


def jwt(canary):
    return f'{b64(json.dumps({"alg": "RS256"}), True)}.{b64(json.dumps({"sub": "x", "exp": 1}), True)}.{b64(canary, True)}'


def request(target="/x", fields=(), body="", method="POST"):
    body = body if isinstance(body, bytes) else body.encode()
    lines = [f"{method} {target} HTTP/1.1", f"Host: {HOST}", *fields, f"Content-Length: {len(body)}", "Connection: close"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def response(fields=(), body="", status="401 Unauthorized"):
    body = body if isinstance(body, bytes) else body.encode()
    return ("\r\n".join([f"HTTP/1.1 {status}", *fields, f"Content-Length: {len(body)}", "Connection: close"]) + "\r\n\r\n").encode() + body


def chunked(body, size, fields=()):
    """Sent in chunks so small that the canary is split."""
    out = b"\r\n".join([b"HTTP/1.1 401 Unauthorized", *[f.encode() for f in fields], b"Transfer-Encoding: chunked", b"Connection: close"]) + b"\r\n\r\n"
    for at in range(0, len(body), size):
        part = body[at:at + size]
        out += f"{len(part):x}\r\n".encode() + part + b"\r\n"
    return out + b"0\r\n\r\n"


def behind(trailers="", extension="", broken=""):
    """A request in chunks, with what may stand beside them."""
    head = f"POST /oauth_token.do HTTP/1.1\r\nHost: {HOST}\r\n{FORM}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    if broken:
        return f"{head}{len(broken):x}\r\n{broken}\r\nZZ\r\n".encode()
    return f"{head}3{extension}\r\na=b\r\n0\r\n{trailers}\r\n".encode()


FORM, JSON, XML, HTML, ZIP = ("Content-Type: application/x-www-form-urlencoded", "Content-Type: application/json",
                             "Content-Type: text/xml", "Content-Type: text/html", "Content-Encoding: gzip")
OK = response()


def cases():
    """Name, and from the canary what the client sends and what the instance answers."""
    sent = lambda *arguments, **named: (request(*arguments, **named), OK)
    told = lambda *arguments: (request(), response(*arguments))
    field = lambda name, value: sent("/x", [f"{name}: {value}"])
    return {
        # headers
        "bearer": lambda c: field("Authorization", f"Bearer {c}"),
        "bearer run on": lambda c: field("Authorization", f"Bearer{c}"),
        "bearer doubled": lambda c: field("Authorization", f"Bearer Bearer {c}"),
        "bearer in quotes": lambda c: field("Authorization", f'Bearer "{c}"'),
        "bearer percent-encoded": lambda c: field("Authorization", f"Bearer {quote(c, safe='')}"),
        "no scheme": lambda c: field("Authorization", c),
        "misspelt header": lambda c: field("Authorisation", f"Bearer {c}"),
        "basic": lambda c: field("Authorization", f"Basic {b64('svc:' + c)}"),
        "basic not encoded": lambda c: field("Authorization", f"Basic svc:{c}"),
        "basic under bearer": lambda c: field("Authorization", f"Bearer {b64('svc:' + c)}"),
        "digest": lambda c: field("Authorization", f'Digest username="x", nonce="{c}", response="{c}", uri="/"'),
        "proxy-authorization": lambda c: field("Proxy-Authorization", f"Basic {b64('svc:' + c)}"),
        "jwt signature": lambda c: field("Authorization", f"Bearer {jwt(c)}"),
        "cookie": lambda c: field("Cookie", f"JSESSIONID={c}; glide_user_route=glide.x"),
        "x-usertoken": lambda c: field("X-UserToken", c),
        "x-sn-apikey": lambda c: field("x-sn-apikey", c),
        "another api key": lambda c: field("X-Vendor-Api-Key", c),
        "client secret as a header": lambda c: field("client_secret", c),
        "referer": lambda c: field("Referer", f"https://app.partner.example/cb?code={quote(c, safe='')}&state=1"),
        "referer fragment": lambda c: field("Referer", f"https://app.partner.example/cb#access_token={quote(c, safe='')}"),
        # url
        "query token": lambda c: sent(f"/x?access_token={quote(c, safe='')}"),
        "query code and state": lambda c: sent(f"/cb?code={quote(c, safe='')}&state={quote(c, safe='')}"),
        "query sysparm_ck": lambda c: sent(f"/x?sysparm_ck={quote(c, safe='')}"),
        "query saml": lambda c: sent(f"/x?SAMLResponse={quote(c, safe='')}&RelayState={quote(c, safe='')}"),
        "query twice encoded": lambda c: sent(f"/x?next={quote('https://h/?password=' + quote(c, safe=''), safe='')}"),
        "url user information": lambda c: (request(f"http://svc:{quote(c, safe='')}@{HOST}/x"), OK),
        "path parameter": lambda c: sent(f"/x;jsessionid={quote(c, safe='')}?a=1"),
        # bodies sent
        "form password": lambda c: sent("/oauth_token.do", [FORM], f"grant_type=password&username=svc&password={quote(c, safe='')}"),
        "form secret not encoded": lambda c: sent("/oauth_token.do", [FORM], f"grant_type=client_credentials&client_id=ab&client_secret={c}"),
        "form code and verifier": lambda c: sent("/oauth_token.do", [FORM], f"grant_type=authorization_code&code={quote(c, safe='')}&code_verifier={quote(c, safe='')}"),
        "form refresh token": lambda c: sent("/oauth_token.do", [FORM], f"grant_type=refresh_token&refresh_token={quote(c, safe='')}"),
        "form assertion": lambda c: sent("/oauth_token.do", [FORM], f"assertion={jwt(c)}&client_assertion={quote(c, safe='')}"),
        "json sent": lambda c: sent("/x", [JSON], json.dumps({"a": [{"password": c, "client_secret": c}]})),
        "json escaped": lambda c: sent("/x", [JSON], '{"p\\u0061ssword":"' + "".join(f"\\u{ord(x):04x}" for x in c) + '"}'),
        "soap": lambda c: sent("/x.do?SOAP", [XML], f"<s:Envelope><wsse:Password Type='x'>{c}</wsse:Password></s:Envelope>"),
        "multipart": lambda c: sent("/x", ["Content-Type: multipart/form-data; boundary=b"], f'--b\r\nContent-Disposition: form-data; name="password"\r\n\r\n{c}\r\n--b--\r\n'),
        "gzip sent": lambda c: sent("/x", [JSON, ZIP], gzip.compress(json.dumps({"password": c}).encode())),
        # answers
        "set-cookie": lambda c: told([f"Set-Cookie: glide_session_store={c}; Path=/; HttpOnly"]),
        "location": lambda c: (request(), response([f"Location: https://app.partner.example/cb?code={quote(c, safe='')}"], "", "302 Found")),
        "www-authenticate nonce": lambda c: told([f'WWW-Authenticate: Digest realm="x", nonce="{c}"']),
        "x-usertoken-response": lambda c: told([f"X-UserToken-Response: {c}"]),
        "token answer": lambda c: (request("/oauth_token.do"), response([JSON], json.dumps({"access_token": c, "refresh_token": c, "id_token": jwt(c), "expires_in": 1799}), "200 OK")),
        "json in json": lambda c: told([JSON], json.dumps({"log": json.dumps({"access_token": c})})),
        "xml answer": lambda c: told([XML], f"<a><wsse:BinarySecurityToken>{c}</wsse:BinarySecurityToken></a>"),
        "g_ck": lambda c: told([HTML], f"<html><script>window.g_ck = '{c}';</script>"),
        "hidden field": lambda c: told([HTML], f'<input type="hidden" value="{c}" name="sysparm_ck">'),
        "gzip answer": lambda c: told([JSON, ZIP], gzip.compress(json.dumps({"access_token": c}).encode())),
        "split over chunks": lambda c: (request("/oauth_token.do"), chunked(json.dumps({"access_token": c}).encode(), 3, [JSON])),
        "gzip split over chunks": lambda c: (request("/oauth_token.do"), chunked(gzip.compress(json.dumps({"access_token": c}).encode()), 5, [JSON, ZIP])),
        # echoes
        "echo in the answer": lambda c: (request("/x", [f"Authorization: Bearer {c}"]), response([f"X-Debug: got {c}"], f"the token {c} is unknown")),
        "echo in base64": lambda c: (request("/x", [f"Authorization: Bearer {c}"]), response([], f"got {b64('Bearer ' + c)} and {b64(c, True)}")),
        "echo percent-encoded": lambda c: (request("/x", [f"Authorization: Bearer {c}"]), response([f"Location: /login?was={quote(c, safe='')}"], "")),
        "echo in the reason": lambda c: (request("/x", [f"Authorization: Bearer {c}"]), response([], "", f"401 Bad {c}")),
        # what is not HTTP
        "blank before the colon": lambda c: (f"GET /x HTTP/1.1\r\nHost: {HOST}\r\nAuthorization : Bearer {c}\r\n\r\n".encode(), OK),
        "no colon": lambda c: (f"GET /x HTTP/1.1\r\nHost: {HOST}\r\nAuthorization Bearer {c}\r\n\r\n".encode(), OK),
        "line break in the token": lambda c: (f"GET /x HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {c[:9]}\r\n {c[9:]}\r\n\r\n".encode(), OK),
        "blank in the target": lambda c: (f"GET /x?password={c} y HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode(), OK),
        "secret as a name": lambda c: (f"GET /x HTTP/1.1\r\nHost: {HOST}\r\nBearer {c}: x\r\n\r\n".encode(), OK),
        "8 bits in the target": lambda c: (f"GET /\xe9?password={quote(c, safe='')} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode("latin-1"), OK),
        "another version": lambda c: (f"GET /x?password={quote(c, safe='')} HTTP/3.0\r\nHost: {HOST}\r\n\r\n".encode(), OK),
        "two lengths": lambda c: (request("/oauth_token.do", [FORM, "Content-Length: 3"], f"password={quote(c, safe='')}"), OK),
        "too many fields": lambda c: (request("/x", [f"Authorization: Bearer {c}", *(f"A{n}: {c}" for n in range(150))]), OK),
        "a head that is cut": lambda c: (request("/x", [f"Authorization: Bearer {c}", f"A: {f'{c} ' * 5000}"]), OK),
        "a body that is cut": lambda c: told([f"X-Sn-Apikey: {c}"], "{" + f'"error": "{c}", ' * 5000 + "}"),
        # tunnels
        "CONNECT with credentials": lambda c: (f"CONNECT {HOST}:80 HTTP/1.1\r\nProxy-Authorization: Basic {b64('svc:' + c)}\r\nCookie: a={c}\r\n\r\n".encode() + request(), OK),
        # beside the head
        "trailer": lambda c: (behind(f"X-Api-Key: {c}\r\nAuthorization: Bearer {c}\r\n"), OK),
        "chunk extension": lambda c: (behind("", f';token="{c}"'), OK),
        "broken chunks": lambda c: (behind("", "", f"password={quote(c, safe='')}"), OK),
        "WebSocket protocol": lambda c: (request("/ws", ["Upgrade: websocket", f"Sec-WebSocket-Protocol: bearer, {c}"], method="GET"), OK),
        "informational answer": lambda c: (request(), f"HTTP/1.1 103 Early Hints\r\nX-Auth-Token: {c}\r\nSet-Cookie: a={c}\r\n\r\n".encode() + OK),
        "trailer of an answer": lambda c: (request(), chunked(b"{}", 2, [JSON]).replace(b"0\r\n\r\n", f"0\r\nX-Auth-Token: {c}\r\n\r\n".encode())),
        "answer that is no HTTP": lambda c: (request("/x", [f"Authorization: Bearer {c}"]), f"garbage {c}\r\n\r\n".encode()),
    }


def canary(number):
    """Eighteen characters with what encodings change; no two have a part in common."""
    return f"Zq{number:02d}x+V9k{number * 7919 % 90 + 10}/mT4w{number * 104729 % 90 + 10}R8s"


def forms(text):
    """The canary in every form in which it could be read again."""
    raw = text.encode()
    found = {text, quote(text, safe=""), quote(quote(text, safe=""), safe=""), text.replace("/", "\\/"), raw.hex(), raw.hex().upper(),
             text[::-1], text[:9] + text[-1], "".join(f"\\u{ord(x):04x}" for x in text), "".join(f"&#{ord(x)};" for x in text)}
    found.add(re.sub("%..", lambda escape: escape.group().lower(), quote(text, safe="")))
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for offset in range(3):
            made = encode(b"xy"[:offset] + raw).decode().rstrip("=")
            found.add(made[(0 if offset == 0 else 4):-3])
    # A part of it is too much as well.
    found |= {text[:10], text[-10:]}
    return found


class Instance:
    """Answers each connection with what the case says; plain http, one request a connection."""

    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.answer = b""
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            link, _ = self.socket.accept()
            with link:
                link.settimeout(LIMIT)
                head = b""
                while b"\r\n\r\n" not in head and (part := link.recv(65536)):
                    head += part
                before, _, body = head.partition(b"\r\n\r\n")
                length = re.search(rb"(?i)content-length: *(\d+)", before)
                while length and len(body) < int(length[1]) and (part := link.recv(65536)):
                    body += part
                link.sendall(self.answer)


def unpacked(message):
    """A message as it is, and its body without chunks and content coding."""
    head, _, body = message.partition(b"\r\n\r\n")
    if b"Transfer-Encoding: chunked" in head:
        rest, body = body, b""
        while (digits := re.match(rb"[0-9a-f]+", rest)) and (size := int(digits[0], 16)):
            rest = rest.partition(b"\r\n")[2]
            body, rest = body + rest[:size], rest[size + 2:]
    if ZIP.encode() in head:
        body = gzip.decompress(body)
    # As the line break in a token is taken out of what came out.
    return [message, body, re.sub(rb"\s+", b"", message)]


def play(port, instance, every):
    for sent, told in every:
        instance.answer = told
        # As a client does that was told of a proxy: the target is absolute.
        sent = re.sub(rb"^(\w+) /", lambda start: start[1] + f" http://{HOST}/".encode(), sent, count=1)
        with socket.create_connection(("127.0.0.1", port), timeout=LIMIT) as link:
            link.sendall(sent)
            while link.recv(65536):
                pass


def run(options, work, env, instance, every, form, level="trace"):
    """One run of the proxy; where its words are."""
    name = form if level == "trace" else f"{form}-{level}"
    session = work / f"session-{name}"
    said, errors, file = work / f"said-{name}", work / f"errors-{name}", work / f"file-{name}"
    arguments = [options.why401, "run", "--listen", "127.0.0.1:0", "--log-format", form, "--log-file", file, "--session", session,
                 "--resolve", f"{HOST}:80=127.0.0.1:{instance.socket.getsockname()[1]}", "--ca-dir", work / "ca"]
    with open(said, "wb") as out, open(errors, "wb") as err:
        proxy = subprocess.Popen(arguments, stdout=out, stderr=err, env=env | {"RUST_LOG": level})
        try:
            port = None
            for _ in range(LIMIT * 20):
                if port := re.search(r"127\.0\.0\.1:(\d+)", said.read_text()):
                    break
                threading.Event().wait(0.05)
            play(int(port[1]), instance, every)
            (work / f"title-{name}").write_bytes(b"".join(Path(f"/proc/{proxy.pid}/{name}").read_bytes() for name in ("cmdline", "comm"))
                                                 if Path("/proc/self/comm").exists() else b"")
            proxy.terminate()
            proxy.wait(LIMIT)
        finally:
            proxy.kill()
            proxy.wait(LIMIT)
    return session


def har(path, every):
    """The same exchanges as another tool would have recorded them, secrets included."""
    entries = []
    for sent, told in every:
        head, _, body = sent.partition(b"\r\n\r\n")
        first, *fields = head.decode("latin-1").split("\r\n")
        method, target = first.split(" ")[:2]
        answer, _, content = told.partition(b"\r\n\r\n")
        status, *answered = answer.decode("latin-1").split("\r\n")
        if not status.startswith("HTTP/1.1 ") or b"chunked" in answer + head or b"gzip" in answer + head or method == "CONNECT":
            continue
        pairs = lambda lines: [dict(zip(("name", "value"), line.split(": ", 1))) for line in lines if ": " in line]
        entries.append({
            "startedDateTime": "2026-11-22T10:00:00.000Z", "time": 1, "cache": {}, "timings": {"send": 0, "wait": 1, "receive": 0},
            "request": {"method": method, "url": target if "://" in target else f"http://{HOST}{target}", "httpVersion": "HTTP/1.1",
                        "headers": pairs(fields), "queryString": [], "cookies": [], "headersSize": -1, "bodySize": len(body),
                        "postData": {"mimeType": "", "text": body.decode("latin-1")}},
            "response": {"status": int(status.split(" ")[1]), "statusText": status.split(" ", 2)[2], "httpVersion": "HTTP/1.1",
                         "headers": pairs(answered), "cookies": [], "redirectURL": "", "headersSize": -1, "bodySize": len(content),
                         "content": {"size": len(content), "mimeType": "text/plain", "text": content.decode("latin-1")}}})
    path.write_text(json.dumps(indent=1, obj={"log": {"version": "1.2", "creator": {"name": "another", "version": "1"}, "entries": entries}}))
    return len(entries)


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--why401", required=True)
    arguments.add_argument("--work", required=True, type=Path)
    arguments.add_argument("--scanners", type=Path, help="a folder with detect-secrets and har-capture")
    options = arguments.parse_args()
    work = options.work
    out = work / "out"
    out.mkdir(parents=True, exist_ok=True)
    env = {"PATH": os.environ["PATH"], "HOME": str(work)}
    planted = {name: canary(number) for number, name in enumerate(cases())}
    every = [case(planted[name]) for name, case in cases().items()]
    instance = Instance()
    sources = [run(options, out, env, instance, every, form) for form in ("human", "json")]
    for level in ("error", "warn", "info", "debug"):
        for form in ("human", "json"):
            run(options, out, env, instance, every, form, level)
    raw = work / "raw"
    raw.mkdir()
    recording = raw / "other.har"
    entries = har(recording, every)
    for number, (sent, told) in enumerate(every):
        (raw / f"{number}.txt").write_bytes(b"\n".join(unpacked(sent)[:2] + unpacked(told)[:2]))
    # A search that finds nothing anywhere would find nothing here.
    blind = [name for name, (sent, told) in zip(planted, every) if not any(
        form.encode() in text for form in forms(planted[name]) for text in unpacked(sent) + unpacked(told))]
    sources.append(recording)
    complaints = []
    for number, source in enumerate(sources):
        for name, arguments in [("bundle", ["-o", out / f"bundle-{number}"]), ("zip", ["-o", out / f"bundle-{number}.zip"]), ("paste", ["--paste"])]:
            done = subprocess.run([options.why401, "report", source, *arguments], capture_output=True, env=env | {"RUST_LOG": "trace"})
            (out / f"{name}-{number}.said").write_bytes(done.stdout + done.stderr)
            if done.returncode != 0:
                raise SystemExit(f"report {source} ended with {done.returncode}: {done.stderr.decode()}")
            complaints += [line for line in done.stderr.decode().splitlines() if "jsonl" in line]
    leaks, size, searched = [], 0, 0
    recorded = sum(text.count('"why401.entry/1"') for text in (p.read_text() for p in (out / "session-json").glob("*.jsonl")))
    for path in sorted(path for path in out.rglob("*") if path.is_file()):
        texts = {str(path.relative_to(out)): path.read_bytes()}
        if path.suffix == ".zip":
            with zipfile.ZipFile(path) as packed:
                texts = {f"{path.name}:{name}": packed.read(name) for name in packed.namelist()}
        for name, text in texts.items():
            searched, size = searched + 1, size + len(text)
            text = text.decode(errors="replace")
            # Wrapped lines could hide a canary.
            joined = re.sub(r"\s+", "", text)
            for case, secret in planted.items():
                hits = [form for form in forms(secret) if form in text or form in joined]
                leaks += [f"{case}: {form} in {name}" for form in hits]
    for line in complaints:
        print(f"report: {line}")
    for name in blind:
        print(f"{name}: the search does not see it where it went in")
    for leak in leaks[:40]:
        print(leak)
    wrong = len(leaks) + len(blind) + len(complaints)
    if recorded < len(every):
        wrong += 1
        print(f"only {recorded} of {len(every)} exchanges were recorded")
    if options.scanners:
        shutil.copy(out / "bundle-2/session.har", work / "without.har")
        wrong += agree(options.scanners, raw, out, (recording, work / "without.har"))
    print(f"{len(every)} places ({entries} of them in the HAR of another tool), {searched} outputs of {size} bytes searched for "
          f"{sum(len(forms(secret)) for secret in planted.values())} forms: {len(leaks)} leaks; {wrong} faults")
    return 1 if wrong else 0


def agree(tools, before, after, hars):
    """Two public scanners look at what went in and at what came out: what they find in the one is not in the other.

    They cannot tell a stand-in from a secret (they are of the same make), so their marks are compared: detect-secrets gives a
    hash of each, har-capture the value. Of a JWT they look at header and claims, which stay."""

    def by_hash(folder):
        done = subprocess.run([tools / "detect-secrets", "scan", "--all-files", "--disable-plugin", "JwtTokenDetector", "."],
                              cwd=folder, capture_output=True, text=True, timeout=300)
        found = json.loads(done.stdout)["results"]
        return {mark["hashed_secret"]: f"{mark['type']}, {path}:{mark['line_number']}" for path in found for mark in found[path]}

    def by_value(har):
        done = subprocess.run([tools / "har-capture", "validate", "-p", "base", har], capture_output=True, text=True, timeout=300,
                              env=os.environ | {"COLUMNS": "400"})
        values = re.findall(r"\[ERROR\][^\n]*\n +[^:\n]+: ([^\n]+)\n +Reason", done.stdout)
        return {value: har.name for value in values if "eyJ" not in value}

    wrong = 0
    for name, raw, left in [("detect-secrets", by_hash(before), by_hash(after)), ("har-capture", by_value(hars[0]), by_value(hars[1]))]:
        both = [left[mark] for mark in left if mark in raw]
        for mark in both:
            print(f"{name}: still there: {mark}")
        print(f"{name}: {len(raw)} marks in what went in, {len(both)} of them in what came out")
        # A scanner that finds nothing in the one says nothing by finding nothing in the other.
        wrong += len(both) + (len(raw) < 2)
    return wrong


sys.exit(main())
