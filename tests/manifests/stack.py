"""Rendering of the stack for tests: runs ess-bundle render, reads what comes out, finds things in it."""
import base64
import concurrent.futures
import os
import re
import subprocess
import tempfile

import yaml

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
PROGRAM = os.environ.get("ESS_BUNDLE", os.path.join(ROOT, "out", "ess-bundle"))
BUNDLE = os.path.join(ROOT, "bundles", "ess-community")
VALUES = os.path.join(ROOT, "tests", "values")
IMAGES = os.path.join(ROOT, "tests", "manifests", "images.yaml")
MONITORS = "monitoring.coreos.com/v1/ServiceMonitor"
CERTIFICATES = "cert-manager.io/v1/Certificate"
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

# Which part of the values a workload follows, by the name of the workload without the release.
OWNERS = {
    "deployment-markers-post": "deploymentMarkers",
    "deployment-markers-pre": "deploymentMarkers",
    "element-admin": "elementAdmin",
    "element-web": "elementWeb",
    "haproxy": "haproxy",
    "hookshot": "hookshot",
    "init-secrets": "initSecrets",
    "matrix-authentication-service": "matrixAuthenticationService",
    "matrix-rtc-authorisation-service": "matrixRTC",
    "matrix-rtc-sfu": "matrixRTC.sfu",
    "postgres": "postgres",
    "redis": "redis",
    "syn2mas": "matrixAuthenticationService.syn2mas",
    "synapse-check-config": "synapse.checkConfigHook",
}


def load(path):
    with open(path, encoding="utf-8") as file:
        return yaml.load(file, LOADER) or {}


def merged(*trees):
    """Later trees win, mappings are merged."""
    result = {}
    for tree in trees:
        for key, value in tree.items():
            old = result.get(key)
            result[key] = merged(old, value) if isinstance(value, dict) and isinstance(old, dict) else value
    return result


def at(tree, path, default=None):
    for key in path.split("."):
        if not isinstance(tree, dict) or tree.get(key) is None:
            return default
        tree = tree[key]
    return tree


def nested(path, value):
    """{a: {b: value}} for a.b"""
    for key in reversed(path.split(".")):
        value = {key: value}
    return value


class Failed(Exception):
    """The program refused to render; its message."""


def render(*values, name="ess", namespace="ess", api=(MONITORS, CERTIFICATES), raw=False):
    """Objects rendered from values: names of files in tests/values, or trees."""
    with tempfile.TemporaryDirectory() as folder:
        files = [IMAGES]
        for number, one in enumerate(values):
            if isinstance(one, str):
                files.append(os.path.join(VALUES, one + ".yaml"))
            else:
                files.append(os.path.join(folder, "%d.yaml" % number))
                with open(files[-1], "w", encoding="utf-8") as file:
                    yaml.dump(one, file, DUMPER)
        command = [PROGRAM, "render", BUNDLE, "--unlocked", "--allow-foreign-image", "--name", name, "--namespace", namespace]
        if api:
            command += ["--api-versions", ",".join(api)]
        for file in files:
            command += ["--values", file]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failed("\n".join(line for line in done.stderr.splitlines() if not line.startswith("warning:")))
    if raw:
        return done.stdout
    return [one for one in yaml.load_all(done.stdout, LOADER) if one]


class Later:
    """Renderings on all processors; each is asked for once, whoever needs it."""

    def __init__(self):
        self.pool = concurrent.futures.ThreadPoolExecutor(os.cpu_count())
        self.asked = {}

    def ask(self, key, *values, **more):
        if key not in self.asked:
            self.asked[key] = self.pool.submit(render, *values, **more)

    def get(self, key):
        if key not in self.asked:
            self.ask(key, key)
        return self.asked[key].result()


def kinds(objects, *wanted):
    return [one for one in objects if one["kind"] in wanted]


def name_of(one):
    return one["metadata"]["name"]


def short(one, release="ess"):
    name = name_of(one)
    return name[len(release) + 1:] if name.startswith(release + "-") else name


def find(objects, kind, name):
    for one in objects:
        if one["kind"] == kind and name_of(one) == name:
            return one
    return None


def hook(one):
    return (one["metadata"].get("annotations") or {}).get("helm.sh/hook")


def weight(one):
    return int((one["metadata"].get("annotations") or {}).get("helm.sh/hook-weight", "0"))


class Pod:
    """The template in a workload."""

    def __init__(self, workload):
        self.workload = workload
        self.kind = workload["kind"]
        self.name = name_of(workload)
        template = workload["spec"]["template"]
        self.labels = template["metadata"].get("labels") or {}
        self.annotations = template["metadata"].get("annotations") or {}
        self.spec = template["spec"]
        self.init = self.spec.get("initContainers") or []
        self.main = self.spec["containers"]
        self.all = self.init + self.main
        self.volumes = {one["name"]: one for one in self.spec.get("volumes") or []}

    def owner(self):
        """Its part of the values, or None for what no single part decides."""
        plain = self.name.partition("-")[2]
        if plain in OWNERS:
            return OWNERS[plain]
        return "synapse" if plain.startswith("synapse-") else None


def pods(objects):
    return [Pod(one) for one in kinds(objects, "Deployment", "StatefulSet", "Job")]


def data_of(one):
    """Contents of a ConfigMap or Secret as texts."""
    if one["kind"] == "Secret":
        return {key: base64.b64decode(value).decode("utf-8", "replace") for key, value in (one.get("data") or {}).items()}
    return dict(one.get("data") or {})


def texts(tree):
    """All texts in a tree, keys included."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield str(key)
            yield from texts(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from texts(value)
    elif isinstance(tree, str):
        yield tree


PLACEHOLDER = re.compile(r"\$\{[A-Z_0-9]+\}")


def parse_config(text):
    return list(yaml.load_all(PLACEHOLDER.sub("placeholder", text), LOADER))
