"""Mixed clients for a long time: memory that stands still, descriptors that come back, requests that all end somewhere.

soak.py --why401 PROGRAM [--seconds 60] [--clients 64] [--seed 1] [--unrecorded]

Healthy, refused, slow, cut, huge and upgraded exchanges, broken requests, distrusted and unreachable upstreams, clients that
leave, that speak no TLS and that do not trust the proxy. Fails where descriptors do not return to what they were; where the
requests that came are not those that were answered, failed, refused, abandoned or let by unobserved; where what was told is
not that; or where memory grows by 5 % or more after the first five minutes. A shorter run only says how it grew after its
first half: it fills the memories that are meant to fill.
"""

import argparse
import asyncio
import base64
import random
import ssl
import statistics
import sys
import time
from collections import Counter

from stand import DISTRUSTED, HOST, NOWHERE, Stand, Watch, many_descriptors


class Gone(Exception):
    pass


class Client:
    def __init__(self, stand, rng, counts):
        self.stand, self.rng, self.counts = stand, rng, counts
        self.trusting = stand.trusting()
        self.distrusting = ssl.create_default_context()

    async def connect(self):
        return await asyncio.open_connection(*self.stand.address)

    async def tunnel(self, host):
        reader, writer = await self.connect()
        writer.write(f"CONNECT {host}:443 HTTP/1.1\r\nHost: {host}:443\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        if b" 200 " not in head.split(b"\r\n")[0]:
            raise Gone(head)
        return reader, writer

    async def inside(self, host=HOST, context=None):
        reader, writer = await self.tunnel(host)
        await writer.start_tls(context or self.trusting, server_hostname=host)
        return reader, writer

    def request(self, path, method="GET", fields="", host=HOST):
        user = base64.b64encode(f"user{self.rng.randrange(100000)}:secret".encode()).decode()
        return f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Basic {user}\r\n{fields}\r\n".encode()

    async def answer(self, reader):
        """The status; the body is read to its end."""
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        status = int(head.split(b" ", 2)[1])
        if b"transfer-encoding: chunked" in head:
            while (size := int((await reader.readline()) or b"0", 16)) or False:
                await reader.readexactly(size + 2)
            await reader.readline()
        else:
            length = next((int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"content-length:")), 0)
            await reader.readexactly(length)
        return status

    async def ask(self, path, expected, method="GET", body=b"", host=HOST):
        reader, writer = await self.inside(host)
        try:
            for _ in range(self.rng.randint(1, 4) if expected == 200 else 1):
                fields = f"Content-Length: {len(body)}\r\n" if body else ""
                writer.write(self.request(path, method, fields, host) + body)
                await writer.drain()
                status = await self.answer(reader)
                self.counts["as expected" if status == expected else f"{path}: {status}"] += 1
        finally:
            writer.close()

    async def healthy(self):
        await self.ask("/ok", 200)

    async def plain(self):
        reader, writer = await self.connect()
        writer.write(self.request(f"http://{HOST}/ok"))
        self.counts["as expected" if await self.answer(reader) == 200 else "plain"] += 1
        writer.close()

    async def refused(self):
        await self.ask("/401", 401)

    async def slow(self):
        await self.ask("/slow", 200)

    async def huge(self):
        await self.ask("/huge", 200)

    async def upload(self):
        await self.ask("/ok", 200, "POST", b"u" * 1_000_000)

    async def reset(self):
        await self.ask("/reset", 502)

    async def unreachable(self):
        await self.ask("/ok", 502, host=NOWHERE)

    async def distrusted(self):
        await self.ask("/ok", 502, host=DISTRUSTED)

    async def cut(self):
        try:
            await self.ask("/cut", 0)
        except asyncio.IncompleteReadError:
            self.counts["as expected"] += 1

    async def leaves(self):
        """In the middle of the answer, or of its own request."""
        reader, writer = await self.inside()
        if self.rng.random() < 0.5:
            writer.write(self.request("/slow"))
            await reader.read(64)
        else:
            writer.write(self.request("/ok", "POST", "Content-Length: 1000\r\n") + b"half")
            await writer.drain()
        writer.transport.abort()

    async def broken(self):
        reader, writer = await self.inside()
        writer.write(b"GET /ok HTTP/1.1\r\nHost: %s\r\nA : b\r\n\r\n" % HOST.encode())
        self.counts["as expected" if await self.answer(reader) == 400 else "broken"] += 1
        writer.close()

    async def upgrade(self):
        reader, writer = await self.inside()
        writer.write(self.request("/socket", fields="Connection: Upgrade\r\nUpgrade: websocket\r\n"))
        await reader.readuntil(b"\r\n\r\n")
        for _ in range(5):
            writer.write(b"frame")
            await reader.readexactly(5)
        self.counts["as expected"] += 1
        writer.close()

    async def no_tls(self):
        _, writer = await self.tunnel(HOST)
        writer.write(b"\x16\x03\x01\x00\x05garbage of a handshake")
        await writer.drain()
        writer.close()

    async def no_trust(self):
        try:
            await self.inside(context=self.distrusting)
        except ssl.SSLError:
            self.counts["as expected"] += 1

    async def for_long(self, until):
        kinds = [self.healthy] * 6 + [self.refused] * 3 + [self.plain] * 2 + [self.slow, self.huge, self.upload, self.reset,
                 self.unreachable, self.distrusted, self.cut, self.leaves, self.broken, self.upgrade, self.no_tls,
                 self.no_trust]
        while time.monotonic() < until:
            kind = self.rng.choice(kinds)
            try:
                await asyncio.wait_for(kind(), 60)
                self.counts["done"] += 1
            except (OSError, EOFError, Gone, asyncio.TimeoutError, asyncio.IncompleteReadError, ssl.SSLError) as error:
                self.counts[f"{kind.__name__}: {type(error).__name__}"] += 1
            await asyncio.sleep(self.rng.random() * 0.4)


