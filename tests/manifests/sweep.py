"""What has to hold of the objects of every values file. Each check yields what is wrong."""
import re

from stack import (
    at, data_of, find, hook, kinds, name_of, parse_config, pods, short, texts, weight,
)

CHECKS = {}
DEPLOYABLES = (
    "deployment-markers", "element-admin", "element-web", "generated", "haproxy", "hookshot", "init-secrets",
    "matrix-authentication-service", "matrix-rtc", "postgres", "redis", "syn2mas", "synapse", "well-known",
)
VALUE = re.compile(r"^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$")
OURS = re.compile(
    r"^k8s\.element\.io/("
    r"synapse-instance|target-name|target-instance|hook-for|as-registration-\d+-hash|"
    r"postgres-password-[a-z0-9]{1,24}-hash|[a-z0-9-]+-(config|secret|nginx|appservices)-hash)$"
)
FIXED = {
    "app.kubernetes.io/managed-by": "ess-bundle",
    "app.kubernetes.io/part-of": "matrix-stack",
}
LABELS = ("component", "instance", "managed-by", "name", "part-of", "version")


def invariant(*names):
    def register(function):
        for name in names:
            CHECKS[name] = function
        return function

    return register


def say(one, text):
    return "%s %s: %s" % (one["kind"], name_of(one), text)


def containers(objects):
    for pod in pods(objects):
        for container in pod.all:
            yield pod, container


@invariant("annotations/annotations_dont_contain_things_that_should_be_labels")
def annotations(objects, _):
    for one in objects:
        all_of_it = list(one["metadata"].get("annotations") or {})
        all_of_it += list(at(one, "spec.template.metadata.annotations", {}))
        for key in all_of_it:
            if key.startswith("k8s.element.io/"):
                yield say(one, key)


@invariant("basic/all_manifests_have_names_linked_to_deployables")
def linked(objects, _):
    for one in objects:
        if not name_of(one).startswith("ess-") or not short(one).startswith(DEPLOYABLES):
            yield say(one, "no component is called so")


@invariant("basic/manifests_have_namespaces_correctly_set")
def namespaces(objects, _):
    for one in objects:
        if one["metadata"].get("namespace") != "ess":
            yield say(one, "namespace is %s" % one["metadata"].get("namespace"))


@invariant("basic/doesnt_contain_any_unrendered_helm_templates")
def templates(objects, _):
    for one in objects:
        for text in texts(one):
            if re.search(r"\.Values\.|\.Release\.|\{\{-|\$\{\{", text):
                yield say(one, text[:60])


@invariant("configs/configs_are_valid")
def configs(objects, _):
    for one in kinds(objects, "ConfigMap", "Secret"):
        for key, text in data_of(one).items():
            if not text.strip() and key != "placeholder":
                yield say(one, "%s is blank" % key)
            # An answer that HAProxy gives ends where its body does.
            if "\n" in text.strip() and not text.endswith("\n") and not key.endswith(".http"):
                yield say(one, "%s does not end in a newline" % key)
            if key.endswith((".yaml", ".json")):
                try:
                    parse_config(text)
                except Exception as error:  # pylint: disable=broad-except
                    yield say(one, "%s: %s" % (key, error))


@invariant("haproxy/haproxy_config_ends_in_2_newlines")
def newlines(objects, _):
    one = find(objects, "ConfigMap", "ess-haproxy")
    if one and not data_of(one)["haproxy.cfg"].endswith("\n\n"):
        yield "haproxy.cfg"


@invariant("haproxy/haproxy_server_templates_reference_valid_services")
def server_templates(objects, _):
    services = {name_of(one): [port["name"] for port in one["spec"]["ports"]] for one in kinds(objects, "Service")}
    one = find(objects, "ConfigMap", "ess-haproxy")
    for port, service in re.findall(r"server-template .*_([a-z-]+)\._tcp\.([a-z0-9-]+)\.ess\.svc", data_of(one)["haproxy.cfg"] if one else ""):
        if service not in services and "both" not in service:
            yield "there is no Service %s" % service
        elif service in services and port not in services[service]:
            yield "Service %s has no port %s" % (service, port)


@invariant("helm_hooks/hook_weight_is_specified_if_manifest_is_hook")
def hook_weights(objects, _):
    for one in objects:
        found = one["metadata"].get("annotations") or {}
        if ("helm.sh/hook" in found) != ("helm.sh/hook-weight" in found):
            yield say(one, "hook without weight or weight without hook")
        if "helm.sh/hook-delete-policy" in found:
            yield say(one, "has a delete policy")


@invariant("helm_hooks/sets_both_install_upgrade_hooks")
def hook_phases(objects, _):
    for one in objects:
        if hook(one) not in (None, "pre-install,pre-upgrade", "post-install,post-upgrade"):
            yield say(one, hook(one))


