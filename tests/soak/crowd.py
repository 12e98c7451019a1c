"""A crowd of idle and of dawdling clients: those that only want their answer do not notice.

crowd.py --why401 PROGRAM [--idle 5000] [--slow 1000] [--seconds 15] [--factor 2]

Measures the answers of healthy clients without the crowd, with it, and without it again. Fails where the 99th percentile in
the crowd is not under `--factor` times the worse of the two calm ones, where one of the healthy is not served, or where one
more client of the crowd's kind is not.
"""

import argparse
import asyncio
import multiprocessing
import socket
import sys
import time

from stand import HOST, Stand, many_descriptors

GET = f"GET http://{HOST}/ok HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()


async def answered(reader, writer):
    writer.write(GET)
    head = await reader.readuntil(b"\r\n\r\n")
    await reader.readexactly(2)
    return b" 200 " in head.split(b"\r\n")[0]


async def idle(address):
    """One request, as browsers and pools do, then nothing."""
    reader, writer = await asyncio.open_connection(*address)
    assert await answered(reader, writer)
    return reader, writer


async def dawdle(address, stop):
    """A byte of a head every second; begins anew when it is sent away."""
    while not stop.is_set():
        try:
            reader, writer = await asyncio.open_connection(*address)
            for byte in GET:
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(1)
                if reader.at_eof() or stop.is_set():
                    break
            writer.close()
        except OSError:
            await asyncio.sleep(1)


def crowd(address, idlers, slow, ready, stop):
    async def hold():
        held = []
        for begin in range(0, idlers, 100):
            held += await asyncio.gather(*(idle(address) for _ in range(begin, min(begin + 100, idlers))))
        ended = asyncio.Event()
        dawdlers = [asyncio.create_task(dawdle(address, ended)) for _ in range(slow)]
        await asyncio.sleep(2)
        ready.set()
        while not stop.is_set():
            await asyncio.sleep(0.2)
        still = sum(not reader.at_eof() for reader, _ in held)
        print(f"crowd     {still} of {idlers} idle connections were still open at the end, {slow} slow heads", flush=True)
        for task in dawdlers:
            task.cancel()

    many_descriptors()
    asyncio.run(hold())


def measure(address, seconds):
    """Milliseconds of each answer, one connection, one request after the other with a pause; and the largest."""
    times, end = [], time.monotonic() + seconds
    with socket.create_connection(address) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while time.monotonic() < end:
            begun = time.perf_counter()
            client.sendall(GET)
            data = b""
            while not data.endswith(b"ok"):
                piece = client.recv(4096)
                if not piece:
                    raise SystemExit("a healthy client was cut off")
                data += piece
            times.append(1000 * (time.perf_counter() - begun))
            time.sleep(0.002)
    return times


def percentile(times, part):
    return sorted(times)[min(len(times) - 1, int(len(times) * part))]


def told(name, times):
    print(f"{name:9} {len(times)} answers, median {percentile(times, 0.5):.2f} ms, p99 {percentile(times, 0.99):.2f} ms", flush=True)
    return percentile(times, 0.99)


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--why401", required=True)
    arguments.add_argument("--idle", type=int, default=5000)
    arguments.add_argument("--slow", type=int, default=1000)
    arguments.add_argument("--seconds", type=int, default=15)
    arguments.add_argument("--factor", type=float, default=2)
    given = arguments.parse_args()
    many_descriptors()
    # The crowd is to stay for as long as it is measured.
    stand = Stand(given.why401, "[timeouts]\nidle_seconds = 300\n")
    try:
        measure(stand.address, 2)
        memory = stand.resident()
        calm = told("calm", measure(stand.address, given.seconds))
        ready, stop = multiprocessing.Event(), multiprocessing.Event()
        people = multiprocessing.Process(target=crowd, args=(stand.address, given.idle, given.slow, ready, stop))
        people.start()
        if not ready.wait(180):
            raise SystemExit("the crowd did not come together")
        crowded = told("crowded", measure(stand.address, given.seconds))
        more = stand.resident() - memory
        asyncio.run(idle(stand.address))
        stop.set()
        people.join(60)
        calm = max(calm, told("calm", measure(stand.address, given.seconds)))
    finally:
        stand.close()
    print(f"p99 {crowded:.2f} ms in the crowd, {calm:.2f} ms without: {crowded / calm:.2f} times; {more} KiB more memory with it")
    if crowded >= given.factor * calm:
        sys.exit("FAILED: the crowd is noticed")


if __name__ == "__main__":
    main()
