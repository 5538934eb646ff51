"""What has to hold of Services, mounts and files of every values file."""
import re

from stack import CERTIFICATES, at, data_of, find, hook, kinds, name_of, pods, texts, weight
from sweep import invariant, say

# Paths of images themselves, or of what only exists at run time.
IN_IMAGES = (
    "/app/config.json", "/docker-entrypoint-initdb.d", "/etc/nginx", "/tmp", "/var/lib/postgres",
    "/var/run/postgresql", "/usr/local/etc/haproxy", "/media", "/tmp-mas-cli",
)
LOOKED_AT = re.compile(r"/(?:secrets|conf|config-templates|config|as|turn-tls|registration-templates|storage)/[A-Za-z0-9._/-]+")


def files_of(pod, container, objects):
    """{path: volume} of what is mounted; directories end in /."""
    result = {}
    for mount in container.get("volumeMounts") or []:
        volume = pod.volumes.get(mount["name"], {})
        path = mount["mountPath"]
        items = None
        if "subPath" in mount:
            result[path] = mount
            continue
        for kind, source, key in (("ConfigMap", "configMap", "name"), ("Secret", "secret", "secretName")):
            if source not in volume:
                continue
            if volume[source].get("items"):
                items = [item["path"] for item in volume[source]["items"]]
            else:
                one = find(objects, kind, volume[source][key])
                items = list(data_of(one)) if one else None
        if items is None:
            result[path.rstrip("/") + "/"] = mount
        for item in items or []:
            result[path.rstrip("/") + "/" + item] = mount
    return result


def there(path, files):
    return path in files or any(name.endswith("/") and (path + "/").startswith(name) for name in files) or \
        any(name.startswith(path.rstrip("/") + "/") for name in files)


def spoken(pod, container, objects):
    """Texts in which a container, and its configuration, name files."""
    own = list(texts([container.get("args"), container.get("command"), container.get("env"), container.get("lifecycle"), container.get("livenessProbe"), container.get("readinessProbe"), container.get("startupProbe")]))
    for mount in container.get("volumeMounts") or []:
        volume = pod.volumes.get(mount["name"], {})
        for kind, source, key in (("ConfigMap", "configMap", "name"), ("Secret", "secret", "secretName")):
            one = find(objects, kind, volume[source][key]) if source in volume else None
            own += list(data_of(one).values()) if one else []
        for source in at(volume, "projected.sources", []):
            one = find(objects, "ConfigMap", source["configMap"]["name"])
            own += list(data_of(one).values()) if one else []
    return own


@invariant("configs_consistency/mounted_files_unique")
def unique_files(objects, _):
    for pod in pods(objects):
        for container in pod.all:
            paths = [mount["mountPath"] for mount in container.get("volumeMounts") or []]
            if len(set(paths)) < len(paths):
                yield "%s: %s: %s" % (pod.name, container["name"], paths)


@invariant("configs_consistency/any_mounted_path_is_used_in_content")
def used(objects, values):
    extra = [mount["mountPath"] for path in ("synapse", "postgres", "hookshot") for mount in at(values, path + ".extraVolumeMounts", [])]
    for pod in pods(objects):
        everything = "\n".join(text for container in pod.all for text in spoken(pod, container, objects))
        for container in pod.all:
            for path in files_of(pod, container, objects):
                plain = path.rstrip("/")
                if plain.startswith(IN_IMAGES) or plain in extra:
                    continue
                # Of a ConfigMap as a directory each container takes what it needs; of a Secret there is nothing else.
                whole = pod.volumes.get(files_of(pod, container, objects)[path]["name"], {})
                if "configMap" in whole and "subPath" not in files_of(pod, container, objects)[path]:
                    plain = plain.rsplit("/", 1)[0]
                if plain not in everything:
                    yield "%s: %s: nothing names %s" % (pod.name, container["name"], path)