@invariant("helm_hooks/hook_weights_are_well_known")
def known_weights(objects, _):
    for one in objects:
        if not hook(one):
            continue
        allowed = (-10, 0, 10) if one["kind"] == "Job" else (-11, -1, 9)
        # What the rehearsal of a move needs is there already: it runs after everything.
        if one["kind"] != "Job" and short(one) == "syn2mas" and hook(one).startswith("post"):
            allowed = (-1,)
        if weight(one) not in allowed:
            yield say(one, "weight %d" % weight(one))


@invariant("ingresses/has_ingress", "ingresses/ingress_is_expected_host")
def ingress_hosts(objects, values):
    wanted = {}
    for name, path in (("element-admin", "elementAdmin"), ("element-web", "elementWeb"), ("matrix-authentication-service", "matrixAuthenticationService"), ("matrix-rtc", "matrixRTC"), ("synapse", "synapse")):
        if at(values, path + ".enabled", True):
            wanted["ess-" + name] = at(values, path + ".ingress.host")
    if at(values, "wellKnownDelegation.enabled", True):
        wanted["ess-well-known"] = values.get("serverName")
    if at(values, "hookshot.enabled", False) and at(values, "hookshot.ingress.host"):
        wanted["ess-hookshot"] = at(values, "hookshot.ingress.host")
    wanted = {name: re.sub(r"\{\{[^}]*serverName *\}\}", values.get("serverName", ""), host) for name, host in wanted.items()}
    found = {name_of(one): one["spec"]["rules"][0]["host"] for one in kinds(objects, "Ingress")}
    if found != wanted:
        yield "hosts are %s, wanted %s" % (found, wanted)


@invariant("ingresses/ingress_paths_are_all_prefix")
def prefixes(objects, _):
    for one in kinds(objects, "Ingress"):
        for rule in one["spec"]["rules"]:
            for path in rule["http"]["paths"]:
                if path["pathType"] != "Prefix":
                    yield say(one, path)


@invariant("labels/templates_have_expected_labels")
def expected_labels(objects, _):
    for one in objects:
        labels = one["metadata"]["labels"]
        for key in LABELS:
            if not labels.get("app.kubernetes.io/" + key):
                yield say(one, "no label %s" % key)
        if not labels.get("helm.sh/chart"):
            yield say(one, "no label helm.sh/chart")
        for key, value in FIXED.items():
            if labels.get(key) != value:
                yield say(one, "%s is %s" % (key, labels.get(key)))
        if labels.get("app.kubernetes.io/instance") != "ess-" + labels.get("app.kubernetes.io/name", ""):
            yield say(one, "instance is %s" % labels.get("app.kubernetes.io/instance"))
        for key in labels:
            if len(key.rsplit("/", 1)[-1]) > 63:
                yield say(one, "label %s is too long" % key)


@invariant("labels/templates_have_postgres_hash_label")
def postgres_labels(objects, values):
    for pod in pods(objects):
        for name, key, path in (("ess-matrix-authentication-service", "matrixauthenticationserv", "matrixAuthenticationService"), ("ess-synapse-main", "synapse", "synapse")):
            if pod.name == name and not pod.labels.get("k8s.element.io/postgres-password-%s-hash" % key):
                yield "%s has no label for its password (%s)" % (pod.name, path)


@invariant("labels/pod_spec_labels_are_consistent_with_parent_labels")
def consistent_labels(objects, _):
    for pod in pods(objects):
        labels = {key: value for key, value in pod.workload["metadata"]["labels"].items() if key != "helm.sh/chart"}
        if labels != pod.labels:
            yield "%s: %s" % (pod.name, set(labels.items()) ^ set(pod.labels.items()))


@invariant("labels/our_labels_are_named_consistently")
def our_labels(objects, _):
    for one in objects:
        for key in one["metadata"]["labels"]:
            if key.startswith("k8s.element.io/") and not OURS.match(key):
                yield say(one, key)


@invariant("labels/workloads_selector_matches_labels")
def selectors(objects, _):
    for one in kinds(objects, "Deployment", "StatefulSet"):
        labels = one["spec"]["template"]["metadata"]["labels"]
        if one["spec"]["selector"] != {"matchLabels": {"app.kubernetes.io/instance": labels["app.kubernetes.io/instance"]}}:
            yield say(one, one["spec"]["selector"])


@invariant("labels/labels_values_are_valid")
def label_values(objects, _):
    for one in objects:
        for key, value in one["metadata"]["labels"].items():
            if not isinstance(value, str) or len(value) > 63 or not VALUE.match(value):
                yield say(one, "%s: %r" % (key, value))


