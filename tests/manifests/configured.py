"""What has to come of settings: renderings of the whole stack in which everything that can be set is set."""
from stack import MONITORS, OWNERS, at, find, hook, kinds, merged, name_of, nested, pods, short
from sweep import say

BASE = "all-enabled"
WORKERS = {"synapse": {"workers": {"media-repository": {"enabled": True}, "client-reader": {"enabled": True, "replicas": 2}}}}
PATHS = sorted(set(OWNERS.values()) - {"synapse.checkConfigHook"} | {"synapse"})
OUTBOUND = ("hookshot", "matrixAuthenticationService", "matrixRTC", "synapse")
FRONTS = ("elementAdmin", "elementWeb", "hookshot", "matrixAuthenticationService", "matrixRTC", "synapse", "wellKnownDelegation")
PROBED = ("elementAdmin", "elementWeb", "haproxy", "hookshot", "matrixAuthenticationService", "matrixRTC", "matrixRTC.sfu", "postgres", "redis", "synapse")
STORED = {"synapse.media.storage": "ess-synapse-media", "postgres.storage": "ess-postgres-data", "hookshot.storage": "ess-hookshot"}
IMAGES = {path + ".image": path for path in PROBED}
IMAGES.update({"matrixTools.image": None, "postgres.postgresExporter.image": None, "redis.redisExporter.image": None})
JOBS_ONLY = ("initSecrets", "deploymentMarkers", "matrixAuthenticationService.syn2mas")
CHECKS = {}


def invariant(*names):
    def register(function):
        for name in names:
            CHECKS[name] = function
        return function

    return register


def everywhere(paths, leaf, value):
    return merged(*[nested("%s.%s" % (path, leaf), value(path) if callable(value) else value) for path in paths])