@invariant("configs_consistency/any_path_found_matches_an_actual_mount")
def mounted(objects, _):
    for pod in pods(objects):
        whole = {}
        for container in pod.all:
            whole.update(files_of(pod, container, objects))
        for container in pod.all:
            own = files_of(pod, container, objects)
            for text in texts([container.get("args"), container.get("env"), container.get("command")]):
                for path in LOOKED_AT.findall(text):
                    if not there(path, own):
                        yield "%s: %s: %s is not mounted" % (pod.name, container["name"], path)
            if "render-config" in (container.get("args") or [])[:1]:
                output = container["args"][container["args"].index("-output") + 1]
                if output in own:
                    yield "%s: writes %s, which is a single mounted file" % (pod.name, output)
        # The move of users reads Synapse's configuration, but not the secrets that it names.
        for container in pod.all if pod.name != "ess-syn2mas" else []:
            for text in spoken(pod, container, objects):
                for path in LOOKED_AT.findall(text):
                    if not there(path, whole):
                        yield "%s: %s: %s is mounted nowhere" % (pod.name, container["name"], path)
        if not hook(pod.workload) or hook(pod.workload).startswith("post"):
            continue
        for volume in pod.volumes.values():
            for kind, source, key in (("ConfigMap", "configMap", "name"), ("Secret", "secret", "secretName")):
                one = find(objects, kind, volume[source][key]) if source in volume else None
                if one and (not hook(one) or weight(one) >= weight(pod.workload)):
                    yield "%s: %s is not there yet when the hook runs" % (pod.name, name_of(one))


@invariant("volumes_mounts/volumes_mounts_exists")
def volumes(objects, values):
    given = " ".join(texts(values))
    for pod in pods(objects):
        names = [volume["name"] for volume in pod.spec.get("volumes") or []]
        if len(set(names)) < len(names) or any(len(name) > 63 for name in names) or any(name.startswith("ess-") for name in names):
            yield "%s: %s" % (pod.name, names)
        wanted = {mount["name"] for container in pod.all for mount in container.get("volumeMounts") or []}
        if wanted != set(names):
            yield "%s: mounts and volumes differ: %s" % (pod.name, wanted ^ set(names))
        for volume in pod.volumes.values():
            for kind, source, key in (("ConfigMap", "configMap", "name"), ("Secret", "secret", "secretName")):
                if source not in volume:
                    continue
                name = volume[source][key]
                one = find(objects, kind, name)
                certificate = any(at(one, "spec.secretName") == name for one in kinds(objects, "Certificate"))
                if not one and name != "ess-generated" and not certificate and name.partition("-")[2] not in given:
                    yield "%s: there is no %s %s" % (pod.name, kind, name)
                missing = [item["key"] for item in volume[source].get("items") or [] if one and item["key"] not in data_of(one)]
                if missing:
                    yield "%s: %s has no %s" % (pod.name, name, missing)


@invariant("services/ports_in_services_are_named", "services/ports_are_valid_numbers_and_unique", "services/not_too_many_ports_in_services")
def service_ports(objects, _):
    nodes = []
    for one in kinds(objects, "Service"):
        ports = one["spec"]["ports"]
        names = [port.get("name") for port in ports]
        numbers = [port["port"] for port in ports]
        if not all(names) or len(set(names)) < len(names) or len(set(numbers)) < len(numbers):
            yield say(one, ports)
        if not all(isinstance(number, int) and 0 < number < 65536 for number in numbers):
            yield say(one, numbers)
        if not 1 <= len(ports) <= 250:
            yield say(one, "%d ports" % len(ports))
        nodes += [(port["nodePort"], port["protocol"]) for port in ports if "nodePort" in port]
    if len(set(nodes)) < len(nodes):
        yield "ports on the nodes: %s" % nodes