@invariant("pod_affinity/pod_has_no_affinity_by_default", "pod_nodeSelector/pod_has_no_nodeSelector_by_default",
           "tolerations/no_tolerations_by_default", "pod_priorityClassName/none_by_default",
           "pod_runtimeClassName/none_by_default", "pod_schedulerName/none_by_default")
def nothing_by_default(objects, _):
    for pod in pods(objects):
        for key in ("affinity", "nodeSelector", "tolerations", "priorityClassName", "runtimeClassName", "schedulerName"):
            if key in pod.spec:
                yield "%s: %s" % (pod.name, key)


@invariant("pod_arguments/matrix_tools_containers_dont_set_command")
def no_command(objects, _):
    for pod, container in containers(objects):
        if "/ess-tools" in container["image"] and ("command" in container or not container.get("args")):
            yield "%s: %s" % (pod.name, container["name"])


@invariant("pod_containers_ports/unique_ports_in_containers", "pod_containers_ports/ports_in_containers_are_named")
def container_ports(objects, _):
    for pod in pods(objects):
        ports = [port for container in pod.main for port in container.get("ports") or []]
        numbers = [(port["containerPort"], port["protocol"]) for port in ports]
        names = [port.get("name") for port in ports]
        if len(set(numbers)) < len(numbers) or len(set(names)) < len(names) or not all(names):
            yield "%s: %s" % (pod.name, ports)
        if any(len(name) > 15 for name in names):
            yield "%s: name of a port is too long" % pod.name


@invariant("pod_containers_ports/no_ports_in_jobs", "pod_probes/no_probes_for_jobs", "pod_probes/no_probes_for_initContainers")
def jobs_plain(objects, _):
    for pod in pods(objects):
        for container in pod.all if pod.kind == "Job" else pod.init:
            for key in ("ports", "livenessProbe", "readinessProbe", "startupProbe"):
                if key in container:
                    yield "%s: %s has %s" % (pod.name, container["name"], key)


@invariant("pod_containers_ports/not_too_many_container_ports")
def few_ports(objects, _):
    for pod, container in containers(objects):
        if len(container.get("ports") or []) >= 100:
            yield "%s: %d ports" % (pod.name, len(container["ports"]))


@invariant("pod_containers_securityContext/containers_unprivileged_by_default")
def unprivileged(objects, _):
    for pod, container in containers(objects):
        if container.get("securityContext") != {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "privileged": False, "readOnlyRootFilesystem": True}:
            yield "%s: %s: %s" % (pod.name, container["name"], container.get("securityContext"))


@invariant("pod_probes/sensible_livenessProbes_by_default", "pod_probes/sensible_readinessProbes_by_default", "pod_probes/sensible_startupProbes_by_default")
def sensible_probes(objects, _):
    for pod in pods(objects):
        if pod.kind == "Job":
            continue
        for container in pod.main:
            names = [port["name"] for port in container.get("ports") or []]
            for kind in ("livenessProbe", "readinessProbe", "startupProbe"):
                probe = container.get(kind) or {}
                for key in ("failureThreshold", "periodSeconds", "successThreshold", "timeoutSeconds"):
                    if not isinstance(probe.get(key), int) or probe[key] < 1:
                        yield "%s: %s: %s has no %s" % (pod.name, container["name"], kind, key)
                if "initialDelaySeconds" in probe:
                    yield "%s: %s: %s waits" % (pod.name, container["name"], kind)
                for action in ("httpGet", "tcpSocket"):
                    if action in probe and probe[action]["port"] not in names:
                        yield "%s: %s: %s asks an unknown port" % (pod.name, container["name"], kind)


@invariant("pod_restartPolicy/pod_restartPolicy_set_based_on_controller")
def restart(objects, _):
    for pod in pods(objects):
        if pod.spec["restartPolicy"] != ("Never" if pod.kind == "Job" else "Always"):
            yield pod.name


@invariant("pod_securityContext/sets_nonRoot_uids_gids_in_pod_securityContext_by_default", "pod_securityContext/sets_seccompProfile_in_pod_securityContext_by_default")
def pod_security(objects, values):
    for pod in pods(objects):
        found = pod.spec["securityContext"]
        other = at(values, (pod.owner() or "") + ".podSecurityContext", at(values, "synapse.podSecurityContext", {}) if "synapse" in pod.name else {})
        user = found.get("runAsUser", 0)
        if user <= 1000 or found.get("fsGroup") != user or found.get("runAsGroup") != other.get("runAsGroup", user) or found.get("runAsNonRoot") is not True:
            yield "%s: %s" % (pod.name, found)
        if found.get("seccompProfile") != {"type": "RuntimeDefault"}:
            yield "%s: %s" % (pod.name, found)


