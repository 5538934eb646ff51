#!/usr/bin/env python3
"""ask.py http URL [NAME:VALUE]...    status line, headers and body of an answer; fails only without one
ask.py redis HOST PORT WORD...     the reply to one command
ask.py image INSPECT NAME          reference of the image called NAME in `ess-bundle inspect --json` output
ask.py images INSPECT              all of them: name, reference, digest
ask.py platforms LAYOUT DIGEST     the image manifests below an index in an image layout: platform, digest"""
import http.client, json, socket, sys, urllib.parse


def ask_http(url, *headers):
    url = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(url.hostname, url.port or 80, timeout=10)
    connection.request("GET", url.path + ("?" + url.query if url.query else ""),
                       headers=dict(h.split(":", 1) for h in headers))
    answer = connection.getresponse()
    print("HTTP", answer.status, answer.reason)
    for name, value in answer.getheaders():
        print(name.lower() + ": " + value)
    print()
    sys.stdout.flush()
    sys.stdout.buffer.write(answer.read())


def ask_redis(host, port, *words):
    with socket.create_connection((host, int(port)), timeout=10) as s:
        words = [w.encode() for w in words]
        s.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words))
        stream = s.makefile("rb")
        line = stream.readline().rstrip(b"\r\n")
        if line[:1] == b"$" and int(line[1:]) >= 0:
            print(stream.read(int(line[1:])).decode())
        elif line[:1] in (b"+", b":"):
            print(line[1:].decode())
        else:
            sys.exit("redis answered: " + line.decode())


def load(path):
    with open(path) as f:
        return json.load(f)


def reference(entry):
    return entry.get("ref") or entry["name"]


def images(inspect_file):
    for i in load(inspect_file)["images"]:
        print(reference(i).rsplit("/", 1)[-1].rsplit(":", 1)[0], reference(i), i["digest"])


def platforms(layout, digest):
    blob = load(layout + "/blobs/" + digest.replace(":", "/"))
    if "manifests" not in blob:
        config = load(layout + "/blobs/" + blob["config"]["digest"].replace(":", "/"))
        print(config["os"] + "/" + config["architecture"], digest)
        return
    for m in blob["manifests"]:
        print(m["platform"]["os"] + "/" + m["platform"]["architecture"], m["digest"])


def image(inspect_file, name):
    images = load(inspect_file)["images"]
    for i in images:
        ref = reference(i)
        if name in (i["name"], ref.rsplit("/", 1)[-1].split("@")[0].rsplit(":", 1)[0]):
            print(ref)
            return
    sys.exit("no image %r in the bundle, only %s" % (name, ", ".join(i["name"] for i in images)))


{"http": ask_http, "redis": ask_redis, "image": image, "images": images, "platforms": platforms}[sys.argv[1]](*sys.argv[2:])
