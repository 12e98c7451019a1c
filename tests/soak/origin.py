"""An origin for soak.py and crowd.py: answers, refuses, dawdles, breaks off, sends much, changes the protocol.

origin.py CERT KEY DISTRUSTED_CERT DISTRUSTED_KEY; prints its ports as JSON and serves until it is killed.
"""

import asyncio
import json
import resource
import socket
import ssl
import struct
import sys

HUGE = b"x" * 65536


def answer(status, body=b"", fields=b""):
    return b"HTTP/1.1 %s\r\nContent-Length: %d\r\n%s\r\n%s" % (status, len(body), fields, body)


REFUSED = answer(b"401 Unauthorized", b'{"error":{"message":"User Not Authenticated","detail":"Required to provide Auth '
                 b'information"},"status":"failure"}', b"Content-Type: application/json\r\nServer: snow_adc\r\n"
                 b'WWW-Authenticate: BASIC realm="Service-now"\r\n')


async def serve(reader, writer):
    try:
        while await one(reader, writer):
            pass
    except (OSError, EOFError, asyncio.LimitOverrunError, ssl.SSLError):
        pass
    finally:
        writer.close()


async def one(reader, writer):
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    path = head.split(b" ", 2)[1]
    length = next((int(line[15:]) for line in lines if line.startswith(b"content-length:")), 0)
    while length > 0:
        piece = await reader.read(min(length, 65536))
        if not piece:
            return False
        length -= len(piece)
    return await reply(path, reader, writer)


async def reply(path, reader, writer):
    if path == b"/401":
        writer.write(REFUSED)
    elif path == b"/slow":
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n")
        for _ in range(10):
            writer.write(b"s")
            await writer.drain()
            await asyncio.sleep(0.05)
    elif path == b"/cut":
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nonly this")
        await writer.drain()
        return False
    elif path == b"/reset":
        await writer.drain()
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
        return False
    elif path == b"/huge":
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(64):
            writer.write(b"10000\r\n" + HUGE + b"\r\n")
            await writer.drain()
        writer.write(b"0\r\n\r\n")
    elif path == b"/socket":
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        while data := await reader.read(4096):
            writer.write(data)
            await writer.drain()
        return False
    else:
        writer.write(answer(b"200 OK", b"ok", b"Server: snow_adc\r\nX-Is-Logged-In: true\r\n"))
    await writer.drain()
    return True


def context(cert, key):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(cert, key)
    made.set_alpn_protocols(["http/1.1"])
    return made


async def main(cert, key, other_cert, other_key):
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    ports = {}
    for name, tls in (("plain", None), ("tls", context(cert, key)), ("distrusted", context(other_cert, other_key))):
        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls, backlog=1024)
        ports[name] = server.sockets[0].getsockname()[1]
    print(json.dumps(ports), flush=True)
    await asyncio.Event().wait()


asyncio.get_event_loop_policy().new_event_loop().run_until_complete(main(*sys.argv[1:]))