@invariant("pvcs/pvcs_only_present_if_expected", "pvcs/pvcs_marked_as_being_kept_on_helm_uninstall_by_default", "pvcs/no_storageClassName_by_default", "pvcs/pvc_has_no_selector_by_default", "pvcs/pvc_has_no_volumeName_by_default")
def claims(objects, values):
    wanted = set()
    if find(objects, "StatefulSet", "ess-postgres"):
        wanted.add("ess-postgres-data")
    if find(objects, "StatefulSet", "ess-synapse-main"):
        wanted.add("ess-synapse-media")
    if at(values, "hookshot.enabled") and at(values, "hookshot.enableEncryption"):
        wanted.add("ess-hookshot")
    found = kinds(objects, "PersistentVolumeClaim")
    if {name_of(one) for one in found} != wanted:
        yield "claims are %s" % [name_of(one) for one in found]
    for one in found:
        if one["metadata"]["annotations"] != {"helm.sh/resource-policy": "keep"}:
            yield say(one, one["metadata"]["annotations"])
        for key in ("storageClassName", "selector", "volumeName"):
            if key in one["spec"]:
                yield say(one, key)


@invariant("secrets/all_secrets_have_type")
def types(objects, _):
    for one in kinds(objects, "Secret"):
        if one.get("type") != "Opaque":
            yield say(one, one.get("type"))


@invariant("secrets/no_secret_generated_when_unneeded")
def no_secret(objects, values):
    needed = any("ess-generated" in text for one in objects if short(one) != "init-secrets" for text in texts(one))
    made = find(objects, "Job", "ess-init-secrets")
    if bool(made) != (at(values, "initSecrets.enabled", True) and needed):
        yield "the job is %s, but something of it is %s" % ("there" if made else "not there", "needed" if needed else "not needed")


@invariant("serviceaccounts/automount_serviceaccount_tokens_as_appropriate")
def tokens(objects, values):
    callers = ("init-secrets", "deployment-markers")
    # The move stops Synapse by the API; its rehearsal needs nothing of it.
    if not at(values, "matrixAuthenticationService.syn2mas.dryRun", True):
        callers += ("syn2mas",)
    for pod in pods(objects):
        plain = pod.name.partition("-")[2]
        if pod.spec["automountServiceAccountToken"] != plain.startswith(callers):
            yield pod.name
    role = find(objects, "Role", "ess-syn2mas")
    named = [name for rule in role["rules"] for name in rule.get("resourceNames", [])] if role else []
    # Values before these may have turned on any kind.
    for name in ("ess-synapse-main", "ess-synapse-pusher", "ess-synapse-fed-inbound", "ess-synapse-user-dir"):
        if role and name not in named:
            yield say(role, "may not stop " + name)
    for one in kinds(objects, "ServiceAccount"):
        if one["automountServiceAccountToken"] is not False:
            yield say(one, "gives its token away")


@invariant("serviceaccounts/uses_serviceaccount_named_as_per_pod_controller_by_default")
def accounts(objects, _):
    used = set()
    for pod in pods(objects):
        plain = pod.name.partition("-")[2]
        wanted = "ess-synapse" if plain.startswith("synapse-") and plain != "synapse-check-config" else pod.name
        used.add(pod.spec["serviceAccountName"])
        if pod.spec["serviceAccountName"] != wanted:
            yield "%s: %s" % (pod.name, pod.spec["serviceAccountName"])
    for one in kinds(objects, "ServiceAccount"):
        if name_of(one) not in used:
            yield say(one, "is not used")


@invariant("volumes/emptyDirs_are_memory")
def memory(objects, _):
    for pod in pods(objects):
        for volume in pod.volumes.values():
            if "emptyDir" in volume and volume["emptyDir"] != {"medium": "Memory"}:
                yield "%s: %s" % (pod.name, volume)


@invariant("topology_spread_constraints/sets_default_topologySpreadConstraints")
def spread(objects, _):
    for pod in pods(objects):
        wanted = {"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "ScheduleAnyway", "labelSelector": {"matchLabels": {"app.kubernetes.io/instance": pod.labels["app.kubernetes.io/instance"]}}}
        if pod.kind == "Deployment":
            wanted["matchLabelKeys"] = ["pod-template-hash"]
        found = pod.spec.get("topologySpreadConstraints")
        if found != [wanted] and "synchrotron" not in pod.name:
            yield "%s: %s" % (pod.name, found)


@invariant("pod_replicas/deployments_statefulsets_have_replicas_by_default")
def replicas(objects, _):
    for one in kinds(objects, "Deployment", "StatefulSet"):
        count = one["spec"].get("replicas")
        if not isinstance(count, int):
            yield say(one, "replicas: %s" % count)
        if one["kind"] == "Deployment" and one["spec"]["strategy"]["rollingUpdate"] != {"maxSurge": 2, "maxUnavailable": 0 if count <= 1 else 1}:
            yield say(one, one["spec"]["strategy"])
