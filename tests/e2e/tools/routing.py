#!/usr/bin/env python3
"""routing.py CHECK|RUN MANIFESTS DIR [SETUP TABLE]: the rendered haproxy.cfg before stand-ins that say their names.

check  HAProxy accepts the configuration without a warning (exit status of haproxy -c -dW)
run    HAProxy runs with one stand-in per backend; it is not ready before they are; then every request of the
       table is sent, and what answers compared with the column SETUP. "workers" is followed by "down".

Names of Services become addresses of the stand-ins, ports become free ones, files are where DIR has them; nothing
else of the configuration is changed. HAPROXY names another program than haproxy.
"""
import http.client, http.server, os, pathlib, re, signal, socket, subprocess, sys, threading, time
import yaml

FRONTENDS = {8405: "metrics", 8406: "ready", 8008: "", 8009: "403", 8010: "wkd"}
HAPROXY = os.environ.get("HAPROXY", "haproxy")


def unpack(manifests, where):
    """ConfigMaps as folders of files; the configuration with paths in there."""
    for doc in yaml.safe_load_all(open(manifests, encoding="utf-8")):
        if doc and doc["kind"] == "ConfigMap" and "haproxy" in doc["metadata"]["name"]:
            folder = where / doc["metadata"]["name"]
            folder.mkdir(parents=True, exist_ok=True)
            for name, text in doc["data"].items():
                (folder / name).write_bytes(text.encode())
    configs = list(where.glob("*-haproxy/haproxy.cfg"))
    if not configs:
        return None
    text = configs[0].read_text()
    text = re.sub(r"(map_reg\(|errorfile 503 |file )/synapse/", rf"\g<1>{where}/ess-synapse-haproxy/", text)
    return re.sub(r"file /well-known/", f"file {where}/ess-well-known-haproxy/", text)


class StandIn(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, name, bound):
        super().__init__(bound.getsockname(), Answer, bind_and_activate=False)
        self.socket.close()
        self.socket, self.name = bound, name
        self.server_activate()
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def handle_error(self, request, client_address):
        pass  # a check of HAProxy's that hangs up


class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        size = int(self.headers.get("Content-Length") or 0)
        self.rfile.read(size)
        self.send_response(200)
        self.send_header("X-Backend", self.server.name)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_OPTIONS = answer

    def log_message(self, *args):
        pass


def bound_socket():
    """A port that nobody else gets, and that refuses connections until somebody listens."""
    s = socket.socket()
    s.bind(("127.0.0.1", 0))
    return s


def free_port():
    with bound_socket() as s:
        return s.getsockname()[1]


def stand_in_name(section):
    return {"synapse-main-failover": "main", "matrix-authentication-service": "mas"}.get(section, section.removeprefix("synapse-"))