PROBE = {"failureThreshold": 41, "initialDelaySeconds": 42, "periodSeconds": 43, "successThreshold": 1, "timeoutSeconds": None}
TOLERATION = {"key": "example.org/own", "operator": "Exists"}
GLOBAL_TOLERATION = {"key": "example.org/all", "operator": "Exists", "effect": "NoSchedule"}
POD_AFFINITY = {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"near": "it"}}}]}
NODE_AFFINITY = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{"matchExpressions": [{"key": "zone", "operator": "In", "values": ["a"]}]}]}}
RESOURCES = {"requests": {"cpu": "11m", "memory": "12Mi"}, "limits": {"memory": "2Gi"}}
GLOBAL = {
    "affinity": {"nodeAffinity": NODE_AFFINITY},
    "image": {"pullPolicy": "Never", "pullSecrets": [{"name": "{{ .Release.Name }}-pull"}]},
    "ingress": {
        "annotations": {"example.org/all": "global", "example.org/both": "global", "example.org/gone": "global"},
        "className": "all", "tlsSecret": "{{ .Release.Name }}-all",
        "service": {"type": "NodePort", "annotations": {"example.org/all": "global", "example.org/both": "global"}, "internalTrafficPolicy": "Local", "externalTrafficPolicy": "Local"},
    },
    "labels": {"example.org/all": "global", "example.org/both": "global", "helm.sh/chart": "other", "app.kubernetes.io/name": "other"},
    "priorityClassName": "all-priority", "runtimeClassName": "all-runtime", "schedulerName": "all-scheduler",
    "storage": {"storageClassName": "all-class", "resourcePolicy": "delete"},
    "tolerations": [GLOBAL_TOLERATION], "topologySpreadConstraints": [],
    "clusterDomain": "cluster.example.",
}
OWN = merged(
    everywhere(PATHS, "affinity", {"podAffinity": POD_AFFINITY}),
    everywhere(PATHS, "annotations", {"example.org/note": "yes"}),
    everywhere(PATHS, "containersSecurityContext", {"allowPrivilegeEscalation": True, "capabilities": {"add": ["NET_RAW"], "drop": []}, "privileged": True, "readOnlyRootFilesystem": False}),
    everywhere(PATHS, "extraEnv", [{"name": "EXTRA", "value": "first"}, {"name": "EXTRA", "value": "last"}, {"name": "PGDATA", "value": "x"}, {"name": "MAS_CONFIG", "value": "x"}, {"name": "NAMESPACE", "value": "x"}]),
    everywhere([path for path in PATHS if path not in JOBS_ONLY], "extraInitContainers", [{"name": "extra", "image": "images.example.invalid/extra:1", "command": ["true"]}]),
    everywhere(PATHS, "extraVolumes", [{"name": "extra", "configMap": {"name": "{{ .Release.Name }}-extra"}}]),
    everywhere(PATHS, "extraVolumeMounts", [{"name": "extra", "mountPath": "/extra", "readOnly": True}]),
    everywhere(OUTBOUND, "hostAliases", [{"ip": "192.0.2.9", "hostnames": ["host.{{ .Values.serverName }}"]}]),
    everywhere(PATHS, "labels", {"example.org/both": "own", "app.kubernetes.io/instance": "other"}),
    everywhere(PATHS, "nodeSelector", {"example.org/node": "yes"}),
    everywhere(PATHS, "podSecurityContext", {"runAsUser": None, "runAsGroup": None, "fsGroup": None, "seccompProfile": None}),
    everywhere(PATHS, "priorityClassName", "own-priority"),
    everywhere(PATHS, "runtimeClassName", "own-runtime"),
    everywhere(PATHS, "schedulerName", "own-scheduler"),
    everywhere(PATHS, "resources", RESOURCES),
    everywhere(PATHS, "serviceAccount", lambda path: {"name": "own-" + path.lower().replace(".", "-")}),
    everywhere(PATHS, "tolerations", [TOLERATION, GLOBAL_TOLERATION]),
    everywhere(PATHS, "topologySpreadConstraints", [{"maxSkew": 3, "topologyKey": "zone"}]),
    everywhere(PROBED, "livenessProbe", PROBE), everywhere(PROBED, "readinessProbe", PROBE), everywhere(PROBED, "startupProbe", PROBE),
    everywhere(PROBED, "replicas", 0),
    everywhere(FRONTS, "ingress", {
        "annotations": {"example.org/both": "own", "example.org/gone": None}, "className": "own", "tlsSecret": "{{ .Release.Name }}-own",
        "service": {"type": "LoadBalancer", "annotations": {"example.org/both": "own"}, "internalTrafficPolicy": "Cluster", "externalTrafficPolicy": "Cluster", "externalIPs": ["192.0.2.10"]},
    }),
    {"hookshot": {"ingress": {"host": "hookshot.example.org"}}},
    merged(*[nested(path + ".pullPolicy", "Always") for path in IMAGES]),
    merged(*[nested(path + ".pullSecrets", [{"name": "own-pull"}, {"name": "ess-pull"}]) for path in IMAGES]),
    merged(*[nested(path, {"storageClassName": "own-class", "resourcePolicy": "keep", "size": "7Gi", "selector": {"matchLabels": {"a": "b"}}, "volumeName": "own-volume"}) for path in STORED]),
    everywhere(("postgres", "redis", "synapse", "haproxy", "hookshot", "matrixRTC.sfu", "matrixAuthenticationService"), "serviceMonitors", {"relabelings": [{"targetLabel": "own", "replacement": "yes"}], "metricRelabelings": [{"action": "drop", "regex": "x"}]}),
)
DIGEST = "sha256:" + "ab" * 32
OTHER = merged(
    {"hookshot": {"ingress": {"host": "hookshot.example.org"}}},
    everywhere(PATHS, "affinity", {"nodeAffinity": {}}),
    everywhere(PATHS, "serviceAccount", {"create": False}),
    everywhere(FRONTS, "ingress", {"tlsEnabled": False}),
    merged(*[nested(path, {"tag": "v9", "digest": DIGEST, "repository": "some/where", "registry": "images.example.invalid"}) for path in IMAGES]),
    merged(*[nested(path, {"existingClaim": "{{ .Release.Name }}-claim"}) for path in STORED]),
    everywhere(PATHS, "topologySpreadConstraints", [{"topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway", "labelSelector": None, "matchLabelKeys": None, "maxSkew": 1}]),
    {"affinity": {"nodeAffinity": NODE_AFFINITY, "podAntiAffinity": POD_AFFINITY}, "image": {"pullPolicy": None}},
)
TAGGED = merged(
    {"certManager": {"issuer": "own-issuer"}, "elementWeb": {"ingress": {"tlsSecret": "own-tls"}}, "elementAdmin": {"ingress": {"certManager": {"clusterIssuer": "other"}}}, "synapse": {"ingress": {"tlsEnabled": False}}},
    merged(*[nested(path, {"tag": "v8", "repository": "some/where", "registry": "images.example.invalid"}) for path in IMAGES]),
    {"ingress": {"controllerType": "ingress-nginx"}},
)
RENDERINGS = {
    "own": (BASE, WORKERS, GLOBAL, OWN),
    "global": (BASE, WORKERS, GLOBAL),
    "other": (BASE, WORKERS, OTHER),
    "tagged": (BASE, TAGGED),
}