@invariant("services/references_to_services_are_anchored_by_the_cluster_domain", "services/references_to_services_exist")
def references(objects, values):
    names = {name_of(one) for one in kinds(objects, "Service")}
    given = " ".join(texts(values))
    for one in objects:
        for text in list(texts(one)) + (list(data_of(one).values()) if one["kind"] == "Secret" else []):
            for name, tail in re.findall(r"([a-z0-9-]+)\.ess\.svc([a-z.]*)", text):
                if not tail.startswith(".cluster.local."):
                    yield say(one, "%s.ess.svc%s" % (name, tail))
                # A StatefulSet's pod is named before its Service; user's Services are not ours.
                if name not in names and name.partition("-")[2] not in given and not re.search(r"-\d+$", name):
                    yield say(one, "there is no Service %s" % name)


@invariant("services/services_are_dual_stack_where_possible")
def dual(objects, _):
    for one in kinds(objects, "Service"):
        if one["spec"].get("ipFamilyPolicy") != "PreferDualStack":
            yield say(one, one["spec"].get("ipFamilyPolicy"))


@invariant("services/services_specify_type_by_default")
def service_types(objects, _):
    for one in kinds(objects, "Service"):
        spec = one["spec"]
        if spec.get("type") not in ("ClusterIP", "NodePort", "LoadBalancer"):
            yield say(one, spec.get("type"))
        if spec.get("type") == "ClusterIP" and ("externalTrafficPolicy" in spec or any("nodePort" in port for port in spec["ports"])):
            yield say(one, spec)
        if "externalIPs" in spec:
            yield say(one, "externalIPs")
        if "clusterIP" in spec and (spec["clusterIP"] != "None" or spec["type"] != "ClusterIP"):
            yield say(one, spec["clusterIP"])


@invariant("statefulset/statefulsets_have_headless_services")
def headless(objects, _):
    for one in kinds(objects, "StatefulSet"):
        service = find(objects, "Service", one["spec"]["serviceName"])
        if not service or service["spec"].get("clusterIP") != "None" or service["spec"]["type"] != "ClusterIP":
            yield say(one, one["spec"]["serviceName"])


@invariant("services/exposed_services_certificate")
def certificates(objects, values):
    turn = at(values, "matrixRTC.sfu.exposedServices.turnTLS", {})
    wanted = turn.get("enabled") and turn.get("tlsTerminationOnPod", True) and not turn.get("tlsSecret") and values.get("certManager")
    found = kinds(objects, "Certificate")
    if len(found) != (1 if wanted else 0):
        yield "%d certificates" % len(found)
    for one in found:
        spec = one["spec"]
        if one["apiVersion"] + "/Certificate" != CERTIFICATES or spec["issuerRef"] != {"kind": "ClusterIssuer", "name": values["certManager"]["clusterIssuer"]} or spec["secretName"] != "ess-turn-tls-certmanager-tls" or spec["dnsNames"] != ["turn.example.org"]:
            yield say(one, spec)


@invariant("service_monitors/service_monitored_as_appropriate")
def monitors(objects, values):
    """Every Service with metrics that is not switched off is watched exactly once."""
    watched = {}
    for one in kinds(objects, "ServiceMonitor"):
        for endpoint in one["spec"]["endpoints"]:
            for service in kinds(objects, "Service"):
                labels = service["metadata"]["labels"]
                if all(labels.get(key) == value for key, value in one["spec"]["selector"]["matchLabels"].items()) and endpoint["port"] in [port["name"] for port in service["spec"]["ports"]]:
                    watched.setdefault(name_of(service), []).append(name_of(one))
            if endpoint["interval"] != "30s":
                yield say(one, endpoint)
    for service in kinds(objects, "Service"):
        has = [port["name"] for port in service["spec"]["ports"] if port["name"].endswith("metrics") or port["name"] == "internal"]
        if len(watched.get(name_of(service), [])) != (1 if has else 0):
            yield say(service, "is watched by %s" % watched.get(name_of(service)))
