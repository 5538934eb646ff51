#!/usr/bin/env python3
"""faultproxy.py UPSTREAM(HOST:PORT) LISTEN(ADDRESS:PORT) LOG: between a client and a registry, and does to their
talk what the rules say. Each request is a line of LOG, as JSON:

    {"method", "path", "in": bytes of the body that came, "out": of the answer's body, "status", "auth": as sent, "rule"}

PUT /_rules with a JSON list sets the rules and forgets the old ones; the first that matches and is not used up is
applied. Every rule has `method` and `path` (regular expressions), may have `skip` (so many matches pass), `times`
(default 1, -1 = always), and one of these:

    status N [headers {}, body, type, early]   that answer; early: before the body was read, then the connection breaks
    cut_request N     so many bytes of the request's body reach the registry, then the connection is reset
    stall_request N   the same, but then there is silence
    no_answer         the request reaches the registry as a whole, its answer is lost
    cut_answer N      the connection breaks after so many bytes of the answer's body (0: after the headers)
    stall_answer N    the same, but then there is silence
    slow_answer N     N bytes per second (slow_head: the headers, too)
    truncate N        only N bytes of the body, and a Content-Length that says so
    longer N          a Content-Length that is N too large
    alter             the last byte of the answer is another
    redirect BASE     307 to BASE + path
    edit {}           of the answer: `status`, `drop` [headers], `set` {headers}, `location`: relative or query

{"auth": N, "user": "name:password"} instead of a rule: a Bearer token is wanted, good for N requests (0: any number).
{"limit": N} instead of a rule: 413 for a body of more than N bytes.
{"crowd": N} instead of a rule: 429 for whoever comes when N are inside; each takes a twentieth of a second more.
"""
import base64, http.client, http.server, json, os, re, socket, struct, sys, threading, time, urllib.parse

UPSTREAM, LISTEN = sys.argv[1:3]
LOG = open(sys.argv[3], "a", buffering=1)
LOCK = threading.Lock()
PIECE = 64 * 1024
state = {"rules": [], "auth": None, "limit": 0, "crowd": 0, "inside": 0, "when": 0, "tokens": {}, "n": 0}


class Broken(Exception):
    pass