def ask(later):
    for key, values in RENDERINGS.items():
        later.ask(key, *values)
    later.ask("long", BASE, WORKERS, name="r" * 29, namespace="other")
    later.ask("no api", BASE, api=())
    later.ask("again", BASE, WORKERS, GLOBAL)


def owned(later, key):
    """Pods that one part of the values decides, with that part."""
    for pod in pods(later.get(key)):
        owner = pod.owner()
        if owner == "synapse.checkConfigHook":
            owner = "synapse"
        if owner:
            yield pod, owner


def differs(later, key, field, wanted):
    for pod, owner in owned(later, key):
        found = pod.spec.get(field)
        expected = wanted(pod, owner) if callable(wanted) else wanted
        if found != expected:
            yield "%s: %s: %s is %s, wanted %s" % (key, pod.name, field, found, expected)


@invariant("basic/values_file_renders_idempotent", "pod_idempotency/values_file_renders_idempotent_pods")
def again(later):
    if later.get("again") != later.get("global"):
        yield "two renderings differ"
    for pod in pods(later.get("global")):
        if "helm.sh/chart" in pod.labels:
            yield "%s: a new bundle restarts it" % pod.name


@invariant("basic/names_arent_too_long")
def long_names(later):
    for one in later.get("long"):
        if len(name_of(one)) > (52 if one["kind"] == "StatefulSet" else 63):
            yield say(one, "%d characters" % len(name_of(one)))
        if not name_of(one).startswith("r" * 29 + "-") or one["metadata"]["namespace"] != "other":
            yield say(one, "name or namespace")


@invariant("basic/default_values_file_sets_stub_values")
def stubs(later):
    from stack import load, BUNDLE
    import os
    schema = load(os.path.join(BUNDLE, "values.schema.json"))
    for path in PATHS:
        node = schema
        for key in path.split("."):
            node = node["properties"][key]
        for key in ("extraEnv", "nodeSelector", "topologySpreadConstraints"):
            if key not in node["properties"]:
                yield "%s has no %s" % (path, key)
        if ("hostAliases" in node["properties"]) != (path in OUTBOUND):
            yield "%s: hostAliases" % path


@invariant("pod_affinity/pod_gets_configured_affinity", "pod_affinity/component_override_is_isolated_to_its_type", "pod_affinity/global_affinity_renders", "pod_affinity/component_can_blank_global_affinity_type")
def affinity(later):
    yield from differs(later, "own", "affinity", {"podAffinity": POD_AFFINITY, "nodeAffinity": NODE_AFFINITY})
    yield from differs(later, "global", "affinity", {"nodeAffinity": NODE_AFFINITY})
    yield from differs(later, "other", "affinity", {"podAntiAffinity": POD_AFFINITY})


@invariant("pod_nodeSelector/pod_gets_configured_nodeSelector")
def node_selector(later):
    yield from differs(later, "own", "nodeSelector", {"example.org/node": "yes"})