async def load(stand, seconds, clients, seed, counts):
    until = time.monotonic() + seconds
    await asyncio.gather(*(Client(stand, random.Random(seed * 1000 + number), counts).for_long(until)
                           for number in range(clients)))


def returned(stand, before):
    """How many descriptors there are once everything idle has gone, or after half a minute."""
    end = time.monotonic() + 30
    while time.monotonic() < end and (stand.descriptors() or 0) > before:
        time.sleep(0.5)
    return stand.descriptors()


# Seconds after which every bounded memory should be full.
FILLED = 300


def judge(samples, warm, before, after, ended):
    status, last, exchanges = ended
    early = statistics.median(samples[max(0, warm - 15):warm + 15])
    late = statistics.median(samples[-30:])
    parts = {name: last[name] for name in ("answered", "failed", "refused", "abandoned", "unobserved")}
    grown = 100 * (late - early) / early
    print(f"memory   {early:.0f} KiB after {warm} s, {late:.0f} KiB at the end: {grown:+.1f} % (most {max(samples)} KiB)")
    print(f"open     {before} descriptors at the start, {after} at the end")
    print(f"requests {last['begun']} = {sum(parts.values())} ({', '.join(f'{n} {c}' for n, c in parts.items())}); told {exchanges}")
    print(f"status   {status}")
    faults = []
    if warm >= FILLED and grown >= 5:
        faults.append("memory grows")
    if before is not None and after > before:
        faults.append("descriptors are left")
    if last["begun"] != sum(parts.values()) or exchanges != last["begun"] - parts["unobserved"]:
        faults.append("requests are missing")
    if status != 0:
        faults.append("it did not end in order")
    return faults


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--why401", required=True)
    arguments.add_argument("--seconds", type=int, default=60)
    arguments.add_argument("--clients", type=int, default=64)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--unrecorded", action="store_true", help="without a session on disk: what grows is something else")
    given = arguments.parse_args()
    many_descriptors()
    # What is full early stands still early: a short run shows as much as a long one.
    record = "false" if given.unrecorded else "true"
    stand = Stand(given.why401, "[timeouts]\npooled_seconds = 5\n[memory]\nledger_records = 500\n"
                  f"[session]\nrecord = {record}\ntotal_bytes = \"4MiB\"\n", recorded=not given.unrecorded)
    counts = Counter()
    try:
        before, watch = stand.descriptors(), Watch(stand)
        asyncio.run(load(stand, given.seconds, given.clients, given.seed, counts))
        watch.done.set()
        after = returned(stand, before or 0)
        faults = judge(watch.samples, min(FILLED, given.seconds // 2), before, after, stand.stop())
    finally:
        stand.close()
    print("clients ", ", ".join(f"{what} {count}" for what, count in counts.most_common()))
    print("FAILED: " + ", ".join(faults) if faults else f"held for {given.seconds} s with {given.clients} clients")
    sys.exit(bool(faults))


main()