def pick(method, path):
    with LOCK:
        for r in state["rules"]:
            if not re.fullmatch(r.get("method", ".*"), method) or not re.search(r.get("path", ""), path):
                continue
            if r.get("skip", 0) > 0:
                r["skip"] -= 1
                continue
            if r.setdefault("times", 1) == 0:
                continue
            r["times"] -= 1
            return r
    return {}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 0
    upstream = None

    def log_message(self, *args):
        pass

    def line(self, **more):
        self.said.update(more)

    # --- what is ours ---
    def answer(self, status, body=b"", headers={}):
        self.line(status=status, out=len(body))
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status >= 200 and status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def control(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        rules = json.loads(body)
        with LOCK:
            auth = [r for r in rules if "auth" in r]
            state.update(rules=[r for r in rules if not {"auth", "limit", "crowd"} & set(r)], auth=auth[0] if auth else None,
                         limit=sum(r.get("limit", 0) for r in rules),
                         crowd=sum(r.get("crowd", 0) for r in rules), tokens={}, inside=0, when=state["when"] + 1)
        self.send_response(204)
        self.end_headers()

    def token(self):
        want = "Basic " + base64.b64encode(state["auth"]["user"].encode()).decode()
        if self.headers.get("Authorization") != want:
            return self.answer(401)
        with LOCK:
            state["n"] += 1
            text = "token-%d" % state["n"]
            state["tokens"][text] = state["auth"]["auth"] or -1
        self.answer(200, json.dumps({"token": text, "expires_in": 3600}).encode(), {"Content-Type": "application/json"})

    def refused(self):
        """True when a token was missing or used up."""
        with LOCK:
            if not state["auth"]:
                return False
            text = self.headers.get("Authorization", "")[len("Bearer "):]
            left = state["tokens"].get(text, 0)
            if left:
                state["tokens"][text] = left - 1
                return False
        self.drain()
        realm = "http://%s/_token" % LISTEN
        self.answer(401, b'{"errors":[{"code":"UNAUTHORIZED","message":"a token, please"}]}',
                    {"WWW-Authenticate": 'Bearer realm="%s",service="test",scope="repository:any:pull,push"' % realm,
                     "Content-Type": "application/json"})
        return True

    # --- the request ---
    def pieces(self):
        left = int(self.headers.get("Content-Length", 0))
        while left > 0:
            p = self.rfile.read1(min(PIECE, left))
            if not p:
                raise Broken("the client left")
            left -= len(p)
            self.line(**{"in": self.said["in"] + len(p)})
            yield p

    def drain(self):
        for _ in self.pieces():
            pass

    def reset(self):
        """So that the other side gets ECONNRESET, not an orderly end."""
        try:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        except OSError:
            pass
        raise Broken("reset")

    def forget(self):
        if self.upstream:
            self.upstream.close()
        self.upstream = None

    def forward(self, rule):
        """The request to the registry, and its answer, not read yet."""
        cut = rule.get("cut_request", rule.get("stall_request"))
        if not self.upstream:
            host, port = UPSTREAM.rsplit(":", 1)
            self.upstream = http.client.HTTPConnection(host, int(port), blocksize=PIECE)
            self.upstream.connect()
            self.upstream.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        c = self.upstream
        c.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in ("connection", "expect", "keep-alive") and not (name.lower() == "authorization" and state["auth"]):
                c.putheader(name, value)
        c.endheaders()
        sent = 0
        for p in self.pieces():
            c.send(p if cut is None else p[:max(cut - sent, 0)])
            sent += len(p)
            if cut is not None and sent >= cut:
                break
        if cut is not None:
            time.sleep(0.05)
            self.forget()
            if "stall_request" in rule:
                time.sleep(3600)
            self.reset()
        return c.getresponse()

    # --- the answer ---
    def head_of(self, r, rule):
        edit = rule.get("edit", {})
        drop = [h.lower() for h in edit.get("drop", [])] + ["connection", "transfer-encoding", "keep-alive"]
        headers = [(k, v) for k, v in r.getheaders() if k.lower() not in drop]
        out = []
        for k, v in headers:
            if k.lower() == "location":
                u = urllib.parse.urlsplit(v)
                if edit.get("location") == "relative":
                    v = urllib.parse.urlunsplit(("", "", u.path, u.query, ""))
                elif edit.get("location") == "query":
                    v += ("&" if u.query else "?") + "more=a%2Fb"
            if k.lower() == "content-length" and "truncate" in rule:
                v = str(min(int(v), rule["truncate"]))
            if k.lower() == "content-length" and "longer" in rule:
                v = str(int(v) + rule["longer"])
            out.append((k, v))
        return edit.get("status", r.status), out + list(edit.get("set", {}).items())

    def relay(self, r, rule):
        status, headers = self.head_of(r, rule)
        self.line(status=status)
        body = self.command != "HEAD" and r.status not in (204, 304)
        if not any(k.lower() == "content-length" for k, _ in headers) and body:
            data = r.read()
            headers.append(("Content-Length", str(len(data))))
        else:
            data = None
        head = "HTTP/1.1 %d X\r\n%s\r\n" % (status, "".join("%s: %s\r\n" % h for h in headers))
        rate = rule.get("slow_answer")
        if rule.get("slow_head"):
            for i in range(0, len(head), 8):
                self.wfile.write(head[i:i + 8].encode())
                time.sleep(8 / rate)
        else:
            self.wfile.write(head.encode())
        if body:
            self.body(r, data, rule, rate)
        else:
            r.read()

    def body(self, r, data, rule, rate):
        stop = rule.get("cut_answer", rule.get("stall_answer", rule.get("truncate")))
        length = r.length
        sent = 0
        while stop is None or sent < stop:
            p = data if data is not None else r.read(PIECE if not rate else max(rate // 20, 1))
            if data is not None:
                data = b""
            if not p:
                break
            if stop is not None:
                p = p[:stop - sent]
            sent += len(p)
            if "alter" in rule and length is not None and sent >= length:
                p = p[:-1] + bytes([p[-1] ^ 1])
            self.wfile.write(p)
            self.line(out=sent)
            if rate:
                time.sleep(len(p) / rate)
        if "stall_answer" in rule:
            time.sleep(3600)
        if "cut_answer" in rule:
            self.reset()
        if "longer" in rule:
            raise Broken("longer")
        if "truncate" in rule:
            self.forget()

    def handle_one(self):
        if self.path == "/_rules":
            return self.control()
        if self.path.startswith("/_token"):
            return self.token()
        if self.refused():
            return
        if state["crowd"]:
            if self.inside > state["crowd"]:
                self.drain()
                self.line(rule="crowd")
                return self.answer(429)
            time.sleep(0.05)
        rule = pick(self.command, self.path)
        self.line(rule=next((k for k in rule if k not in ("method", "path", "skip", "times")), ""))
        if state["limit"] and int(self.headers.get("Content-Length", 0)) > state["limit"]:
            rule = {"status": 413, "early": True, "body": "<html>too large</html>", "type": "text/html"}
        if "redirect" in rule:
            self.drain()
            return self.answer(307, headers={"Location": rule["redirect"] + self.path})
        if "status" in rule:
            if not rule.get("early"):
                self.drain()
            self.answer(rule["status"], rule.get("body", "").encode(),
                        {"Content-Type": rule.get("type", "text/plain"), **rule.get("headers", {})})
            if rule.get("early"):
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_WR)
                # Closed with bytes unread, the answer would be lost with them.
                self.connection.settimeout(0.5)
                while self.rfile.read1(PIECE):
                    pass
            return
        r = self.forward(rule)
        if "no_answer" in rule:
            r.read()
            self.reset()
        self.relay(r, rule)

    def do(self):
        self.said = {"method": self.command, "path": self.path, "in": 0, "out": 0, "status": 0,
                     "auth": self.headers.get("Authorization", ""), "rule": ""}
        with LOCK:
            state["inside"] += 1
            self.inside, when = state["inside"], state["when"]
        try:
            self.handle_one()
        except (Broken, OSError, http.client.HTTPException) as e:
            self.said["broke"] = str(e)
            self.close_connection = True
            self.forget()
        finally:
            with LOCK:
                state["inside"] -= when == state["when"]
        if self.path != "/_rules":
            LOG.write(json.dumps(self.said) + "\n")

    do_GET = do_HEAD = do_PUT = do_POST = do_PATCH = do_DELETE = do

    def finish(self):
        self.forget()
        try:
            super().finish()
        except OSError:
            pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def get_request(self):
        s, a = super().get_request()
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return s, a

    def handle_error(self, request, client_address):
        pass


address, port = LISTEN.rsplit(":", 1)
Server((address, int(port)), Handler).serve_forever()