@invariant(*["pod_%s/%s" % (key, test) for key in ("priorityClassName", "runtimeClassName", "schedulerName") for test in ("component_renders", "global_renders", "component_beats_global")])
def classes(later):
    for key, text in (("priorityClassName", "priority"), ("runtimeClassName", "runtime"), ("schedulerName", "scheduler")):
        yield from differs(later, "own", key, "own-" + text)
        yield from differs(later, "global", key, "all-" + text)


@invariant("tolerations/all_components_and_sub_components_render_tolerations", "tolerations/global_tolerations_render", "tolerations/merges_global_and_specific_tolerations")
def tolerations(later):
    yield from differs(later, "own", "tolerations", [TOLERATION, GLOBAL_TOLERATION])
    yield from differs(later, "global", "tolerations", [GLOBAL_TOLERATION])


@invariant("topology_spread_constraints/can_unset_global_topologySpreadConstraints", "topology_spread_constraints/topology_spread_constraint_enriches_with_default_settings", "topology_spread_constraints/can_nuke_topology_spread_constraint_default_settings")
def spread(later):
    def enriched(pod, _):
        result = {"maxSkew": 3, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {"matchLabels": {"app.kubernetes.io/instance": pod.labels["app.kubernetes.io/instance"]}}}
        if pod.kind == "Deployment":
            result["matchLabelKeys"] = ["pod-template-hash"]
        return [result]

    yield from differs(later, "global", "topologySpreadConstraints", None)
    yield from differs(later, "own", "topologySpreadConstraints", enriched)
    yield from differs(later, "other", "topologySpreadConstraints", [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}])


@invariant("pod_hostAliases/pod_has_hostAliases_if_appropriate")
def aliases(later):
    yield from differs(later, "own", "hostAliases", lambda _, owner: [{"ip": "192.0.2.9", "hostnames": ["host.example.org"]}] if owner in OUTBOUND else None)


@invariant("pod_env/sets_extra_env", "pod_env/built_in_env_cant_be_overwritten", "postgres/postgres_env_overrides", "matrix_authentication_service/matrix_authentication_service_env_overrides")
def env(later):
    before = {pod.name: pod for pod in pods(later.get("global"))}
    for pod, _ in owned(later, "own"):
        for container in pod.all:
            if "exporter" in container["name"] or container["name"] == "extra":
                continue
            found = {one["name"]: one for one in container.get("env") or []}
            if len(found) < len(container.get("env") or []) or found.get("EXTRA", {}).get("value") != "last":
                yield "%s: %s: %s" % (pod.name, container["name"], container.get("env"))
            if list(found) != sorted(found):
                yield "%s: %s: is not sorted" % (pod.name, container["name"])
            for one in (other for other in before[pod.name].all if other["name"] == container["name"]):
                for built_in in one.get("env") or []:
                    if found.get(built_in["name"]) != built_in:
                        yield "%s: %s: %s was replaced" % (pod.name, container["name"], built_in["name"])
            if any(not isinstance(one.get("value", ""), str) for one in found.values()):
                yield "%s: %s: a value is no text" % (pod.name, container["name"])


@invariant("pod_initContainers/pod_gets_configured_extraInitContainers")
def init_containers(later):
    for pod, owner in owned(later, "own"):
        extra = [one for one in pod.init if one["name"] == "extra"]
        if owner in JOBS_ONLY:
            continue
        if extra != [{"name": "extra", "image": "images.example.invalid/extra:1", "command": ["true"]}] or pod.init[-1] != extra[0]:
            yield "%s: %s" % (pod.name, [one["name"] for one in pod.init])


@invariant("volumes/extra_volumes", "volumes_mounts/extra_volume_mounts")
def extra_volumes(later):
    for pod, _ in owned(later, "own"):
        if pod.volumes.get("extra") != {"name": "extra", "configMap": {"name": "ess-extra"}}:
            yield "%s: %s" % (pod.name, list(pod.volumes))
        for container in pod.all:
            if container["name"] != "extra" and "exporter" not in container["name"] and {"name": "extra", "mountPath": "/extra", "readOnly": True} not in container["volumeMounts"]:
                yield "%s: %s" % (pod.name, container["name"])


