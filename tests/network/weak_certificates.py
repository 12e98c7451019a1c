#!/usr/bin/env python3
"""Upstream certificates that only OpenSSL still makes: signed with SHA-1, and with an RSA key of 1024 bits.

 weak_certificates.py --why401 target/release/why401 --work DIR

Each is refused with 502 that says why, explained as upstream-certificate-invalid, and the request never arrives.
"""
import argparse
import json
import os
import pathlib
import signal
import socket
import ssl
import subprocess
import sys
import threading

parser = argparse.ArgumentParser()
parser.add_argument("--why401", required=True)
parser.add_argument("--work", required=True)
options = parser.parse_args()
why401 = os.path.abspath(options.why401)
work = pathlib.Path(options.work).resolve()
work.mkdir(parents=True, exist_ok=True)
arrived, failed = [], []


def openssl(*words):
    subprocess.run(["openssl", *words], check=True, capture_output=True, cwd=work)


def certificate(name, bits, digest):
    openssl("req", "-newkey", f"rsa:{bits}", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", "/CN=localhost")
    openssl("x509", "-req", "-in", f"{name}.csr", f"-{digest}", "-CA", "root.pem", "-CAkey", "root.key", "-CAcreateserial",
            "-days", "30", "-extfile", "ext", "-out", f"{name}.pem")


def origin(name):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.load_cert_chain(work / f"{name}.pem", work / f"{name}.key")
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            connection, _ = listener.accept()
            try:
                with context.wrap_socket(connection, server_side=True) as stream:
                    arrived.append(stream.recv(1000))
                    stream.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
            except OSError:
                connection.close()

    threading.Thread(target=serve, daemon=True).start()
    return listener.getsockname()[1]


def get(proxy, port):
    command = ["curl", "-sS", "-k", "-i", "--max-time", "20", "--noproxy", "", "-x", f"http://{proxy}", f"https://localhost:{port}/"]
    done = subprocess.run(command, capture_output=True, text=True, env={"PATH": os.environ["PATH"]})
    return done.stdout + done.stderr


def main():
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "root.key", "-out", "root.pem", "-days", "30", "-subj", "/CN=test root")
    (work / "ext").write_text("subjectAltName=DNS:localhost\n")
    cases = [("good", 2048, "sha256", None), ("sha1", 2048, "sha1", "signed with SHA-1"), ("short", 1024, "sha256", "an RSA key of 1024 bits")]
    command = [why401, "--listen", "127.0.0.1:0", "--log-format", "json", "--all", "--intercept", "localhost", "--ca-dir", work / "ca", "--upstream-ca", work / "root.pem"]
    environment = {"PATH": os.environ["PATH"], "HOME": str(work)}
    process = subprocess.Popen([str(word) for word in command], env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        proxy = json.loads(process.stdout.readline())["listen"][0]
        for name, bits, digest, says in cases:
            certificate(name, bits, digest)
            arrived.clear()
            answer = get(proxy, origin(name))
            told = json.loads(process.stdout.readline())
            causes = [found["cause"] for found in told["findings"]]
            if says is None:
                fine = answer.endswith("ok") and not causes
            else:
                fine = " 502" in answer and says in answer and causes == ["upstream-certificate-invalid"] and not arrived
            print(f"{'ok  ' if fine else 'FAIL'}  {name}{'' if fine else f': {answer} {causes} {arrived}'}", flush=True)
            failed.extend([] if fine else [name])
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)
    sys.exit(bool(failed))


main()
