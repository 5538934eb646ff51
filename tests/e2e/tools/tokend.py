#!/usr/bin/env python3
"""tokend.py KEY CERT PORT-FILE [ISSUER SERVICE]: a token server for registries, as Docker's token specification has it.

Real tokens, signed by KEY (RS256, through openssl), with CERT in their x5c. Who may do what:
  me:sesame        everything but below closed/
  refresh tokens   "sesame-refresh" stands for me (POST with grant_type=refresh_token)
  nobody           pulling below open/
Every request becomes a line on stdout: method, user, scopes. A password never does."""
import base64, hashlib, http.server, json, subprocess, sys, time, urllib.parse

KEY, CERT, PORT_FILE = sys.argv[1:4]
ISSUER, SERVICE = sys.argv[4:6] if len(sys.argv) > 4 else ("test-issuer", "test-registry")
REFRESH = "sesame-refresh"


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def certificate():
    with open(CERT) as f:
        return "".join(line.strip() for line in f if "-----" not in line)


def may(user, repository, action):
    if repository.startswith("closed/"):
        return False
    return user == "me" or (action == "pull" and repository.startswith("open/"))


def access_of(user, scopes):
    access = []
    for scope in " ".join(scopes).split():
        kind, name, actions = scope.split(":", 2) if scope.count(":") == 2 else ("", "", "")
        actions = [a for a in actions.split(",") if kind == "repository" and may(user, name, a)]
        if actions:
            access.append({"type": kind, "name": name, "actions": actions})
    return access


def token(user, scopes):
    now = int(time.time())
    header = {"typ": "JWT", "alg": "RS256", "x5c": [certificate()]}
    claims = {"iss": ISSUER, "sub": user, "aud": SERVICE, "iat": now, "nbf": now - 5, "exp": now + 300,
              "jti": hashlib.sha256(str(time.time_ns()).encode()).hexdigest()[:16], "access": access_of(user, scopes)}
    text = b64(json.dumps(header).encode()) + "." + b64(json.dumps(claims).encode())
    signature = subprocess.run(["openssl", "dgst", "-sha256", "-sign", KEY], input=text.encode(),
                               stdout=subprocess.PIPE, check=True).stdout
    return text + "." + b64(signature)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def refuse(self):
        print(self.command, "refused", flush=True)
        self.answer(401, {"errors": [{"code": "UNAUTHORIZED", "message": "who are you?"}]})

    def grant(self, user, scopes, **more):
        print(self.command, user or "nobody", *scopes, flush=True)
        t = token(user, scopes)
        self.answer(200, dict({"token": t, "access_token": t, "expires_in": 300}, **more))

    def do_GET(self):
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        user, given = "", self.headers.get("Authorization", "")
        if given:
            user, _, password = base64.b64decode(given.partition(" ")[2]).decode().partition(":")
            if (user, password) != ("me", "sesame"):
                return self.refuse()
        if query.get("service") != [SERVICE]:
            return self.answer(400, {"errors": [{"code": "UNSUPPORTED", "message": "no such service"}]})
        self.grant(user, query.get("scope", []))

    def do_POST(self):
        form = urllib.parse.parse_qs(self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode())
        kind = form.get("grant_type", [""])[0]
        good = (kind == "refresh_token" and form.get("refresh_token") == [REFRESH]) or \
            (kind == "password" and form.get("username") == ["me"] and form.get("password") == ["sesame"])
        if not good:
            return self.refuse()
        self.grant("me", form.get("scope", []), refresh_token=REFRESH)


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
with open(PORT_FILE, "w") as f:
    f.write(str(server.server_port))
server.serve_forever()