@invariant("pod_containers_securityContext/containers_can_be_made_more_privileged")
def privileged(later):
    for pod, _ in owned(later, "own"):
        for container in pod.all:
            found = container.get("securityContext", {})
            if container["name"] != "extra" and "exporter" not in container["name"] and (found.get("privileged") is not True or found.get("capabilities") != {"add": ["NET_RAW"], "drop": []}):
                yield "%s: %s: %s" % (pod.name, container["name"], found)


@invariant("pod_securityContext/can_nuke_pod_securityContext_ids", "pod_securityContext/can_nuke_pod_securityContext_seccompProfile")
def no_ids(later):
    for pod, _ in owned(later, "own"):
        if set(pod.spec["securityContext"]) - {"runAsNonRoot", "supplementalGroups"}:
            yield "%s: %s" % (pod.name, pod.spec["securityContext"])


@invariant("pod_resources/pod_resources_are_configurable")
def resources(later):
    for pod, owner in owned(later, "own"):
        for container in pod.all:
            if owner == "synapse" and pod.name == "ess-synapse-check-config":
                continue
            if container["name"] != "extra" and "exporter" not in container["name"] and container.get("resources") != RESOURCES:
                yield "%s: %s: %s" % (pod.name, container["name"], container.get("resources"))


@invariant("synapse/synapse_resources_shared_by_default")
def shared_resources(later):
    found = [at(container, "resources") for pod in pods(later.get("own")) if pod.kind == "StatefulSet" and pod.name.startswith("ess-synapse-") for container in pod.main]
    if any(one != RESOURCES for one in found):
        yield str(found)


@invariant("pod_probes/livenessProbes_are_configurable", "pod_probes/readinessProbes_are_configurable", "pod_probes/startupProbes_are_configurable")
def probes(later):
    for pod, owner in owned(later, "own"):
        if owner not in PROBED or (owner == "synapse" and pod.name != "ess-synapse-main") or pod.kind == "Job":
            continue
        for container in pod.main:
            for kind in ("livenessProbe", "readinessProbe", "startupProbe"):
                found = container.get(kind, {})
                if "exporter" not in container["name"] and {key: found.get(key) for key in PROBE} != PROBE:
                    yield "%s: %s: %s" % (pod.name, kind, found)


@invariant("pod_replicas/deployments_statefulsets_respect_replicas")
def replicas(later):
    for one in kinds(later.get("own"), "Deployment", "StatefulSet"):
        wanted = {"synapse-client-reader": 2, "synapse-media-repo": 1}.get(short(one), 0)
        if one["spec"]["replicas"] != wanted:
            yield say(one, one["spec"]["replicas"])


@invariant("serviceaccounts/uses_serviceaccount_named_as_values_if_specified", "serviceaccounts/does_not_create_serviceaccounts_if_configured_not_to")
def accounts(later):
    for pod, owner in owned(later, "own"):
        if pod.name != "ess-synapse-check-config" and pod.spec["serviceAccountName"] != "own-" + owner.lower().replace(".", "-"):
            yield "%s: %s" % (pod.name, pod.spec["serviceAccountName"])
    for one in kinds(later.get("other"), "ServiceAccount"):
        if "check-config" not in name_of(one):
            yield say(one, "is made")
    for pod in pods(later.get("other")):
        if not pod.spec.get("serviceAccountName", "").startswith("ess-"):
            yield pod.name


@invariant("pod_pull_secrets/sets_global_pull_secrets", "pod_pull_secrets/local_pull_secrets")
def pull_secrets(later):
    yield from differs(later, "global", "imagePullSecrets", [{"name": "ess-pull"}])
    yield from differs(later, "own", "imagePullSecrets", [{"name": "own-pull"}, {"name": "ess-pull"}])


