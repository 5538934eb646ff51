#!/usr/bin/env python3
"""Clients that behave badly, against HOST:PORT; ends with 0 when the server defends itself.
slowloris.py drip HOST:PORT SECONDS         a header, byte by byte: cut within so long
slowloris.py deaf HOST:PORT SECONDS PATH    asks and does not read: cut within so long
slowloris.py many HOST:PORT N               more than N connections: N stay open, the others are closed
slowloris.py header HOST:PORT BYTES         a header of so many bytes: refused"""
import select, socket, sys, time

mode, where, number = sys.argv[1], sys.argv[2].rsplit(":", 1), int(sys.argv[3])


def dial(**options):
    s = socket.socket()
    if "window" in options:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, options["window"])
    s.connect((where[0], int(where[1])))
    return s


def closed(s, seconds):
    """Whether the other side closes within so long; what it says before is dropped."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if select.select([s], [], [], max(0, end - time.monotonic()))[0]:
            try:
                if not s.recv(65536):
                    return True
            except ConnectionError:
                return True
    return False


def drip():
    s = dial()
    begin = time.monotonic()
    s.sendall(b"GET /v2/ HTTP/1.1\r\nHost: x\r\nX-Slow: ")
    while time.monotonic() - begin < number:
        if closed(s, 0.2):
            print("cut after %.1f s" % (time.monotonic() - begin))
            return 0
        try:
            s.sendall(b"a")
        except ConnectionError:
            print("cut after %.1f s" % (time.monotonic() - begin))
            return 0
    return "still open"


def deaf():
    s = dial(window=4096)
    s.sendall(b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % sys.argv[4].encode())
    begin = time.monotonic()
    poll = select.poll()
    poll.register(s, select.POLLRDHUP | select.POLLHUP | select.POLLERR)
    while time.monotonic() - begin < number:
        if poll.poll(200):
            print("cut after %.1f s" % (time.monotonic() - begin))
            return 0
    return "still open"


def many():
    conns = [dial() for _ in range(3 * number)]
    time.sleep(0.5)
    gone = sum(closed(s, 0.01) for s in conns)
    if gone != 2 * number:
        return "%d of %d were closed, expected %d" % (gone, len(conns), 2 * number)
    for s in conns:
        s.close()
    time.sleep(0.3)
    s = dial()
    s.sendall(b"GET /v2/ HTTP/1.0\r\n\r\n")
    return 0 if s.recv(100).startswith(b"HTTP/1.") else "not served any more"


def header():
    s = dial()
    try:
        s.sendall(b"GET /v2/ HTTP/1.1\r\nHost: x\r\nX-Large: " + b"a" * number + b"\r\n\r\n")
        answer = s.recv(1000)
    except ConnectionError:
        answer = b""
    print(answer[:40])
    return 0 if answer[9:12] in (b"431", b"413", b"400", b"") else "not refused"


sys.exit({"drip": drip, "deaf": deaf, "many": many, "header": header}[mode]())