class Proxy:
    def __init__(self, text, where):
        self.ports, self.backends, lines, section = {}, {}, [], ""
        for line in text.split("\n"):
            head = re.match(r"(frontend|backend) (\S+)", line)
            if head:
                section = head[2]
            bind = re.match(r"\s+bind \*:(\d+)", line)
            if bind:
                port = self.ports[FRONTENDS[int(bind[1])]] = free_port()
                line = f"    bind 127.0.0.1:{port}"
            elif re.match(r"\s+(bind|stats socket) ", line):
                continue
            elif re.match(r"\s+server(-template)? ", line):
                name = stand_in_name(section)
                if name not in self.backends:
                    self.backends[name] = bound_socket()
                port = self.backends[name].getsockname()[1]
                line = f"    server one 127.0.0.1:{port} check inter 100ms rise 1 fall 1"
            lines.append(line)
        self.config = where / "running.cfg"
        self.config.write_text("\n".join(lines))
        self.log = open(where / "haproxy.log", "wb")
        self.process = subprocess.Popen([HAPROXY, "-db", "-dW", "-f", self.config], stdout=self.log, stderr=self.log)
        self.servers = {}

    def start(self, names):
        for name in names:
            self.servers[name] = StandIn(name, self.backends[name])

    def stop(self, names):
        for name in names:
            server = self.servers.pop(name)
            server.shutdown()
            server.server_close()

    def ask(self, method, path):
        where, headers = "", {"X-Forwarded-For": "192.0.2.7", "Connection": "close"}
        prefix = re.match(r"(403|ready|metrics|wkd|if-match):", path)
        if prefix:
            where, path = prefix[1], path[len(prefix[0]):]
        connection = http.client.HTTPConnection("127.0.0.1", self.ports["" if where == "if-match" else where], timeout=10)
        connection.request(method, path, headers=headers)
        response = connection.getresponse()
        response.read()
        got = response.headers.get("X-Backend") or str(response.status)
        if where == "if-match" and "If-Match" in response.headers.get("Access-Control-Allow-Headers", ""):
            got += "+"
        connection.close()
        return got

    def wait(self, path, want, seconds=10):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                if self.ask("GET", path) == want:
                    return
            except OSError:
                pass
            time.sleep(0.05)
        raise SystemExit(f"{path} is not answered with {want} after {seconds} s")

    def live(self, names):
        """Waits until just these backends have a live server, as the statistics say."""
        end = time.monotonic() + 10
        while time.monotonic() < end:
            connection = http.client.HTTPConnection("127.0.0.1", self.ports["metrics"], timeout=10)
            connection.request("GET", "/metrics?scope=backend")
            text = connection.getresponse().read().decode()
            counts = re.findall(r'haproxy_backend_active_servers\{proxy="([^"]+)"\} (\d+)', text)
            if all((int(n) > 0) == (stand_in_name(b) in names) for b, n in counts if stand_in_name(b) in self.backends):
                return
            time.sleep(0.05)
        raise SystemExit("the checks of the stand-ins do not come to rest")


def compare(proxy, table, column):
    wrong = asked = 0
    for number, line in enumerate(table.read_text().split("\n"), 1):
        if not line or line.startswith("#"):
            continue
        method, path, *wants = line.split(" ")
        want = wants[["workers", "down", "mas", "alone"].index(column)]
        got = proxy.ask(method, path)
        asked += 1
        if got != want:
            wrong += 1
            print(f"{table.name}:{number}: {column}: {method} {path}: {want} should answer, {got} did")
    print(f"{column}: {asked} requests, {wrong} wrong")
    return wrong


def main():
    what, manifests, where, *more = sys.argv[1:]
    where = pathlib.Path(where)
    text = unpack(manifests, where)
    if text is None:
        print("no HAProxy in these manifests")
        return 0
    if what == "check":
        config = where / "haproxy.cfg"
        config.write_text(text)
        return subprocess.run([HAPROXY, "-c", "-dW", "-f", config]).returncode
    setup, table = more[0], pathlib.Path(more[1])
    proxy = Proxy(text, where)
    try:
        names = set(proxy.backends)
        proxy.wait("metrics:/haproxy_test", "200")
        proxy.live(set())
        if proxy.ask("GET", "ready:/synapse_ready") != "503":
            raise SystemExit("HAProxy is ready before Synapse is")
        if proxy.ask("GET", "/_matrix/client/v3/sync") != "429" or proxy.ask("GET", "wkd:/.well-known/matrix/server") != "200":
            raise SystemExit("while Synapse starts, requests are not put off, or well-known files not served")
        proxy.start(names)
        proxy.live(names)
        proxy.wait("ready:/synapse_ready", "200")
        wrong = compare(proxy, table, setup)
        if setup == "workers":
            proxy.stop(names - {"main"})
            proxy.live({"main"})
            wrong += compare(proxy, table, "down")
        proxy.stop(set(proxy.servers) & {"main"})
        proxy.wait("ready:/synapse_ready", "503")
        return 1 if wrong else 0
    finally:
        proxy.process.send_signal(signal.SIGTERM)
        proxy.process.wait(10)


sys.exit(main())