@invariant("pod_images/pods_with_digests_and_tags", "pod_images/global_pullPolicy_overrides_templateDefaults", "pod_images/specific_image_pullPolicy_overrides_global_pullPolicy", "pod_images/pods_with_tags_and_no_digests")
def images(later):
    for key, reference, policy in (("other", "images.example.invalid/some/where@" + DIGEST, "IfNotPresent"), ("tagged", "images.example.invalid/some/where:v8", "IfNotPresent"), ("global", None, "Never"), ("own", None, "Always")):
        for pod in pods(later.get(key)):
            for container in pod.all:
                if container["name"] == "extra" or short({"metadata": {"name": pod.name}}) == "syn2mas":
                    continue
                if (reference and container["image"] != reference) or container["imagePullPolicy"] != policy:
                    yield "%s: %s: %s %s" % (key, pod.name, container["image"], container["imagePullPolicy"])
            if reference and pod.labels.get("app.kubernetes.io/version") != ("v9" if key == "other" else "v8"):
                yield "%s: %s: version %s" % (key, pod.name, pod.labels.get("app.kubernetes.io/version"))


@invariant("ingresses/merges_global_and_component_ingress_annotations", "ingresses/renders_component_ingress_annotations", "ingresses/renders_global_ingress_annotations")
def ingress_annotations(later):
    for one in kinds(later.get("own"), "Ingress"):
        if one["metadata"].get("annotations") != {"example.org/all": "global", "example.org/both": "own"}:
            yield say(one, one["metadata"].get("annotations"))
    for one in kinds(later.get("global"), "Ingress"):
        if one["metadata"].get("annotations") != {"example.org/all": "global", "example.org/both": "global", "example.org/gone": "global"}:
            yield say(one, one["metadata"].get("annotations"))


@invariant("ingresses/uses_component_ingressClassName", "ingresses/component_ingressClassName_beats_global", "ingresses/uses_global_ingressClassName", "ingress_tls/uses_component_ingress_tlsSecret", "ingress_tls/component_ingress_tlsSecret_beats_global", "ingress_tls/uses_global_ingress_tlsSecret")
def ingress_class(later):
    for key, text in (("own", "own"), ("global", "all")):
        for one in kinds(later.get(key), "Ingress"):
            if one["spec"].get("ingressClassName") != text or one["spec"]["tls"] != [{"hosts": [one["spec"]["rules"][0]["host"]], "secretName": "ess-" + text}]:
                yield say(one, one["spec"])


@invariant("ingress_tls/no_ingress_tlsSecret_beats_global", "ingress_tls/component_ingress_tlsSecret_beats_certManager", "ingress_tls/ingress_certManager_issuer", "ingress_tls/ingress_certManager_clusterissuer")
def ingress_issuers(later):
    for one in kinds(later.get("other"), "Ingress"):
        if "tls" in one["spec"]:
            yield say(one, one["spec"]["tls"])
    for one in kinds(later.get("tagged"), "Ingress"):
        found = {key: value for key, value in (one["metadata"].get("annotations") or {}).items() if key.startswith("cert-manager.io/")}
        tls = (one["spec"].get("tls") or [{}])[0].get("secretName")
        wanted = {
            "element-web": ({}, "own-tls"),
            "element-admin": ({"cert-manager.io/cluster-issuer": "other"}, "ess-element-admin-certmanager-tls"),
            "synapse": ({}, None),
        }.get(short(one), ({"cert-manager.io/issuer": "own-issuer"}, "ess-%s-certmanager-tls" % short(one)))
        if (found, tls) != wanted:
            yield say(one, "%s, wanted %s" % ((found, tls), wanted))


@invariant("ingress_services/ingress_services_global_service_properties", "ingress_services/ingress_services_local_service_properties", "ingress_services/merges_global_and_component_ingress_services_annotations")
def ingress_services(later):
    for key in ("global", "own"):
        objects = later.get(key)
        for one in kinds(objects, "Ingress"):
            for path in one["spec"]["rules"][0]["http"]["paths"]:
                backend = path["backend"]["service"]
                service = find(objects, "Service", backend["name"])
                if not service or backend["port"].get("name") not in [port["name"] for port in service["spec"]["ports"]]:
                    yield say(one, backend)
                    continue
                spec = service["spec"]
                wanted = ("NodePort", "Local", "Local", None) if key == "global" else ("LoadBalancer", "Cluster", "Cluster", ["192.0.2.10"])
                # The SFU's Service follows the Ingress of calls, whatever else is set.
                if (spec["type"], spec["internalTrafficPolicy"], spec.get("externalTrafficPolicy"), spec.get("externalIPs")) != wanted or "clusterIP" in spec:
                    yield "%s: %s" % (key, say(service, spec))
                if service["metadata"].get("annotations") != {"example.org/all": "global", "example.org/both": "global" if key == "global" else "own"}:
                    yield "%s: %s" % (key, say(service, service["metadata"].get("annotations")))


