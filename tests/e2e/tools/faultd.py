#!/usr/bin/env python3
"""faultd.py DIR PORT-FILE [LOG]: a web server on 127.0.0.1 that misbehaves as its URLs ask for.

    /ok/PATH                        DIR/PATH as it is
    /MODE~PATTERN~ARG~TOKEN/PATH    the same, but MODE happens to paths that contain PATTERN

    as        PATH with ARG appended is served instead     cut       the first half, as if it were the whole
    alter     one byte differs                             grow      twice the content
    html      a page of HTML, status 200                   status    status ARG
    stall     half the content, then silence               silent    no answer at all
    loop      redirects to itself                          slow      ARG bytes per second
    drop      the connection breaks after ARG bytes, once for each TOKEN; later requests are served
    drop-all  the same, each time                          norange   as drop, and ranges are ignored
    retry     status 503 with Retry-After: 1, once for each TOKEN

Each request is a line of LOG: path, range.
"""
import http.server, os, sys, threading, time

ROOT, PORT_FILE = sys.argv[1:3]
LOG = open(sys.argv[3], "a", buffering=1) if len(sys.argv) > 3 else None
SEEN, LOCK = set(), threading.Lock()


def first_time(key):
    with LOCK:
        new = key not in SEEN
        SEEN.add(key)
        return new


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def finish_with(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def break_off(self):
        self.close_connection = True
        self.wfile.flush()
        self.connection.close()

    def send_content(self, data, *, limit=None, stop=None, rate=None, ranges=True, then=None):
        """limit: so many bytes at most, stop: none from this one on; then what `then` does."""
        start, asked = 0, self.headers.get("Range", "")
        if ranges and asked.startswith("bytes=") and asked.endswith("-"):
            start = int(asked[6:-1])
            if start >= len(data):
                return self.finish_with(416)
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        end = len(data) if limit is None else min(len(data), start + limit)
        if stop is not None:
            end = max(start, min(end, stop))
        step = max(rate // 50, 1) if rate else 1 << 20
        for at in range(start, end, step):
            self.wfile.write(data[at:min(at + step, end)])
            if rate:
                time.sleep(step / rate)
        if end < len(data) and then:
            then()

    def act(self, mode, arg, token, path, data):
        once = first_time((mode, token, path))
        size = int(arg) if arg.isdigit() else 0
        if mode == "html":
            return self.finish_with(200, b"<!DOCTYPE html><title>Please log in</title>\n", Content_Type="text/html")
        if mode == "status":
            return self.finish_with(size, b"no\n")
        if mode == "retry" and once:
            return self.finish_with(503, b"busy\n", Retry_After="1")
        if mode == "loop":
            return self.finish_with(302, Location=self.path)
        if mode == "silent":
            return time.sleep(3600)
        if mode == "stall":
            return self.send_content(data, stop=len(data) // 2, then=lambda: time.sleep(3600))
        if mode == "drop-all" or (mode in ("drop", "norange") and once):
            return self.send_content(data, limit=size, then=self.break_off, ranges=mode != "norange")
        if mode == "cut":
            data = data[:len(data) // 2]
        elif mode == "grow":
            data += data
        elif mode == "alter":
            at = len(data) // 2
            data = data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]
        return self.send_content(data, rate=size if mode == "slow" else None, ranges=mode != "norange")

    def do_GET(self):
        rule, _, path = self.path.lstrip("/").partition("/")
        mode, pattern, arg, token = (rule.split("~") + ["", "", ""])[:4]
        if LOG:
            LOG.write(f"{self.path} {self.headers.get('Range', '-')}\n")
        applies = mode != "ok" and pattern in path
        if applies and mode == "as":
            path, applies = path + arg, False
        file = os.path.join(ROOT, path)
        try:
            if ".." in path or not os.path.isfile(file):
                return self.finish_with(404, b"not here\n")
            with open(file, "rb") as f:
                data = f.read()
            if applies:
                self.act(mode, arg, token, path, data)
            else:
                self.send_content(data)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        pass


server = Server(("127.0.0.1", 0), Handler)
with open(PORT_FILE + ".new", "w") as f:
    f.write(str(server.server_address[1]))
os.rename(PORT_FILE + ".new", PORT_FILE)
server.serve_forever()
