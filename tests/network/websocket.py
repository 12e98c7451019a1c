#!/usr/bin/env python3
"""An echo over WebSockets through the proxy, inside of TLS that it opens: every frame comes back as it was sent, and the log
tells how many there were.

usage: websocket.py --why401 BINARY --work FOLDER [--frames 10000] [--largest 16777216]

Needs the Python packages websockets and cryptography.
"""

import argparse
import asyncio
import datetime
import hashlib
import json
import random
import signal
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve

HOST = "dev1.service-now.com"


def certificate(work):
    """A server's certificate that is its own root."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "websocket test")])
    now = datetime.datetime.now(datetime.timezone.utc)
    ca = ec.generate_private_key(ec.SECP256R1())
    builder = lambda subject, public: (
        x509.CertificateBuilder().subject_name(subject).issuer_name(name).public_key(public)
        .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
    )
    root = builder(name, ca.public_key()).add_extension(x509.BasicConstraints(True, None), True).sign(ca, hashes.SHA256())
    subject = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "leaf")])
    names = x509.SubjectAlternativeName([x509.DNSName(HOST)])
    leaf = builder(subject, key.public_key()).add_extension(names, False).sign(ca, hashes.SHA256())
    pem = lambda cert: cert.public_bytes(serialization.Encoding.PEM)
    (work / "root.pem").write_bytes(pem(root))
    (work / "leaf.pem").write_bytes(pem(leaf))
    (work / "leaf.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def sizes(count, largest):
    """Each power of two with its neighbours once, then small ones: what real traffic is made of."""
    chance = random.Random(401)
    edges = [size for power in range(25) for size in (2**power - 1, 2**power, 2**power + 1) if size <= largest]
    edges += [125, 126, 127, 65535, 65536, largest]
    small = [chance.randrange(2000) for _ in range(max(0, count - len(edges)))]
    return (edges + small)[:count]


async def talk(port, ca, count, largest):
    trust = ssl.create_default_context(cafile=ca)
    address = f"wss://{HOST}/echo"
    digest = lambda data: hashlib.sha256(data).digest()
    total = 0
    block = random.Random(1).randbytes(largest)
    async with connect(
        address, ssl=trust, proxy=f"http://127.0.0.1:{port}", max_size=None, compression=None, ping_interval=None
    ) as socket:
        waiting = asyncio.Queue(64)

        async def receive():
            for number in range(count):
                expected, kind = await waiting.get()
                got = await socket.recv()
                data = got.encode() if isinstance(got, str) else got
                if digest(data) != expected or type(got) is not kind:
                    raise AssertionError(f"frame {number} came back as another one")

        receiving = asyncio.create_task(receive())
        for number, size in enumerate(sizes(count, largest)):
            data = block[:size]
            message = data.hex()[:size] if number % 3 == 0 else data
            await waiting.put((digest(message.encode() if isinstance(message, str) else message), type(message)))
            sending = asyncio.create_task(socket.send(message))
            await asyncio.wait({sending, receiving}, return_when=asyncio.FIRST_COMPLETED)
            if receiving.done() and receiving.exception():
                raise receiving.exception()
            await sending
            total += size
        await receiving
    return total


async def run(options):
    work = Path(options.work)
    work.mkdir(parents=True, exist_ok=True)
    certificate(work)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(work / "leaf.pem", work / "leaf.key")

    async def echo(socket):
        async for message in socket:
            await socket.send(message)

    async with serve(echo, "127.0.0.1", 0, ssl=tls, max_size=None, compression=None, ping_interval=None) as server:
        origin = server.sockets[0].getsockname()[1]
        process = await asyncio.create_subprocess_exec(
            options.why401, "run", "--listen", "127.0.0.1:0", "--resolve", f"{HOST}=127.0.0.1:{origin}", "--upstream-ca",
            str(work / "root.pem"), "--ca-dir", str(work / "ca"), "--session", str(work / "session"), "--log-format",
            "json", "--all", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            start = json.loads(await asyncio.wait_for(process.stdout.readline(), 60))
            port = start["listen"][0].rsplit(":", 1)[1]
            total = await talk(port, start["ca"], options.frames, options.largest)
            line = json.loads(await asyncio.wait_for(process.stdout.readline(), 60))
            peak = next(line for line in open(f"/proc/{process.pid}/status") if line.startswith("VmHWM"))
        finally:
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)
            await process.wait()
    told = line["switched"]
    count = lambda way: way["frames"]["text"] + way["frames"]["binary"] + way["frames"]["continuation"]
    assert line["status"] == 101 and told["protocol"] == "websocket", line
    assert count(told["sent"]) == options.frames, told
    assert count(told["received"]) >= options.frames and told["received"]["bytes"] > total, told
    assert told["sent"]["close"] == told["received"]["close"] == 1000, told
    print(f"ok {options.frames} frames up to {options.largest} bytes, {total} bytes each way, {told['seconds']} s; {' '.join(peak.split())}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--why401", required=True)
    parser.add_argument("--work", required=True)
    parser.add_argument("--frames", type=int, default=10_000)
    parser.add_argument("--largest", type=int, default=16 * 1024 * 1024)
    options = parser.parse_args()
    asyncio.run(asyncio.wait_for(run(options), 1500))


main()