@invariant("pvcs/individual_pvcs_can_be_marked_as_to_be_deleted_on_helm_uninstall", "pvcs/all_pvcs_can_be_marked_as_to_be_deleted_on_helm_uninstall", "pvcs/size_passed_through_to_created_pvcs", "pvcs/global_storageClassName", "pvcs/individual_storageClassName", "pvcs/pvc_gets_configured_selector", "pvcs/pvc_gets_configured_volumeName")
def claims(later):
    for key, policy, name, size in (("own", "keep", "own-class", "7Gi"), ("global", "delete", "all-class", "10Gi")):
        for one in kinds(later.get(key), "PersistentVolumeClaim"):
            spec = one["spec"]
            if one["metadata"]["annotations"].get("helm.sh/resource-policy") != policy or spec.get("storageClassName") != name or spec["resources"]["requests"]["storage"] != size:
                yield "%s: %s" % (key, say(one, spec))
            if key == "own" and (spec.get("selector") != {"matchLabels": {"a": "b"}} or spec.get("volumeName") != "own-volume"):
                yield say(one, spec)


@invariant("pvcs/no_pvcs_created_if_existing_claims_specified")
def existing_claims(later):
    if kinds(later.get("other"), "PersistentVolumeClaim"):
        yield "there are claims"
    for pod in pods(later.get("other")):
        for volume in pod.volumes.values():
            if "persistentVolumeClaim" in volume and volume["persistentVolumeClaim"]["claimName"] != "ess-claim":
                yield "%s: %s" % (pod.name, volume)


@invariant("service_monitors/no_servicemonitors_created_if_no_servicemonitor_crds")
def no_monitors(later):
    if kinds(later.get("no api"), MONITORS.rsplit("/", 1)[-1]):
        yield "there are ServiceMonitors"


@invariant("service_monitors/service_monitors_allow_adding_relabelings", "service_monitors/service_monitors_allow_adding_metric_relabelings", "service_monitors/service_monitor_defaults")
def relabelings(later):
    for one in kinds(later.get("own"), "ServiceMonitor"):
        for endpoint in one["spec"]["endpoints"]:
            if endpoint["relabelings"][-1] != {"targetLabel": "own", "replacement": "yes"} or endpoint["metricRelabelings"] != [{"action": "drop", "regex": "x"}]:
                yield say(one, endpoint)
    for one in kinds(later.get("global"), "ServiceMonitor"):
        for endpoint in one["spec"]["endpoints"]:
            count = {"synapse": 2, "redis": 1}.get(short(one), 0)
            if len(endpoint.get("relabelings") or []) != count or "metricRelabelings" in endpoint:
                yield say(one, endpoint)


@invariant("labels/user_labels")
def user_labels(later):
    for one in later.get("own"):
        labels = one["metadata"]["labels"]
        if labels.get("example.org/all") != "global" or labels["app.kubernetes.io/name"] == "other" or labels["helm.sh/chart"] == "other":
            yield say(one, labels)
        if one["kind"] in ("Deployment", "StatefulSet") and labels.get("example.org/both") != "own":
            yield say(one, labels)
    for pod, _ in owned(later, "own"):
        if pod.annotations.get("example.org/note") != "yes" and pod.name != "ess-synapse-check-config":
            yield "%s: %s" % (pod.name, pod.annotations)
    for pod in pods(later.get("own")):
        if hook(pod.workload) and "helm.sh/hook" in pod.annotations:
            yield "%s: its pods are no hooks" % pod.name
