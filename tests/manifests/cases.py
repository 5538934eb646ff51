"""Single settings and what has to come of them, and values that have to be refused."""
import json

from stack import (
    CERTIFICATES, MONITORS, Failed, at, data_of, find, kinds, load, merged, name_of, nested, parse_config, pods, short,
)

CHECKS = {}
NO_YAML = "a: [b\n c: }"
EXPOSED = "matrixRTC.sfu.exposedServices"


def invariant(*names):
    def register(function):
        for name in names:
            CHECKS[name] = function
        return function

    return register


OFF = {key: {"enabled": False} for key in ("elementAdmin", "elementWeb", "matrixAuthenticationService", "matrixRTC", "synapse", "wellKnownDelegation", "deploymentMarkers")}
RENDERINGS = {
    "only secrets": (OFF, {"postgres": {"enabled": False}}),
    "only postgres": (OFF, {"initSecrets": {"enabled": False}}),
    "web": ("element-web-minimal", {"elementWeb": {"additional": {"b": '{"brand": "B", "nested": {"b": 1}}', "a": '{"brand": "A", "nested": {"a": 1}, "default_server_config": {"x": 1}}'}}}),
    "web air gap": ("element-web-minimal", {"airGap": {"enabled": True}}),
    "calls air gap": ("matrix-rtc-minimal", {"airGap": {"enabled": True}}),
    "udp": ("matrix-rtc-minimal", nested(EXPOSED + ".rtcUdp", {"enabled": True, "portRange": {"startPort": 31000, "endPort": 31600}})),
    "balanced": ("matrix-rtc-minimal", merged(*[nested(EXPOSED + "." + key, {"enabled": True, "portType": "LoadBalancer", "externalIPs": ["192.0.2.1"], "internalTrafficPolicy": "Local", "externalTrafficPolicy": "Local", "nodePort": "" if key == "turn" else "3201%d" % place}) for place, key in enumerate(("rtcTcp", "rtcMuxedUdp", "turn"))])),
    "turn manager": ("matrix-rtc-turn-tls-external", {"certManager": {"clusterIssuer": "letters"}}),
    "turn secret": ("matrix-rtc-exposed-services-tls", {"certManager": {"clusterIssuer": "letters"}}),
    "mas inline": ("matrix-authentication-service-minimal", {"matrixAuthenticationService": {"additional": {"x": {"config": "branding: {service_name: X}"}}}}),
    "rtc inline": ("matrix-rtc-minimal", {"matrixRTC": {"sfu": {"additional": {"x": {"config": "limit: {num_tracks: 1}"}}}}}),
    "hookshot inline": ("hookshot-minimal", {"hookshot": {"additional": {"x": {"config": "bot: {displayname: X}"}}}}),
    "nginx global": ("well-known-synapse", {"ingress": {"controllerType": "ingress-nginx"}, "wellKnownDelegation": {"baseDomainRedirect": {"enabled": False}}, "synapse": {"media": {"maxUploadSize": "50M"}}}),
    "nginx own": ("well-known-synapse", {"wellKnownDelegation": {"baseDomainRedirect": {"enabled": False}, "ingress": {"controllerType": "ingress-nginx"}}, "synapse": {"media": {"maxUploadSize": "50M"}, "ingress": {"controllerType": "ingress-nginx"}, "logging": {"rootLevel": "WARNING", "levelOverrides": {"synapse.storage.SQL": "DEBUG"}}}}),
    "policies off": ("all-enabled", {"networkPolicies": {"enabled": False}}),
    "mas own registry": ("matrix-authentication-service-minimal", {"imageRegistry": "mirror.example.invalid/ess"}),
}
# [values, what the message has to name]
REFUSED = {
    "element_web/invalid_json_in_element_web_additional_fails": [(("element-web-minimal", {"elementWeb": {"additional": {"bad": '{"a": '}}}), "elementWeb.additional.bad")],
    "hookshot/invalid_yaml_in_hookshot_additional_fails": [(("hookshot-minimal", {"hookshot": {"additional": {"bad": {"config": NO_YAML}}}}), "hookshot.additional.bad.config")],
    "matrix_authentication_service/invalid_yaml_in_matrix_authentication_service_additional_fails": [(("matrix-authentication-service-minimal", {"matrixAuthenticationService": {"additional": {"bad": {"config": NO_YAML}}}}), "matrixAuthenticationService.additional.bad.config")],
    "matrix_rtc/invalid_yaml_in_matrix_rtc_sfu_additional_fails": [(("matrix-rtc-minimal", {"matrixRTC": {"sfu": {"additional": {"bad": {"config": NO_YAML}}}}}), "matrixRTC.sfu.additional.bad.config")],
    "synapse/invalid_yaml_in_synapse_additional_fails": [(("synapse-minimal", {"synapse": {"additional": {"bad": {"config": NO_YAML}}}}), "synapse.additional.bad.config")],
    "well_known_delegation/invalid_json_in_wellKnown_additional_fails": [(("well-known-minimal", {"wellKnownDelegation": {"additional": {key: "{"}}}), "wellKnownDelegation.additional." + key) for key in ("client", "server", "support")],
    "pod_replicas/singleton_cannot_have_more_than_one_replicas": [(("nothing-enabled", nested(path + ".replicas", 2)), path + ".replicas") for path in ("hookshot", "matrixRTC.sfu", "postgres", "redis", "synapse", "synapse.workers.media-repository")],
    "values/cross_field_validation": [
        (("element-web-minimal", {"elementWeb": {"ingress": {"host": None}}}), "elementWeb.ingress.host"),
        (("element-admin-minimal", {"elementAdmin": {"ingress": {"host": None}}}), "elementAdmin.ingress.host"),
        (("matrix-rtc-minimal", {"matrixRTC": {"ingress": {"host": None}}}), "matrixRTC.ingress.host"),
        (("matrix-authentication-service-minimal", {"matrixAuthenticationService": {"ingress": {"host": None}}}), "matrixAuthenticationService.ingress.host"),
        (("synapse-minimal", {"synapse": {"ingress": {"host": None}}}), "synapse.ingress.host"),
        (("synapse-minimal", {"serverName": None}), "serverName"),
        (("hookshot-minimal", {"hookshot": {"ingress": {"host": None}}}), "hookshot.ingress.host"),
        (("synapse-minimal", {"postgres": {"enabled": False}}), "synapse.postgres"),
        (("matrix-authentication-service-minimal", {"postgres": {"enabled": False}}), "matrixAuthenticationService.postgres"),
        (("quick-setup-letsencrypt-pg-external", {key: {"postgres": {"host": "db.example.invalid", "port": 5432, "database": "same"}} for key in ("synapse", "matrixAuthenticationService")}), "matrixAuthenticationService.postgres"),
        (("synapse-minimal", nested("synapse.workers.mas-helper.enabled", True)), "synapse.workers.mas-helper"),
        (("well-known-synapse-mas", nested("synapse.workers.sso-login.enabled", True)), "synapse.workers.sso-login"),
        (("pytest-hookshot-with-mas", nested("hookshot.enableEncryption", True)), "hookshot.enableEncryption"),
        (("matrix-rtc-minimal", nested(EXPOSED + ".turnTLS", {"enabled": True, "domain": "turn.example.org"})), EXPOSED + ".turnTLS.tlsSecret"),
        (("matrix-rtc-minimal", {"initSecrets": {"enabled": False}}), "matrixRTC.livekitAuth.secret"),
        (("matrix-authentication-service-minimal", nested("matrixAuthenticationService.encryptionSecret", {"secret": "only-half"})), "matrixAuthenticationService.encryptionSecret"),
        (("matrix-authentication-service-secrets-in-helm", nested("matrixAuthenticationService.postgres.password", None)), "matrixAuthenticationService.postgres.password"),
        (("matrix-authentication-service-minimal", nested("postgres.resources.limits.memory", "4G")), "postgres.resources.limits.memory"),
        (("matrix-rtc-minimal", nested(EXPOSED + ".turn", {"enabled": True, "port": 30002})), EXPOSED),
        (("nothing-enabled", {"imagePullSecrets": []}), "image.pullSecrets"),
        (("nothing-enabled", nested("synapse.redis", {"host": "x", "image": {}})), "synapse.redis.image"),
        (("nothing-enabled", nested("matrixRTC.livekitAuth.keysYaml", "x")), "matrixRTC.livekitAuth.key"),
        (("nothing-enabled", {"elementWebs": {}}), "elementWeb"),
        (("nothing-enabled", {"certManager": {"issuer": "a", "clusterIssuer": "b"}}), "certManager"),
        (("nothing-enabled", nested("synapse.additional.x", {"config": "a: 1", "configSecret": "s"})), "synapse.additional.x"),
    ],
}
# What the cluster offers, where that matters, stands in place of values.
REFUSED["values/cross_field_validation"].append((("matrix-rtc-exposed-services-cert-manager", {"_api": [MONITORS]}), "certManager"))


def ask(later):
    for key, values in RENDERINGS.items():
        later.ask(key, *values)
    for check, rows in REFUSED.items():
        for place, (values, _) in enumerate(rows):
            more = {"api": (MONITORS, CERTIFICATES)}
            if isinstance(values[-1], dict) and "_api" in values[-1]:
                more["api"] = values[-1]["_api"]
                values = values[:-1]
            later.ask((check, place), *values, **more)


def refused(later, check):
    for place, (values, word) in enumerate(REFUSED[check]):
        try:
            later.get((check, place))
            yield "%s is taken: %s" % (values[-1], word)
        except Failed as error:
            if word not in str(error):
                yield "the message does not name %s: %s" % (word, error)


def config(objects, name, key):
    return parse_config(data_of(find(objects, "ConfigMap", name))[key])[0]


@invariant("basic/nothing_enabled_renders_nothing", "basic/initSecrets_on_its_own_renders_nothing", "basic/postgres_on_its_own_renders_nothing")
def nothing(later):
    for key in ("nothing-enabled", "only secrets", "only postgres"):
        for one in later.get(key):
            yield "%s: %s" % (key, name_of(one))


@invariant("element_web/config_json_override")
def web(later):
    found = json.loads(data_of(find(later.get("element-web-minimal"), "ConfigMap", "ess-element-web"))["config.json"])
    if found != {"bug_report_endpoint_url": "https://rageshakes.element.io/api/submit", "mobile_guide_app_variant": "element", "setting_defaults": {"urlPreviewsEnabled": True}}:
        yield str(found)
    found = json.loads(data_of(find(later.get("web"), "ConfigMap", "ess-element-web"))["config.json"])
    if (found["brand"], found["nested"], found["default_server_config"]) != ("B", {"a": 1, "b": 1}, {"x": 1}):
        yield str(found)


@invariant("airgap/nothing_leads_to_the_internet")
def air_gap(later):
    found = json.loads(data_of(find(later.get("web air gap"), "ConfigMap", "ess-element-web"))["config.json"])
    if "bug_report_endpoint_url" in found or found["setting_defaults"]["urlPreviewsEnabled"]:
        yield str(found)
    found = config(later.get("calls air gap"), "ess-matrix-rtc-sfu", "sfu-overrides.yaml")
    if found["rtc"]["use_external_ip"] or "node_ip" not in found["rtc"]:
        yield str(found)


@invariant("images/one_registry_for_all")
def registry(later):
    for pod in pods(later.get("mas own registry")):
        for container in pod.all:
            if not container["image"].startswith("mirror.example.invalid/ess/"):
                yield container["image"]


@invariant("policies/network_policies_can_be_left_out")
def policies(later):
    for one in kinds(later.get("policies off"), "NetworkPolicy"):
        yield name_of(one)


@invariant("matrix_rtc/log_level_overrides")
def rtc_port(later):
    found = config(later.get("matrix-rtc-minimal"), "ess-matrix-rtc-sfu", "sfu-overrides.yaml")["rtc"]
    if (found["tcp_port"], found["udp_port"]) != (30001, 30002):
        yield str(found)


@invariant("matrix_rtc/udp_range_services_are_sharded")
def shards(later):
    found = [one for one in kinds(later.get("udp"), "Service") if "udp-range" in name_of(one)]
    ports = [port for one in found for port in one["spec"]["ports"]]
    if [short(one) for one in found] != ["matrix-rtc-sfu-udp-range-%d" % part for part in range(3)] or [len(one["spec"]["ports"]) for one in found] != [250, 250, 101]:
        yield str([(name_of(one), len(one["spec"]["ports"])) for one in found])
    if [(port["port"], port["targetPort"], port["nodePort"], port["protocol"]) for port in ports] != [(number, number, number, "UDP") for number in range(31000, 31601)]:
        yield "ports"


def sfu(objects):
    pod = next(one for one in pods(objects) if one.name == "ess-matrix-rtc-sfu")
    return pod, config(objects, "ess-matrix-rtc-sfu", "sfu-overrides.yaml")["turn"]


@invariant("matrix_rtc/turn_tls_external_termination", "matrix_rtc/turn_tls_external_termination_with_certmanager")
def turn_external(later):
    for key in ("matrix-rtc-turn-tls-external", "turn manager"):
        pod, turn = sfu(later.get(key))
        if "turn-tls" in pod.volumes or "cert_file" in turn or "key_file" in turn or turn["tls_port"] != 5349 or turn["external_tls"] is not True or kinds(later.get(key), "Certificate"):
            yield "%s: %s" % (key, turn)


@invariant("matrix_rtc/turn_tls_pod_termination_with_secret")
def turn_pod(later):
    pod, turn = sfu(later.get("turn secret"))
    mounts = [mount["mountPath"] for mount in pod.main[0]["volumeMounts"] if mount["name"] == "turn-tls"]
    if mounts != ["/turn-tls/tls.crt", "/turn-tls/tls.key"] or [turn["cert_file"], turn["key_file"]] != mounts or pod.volumes["turn-tls"]["secret"]["secretName"] != "ess-turn-tls" or kinds(later.get("turn secret"), "Certificate"):
        yield "%s %s" % (mounts, turn)


@invariant("services/exposed_services_port_and_type", "services/exposed_services_external_ips", "services/exposed_services_traffic_policy")
def exposed(later):
    def found(key):
        return {short(one)[len("matrix-rtc-sfu-"):]: one["spec"] for one in kinds(later.get(key), "Service") if short(one).startswith("matrix-rtc-sfu-")}

    for name, spec in found("matrix-rtc-clusterip-services").items():
        if spec["type"] != "ClusterIP" or "externalTrafficPolicy" in spec or "nodePort" in spec["ports"][0]:
            yield "%s: %s" % (name, spec)
    if found("matrix-rtc-host-mode"):
        yield "there are Services for ports on the node"
    pod = next(one for one in pods(later.get("matrix-rtc-host-mode")) if one.name == "ess-matrix-rtc-sfu")
    ports = {port["name"]: (port.get("hostPort"), port["protocol"]) for port in pod.main[0]["ports"]}
    if ports["rtc-tcp"] != (30001, "TCP") or ports["rtc-muxed-udp"] != (30002, "UDP") or pod.spec.get("hostNetwork") is not True:
        yield str(ports)
    spec = found("matrix-rtc-minimal")["tcp"]
    if spec["type"] != "NodePort" or [spec["ports"][0].get(key) for key in ("port", "targetPort", "nodePort")] != [30001] * 3:
        yield str(spec)
    for name, node in (("tcp", 32010), ("muxed-udp", 32011), ("turn", None)):
        spec = found("balanced")[name]
        if (spec["type"], spec["externalIPs"], spec["internalTrafficPolicy"], spec["externalTrafficPolicy"], spec["ports"][0].get("nodePort")) != ("LoadBalancer", ["192.0.2.1"], "Local", "Local", node):
            yield "%s: %s" % (name, spec)


@invariant("configs/user_provided_inline_configs_change_hashes")
def hashes(later):
    for before, after, name in (("matrix-authentication-service-minimal", "mas inline", "ess-matrix-authentication-service"), ("matrix-rtc-minimal", "rtc inline", "ess-matrix-rtc-sfu"), ("hookshot-minimal", "hookshot inline", "ess-hookshot")):
        labels = [next(pod.labels for pod in pods(later.get(key)) if pod.name == name) for key in (before, after)]
        if labels[0] == labels[1] or set(labels[0]) != set(labels[1]):
            yield "%s: %s" % (name, labels)


@invariant("ingress_tls/tls_no_secretName_by_default", "ingresses/no_ingress_annotations_by_default", "ingresses/no_ingressClassName_by_default", "ingress_tls/no_ingress_tlsSecret_global")
def ingress_defaults(later):
    for one in kinds(later.get("all-enabled"), "Ingress"):
        if one["metadata"].get("annotations") or "ingressClassName" in one["spec"] or one["spec"]["tls"] != [{"hosts": [one["spec"]["rules"][0]["host"]]}]:
            yield "%s: %s" % (name_of(one), one)
    for one in kinds(later.get("quick-setup-external-cert-pg-with-helm"), "Ingress"):
        if "tls" in one["spec"]:
            yield "%s: %s" % (name_of(one), one["spec"])


# Keys of Matrix Authentication Service's configuration, from its documentation: all others are mistakes.
MAS = {
    "database": {"host", "port", "username", "password_file", "database", "ssl_mode"},
    "experimental": {"session_limit"},
    "http": {"listeners", "public_base"},
    "http.listeners": {"name", "binds", "resources"},
    "matrix": {"kind", "homeserver", "secret_file", "endpoint"},
    "policy": {"data"},
    "policy.data": {"admin_clients", "admin_users", "client_registration"},
    "policy.data.client_registration": {"allow_host_mismatch", "allow_insecure_uris"},
    "secrets": {"encryption_file", "keys"},
    "secrets.keys": {"key_file"},
    "telemetry": {"metrics"},
    "telemetry.metrics": {"exporter"},
}


@invariant("mas_config_schema/mas_config_validates_against_strict_schema")
def mas_config(later):
    for key in ("matrix-authentication-service-minimal", "all-enabled", "quick-setup-letsencrypt-pg-external"):
        whole = merged(config(later.get(key), "ess-matrix-authentication-service", "mas-config-underrides.yaml"), config(later.get(key), "ess-matrix-authentication-service", "mas-config-overrides.yaml"))
        if set(whole) - {path for path in MAS if "." not in path}:
            yield "%s: %s" % (key, list(whole))
        for path, allowed in MAS.items():
            found = at(whole, path, {})
            for one in found if isinstance(found, list) else [found]:
                if set(one) - allowed:
                    yield "%s: %s: %s" % (key, path, set(one) - allowed)
        names = [resource["name"] for listener in whole["http"]["listeners"] for resource in listener["resources"]]
        if names != ["human", "discovery", "oauth", "compat", "assets", "graphql", "adminapi", "health", "prometheus", "connection-info"]:
            yield str(names)


def homeserver(objects, key="04-homeserver-overrides.yaml"):
    return config(objects, "ess-synapse", key)


@invariant("synapse/appservice_configmaps_are_templated", "synapse/appservice_secrets_are_templated")
def appservices(later):
    for pod in pods(later.get("synapse-secrets-in-helm")):
        if not pod.name.startswith("ess-synapse-"):
            continue
        if at(pod.volumes.get("as-0"), "configMap.name") != "ess-bridge-one" or at(pod.volumes.get("as-1"), "secret.secretName") != "ess-bridge-two":
            yield "%s: %s" % (pod.name, list(pod.volumes.values()))
        found = [mount["mountPath"] for mount in pod.main[0]["volumeMounts"] if mount["name"].startswith("as-")]
        if found != ["/as/0/registration.yaml", "/as/1/registration.yaml"]:
            yield "%s: %s" % (pod.name, found)


SIZE = "nginx.ingress.kubernetes.io/proxy-body-size"


@invariant("synapse/max_upload_size_annotation_global_ingressType", "synapse/max_upload_size_annotation_component_ingressType",
           "well_known_delegation/dot_path_global_ingressType", "well_known_delegation/dot_path_component_ingressType")
def controllers(later):
    for key in ("nginx global", "nginx own", "well-known-synapse"):
        objects = later.get(key)
        found = (find(objects, "Ingress", "ess-synapse")["metadata"].get("annotations") or {}).get(SIZE)
        paths = {path["path"]: path["pathType"] for path in find(objects, "Ingress", "ess-well-known")["spec"]["rules"][0]["http"]["paths"]}
        if found != (None if key == "well-known-synapse" else "50m"):
            yield "%s: %s" % (key, found)
        if key != "well-known-synapse" and paths.get("/.well-known/matrix") != "ImplementationSpecific":
            yield "%s: %s" % (key, paths)


@invariant("synapse/log_level_overrides")
def log_levels(later):
    for key, root, sql in (("synapse-minimal", "INFO", "INFO"), ("nginx own", "WARNING", "DEBUG")):
        found = homeserver(later.get(key), "log_config.yaml")
        if found["root"]["level"] != root or found["loggers"]["synapse.storage.SQL"]["level"] != sql:
            yield "%s: %s" % (key, found)


def well_known(objects):
    return {key: json.loads(text) for key, text in data_of(find(objects, "ConfigMap", "ess-well-known-haproxy")).items() if key in ("client", "server", "support")}


@invariant("well_known_delegation/only_additional_if_all_disabled_in_well_known")
def only_additional(later):
    if well_known(later.get("pytest-well-known")) != {"client": {"org.example": {"key": "client"}}, "server": {"org.example": {"key": "server"}}, "support": {"contacts": []}}:
        yield str(well_known(later.get("pytest-well-known")))


@invariant("well_known_delegation/synapse_injected_in_server_and_client_well_known")
def injected(later):
    found = well_known(later.get("well-known-synapse"))
    if found["client"].get("m.homeserver") != {"base_url": "https://matrix.example.org"} or found["server"].get("m.server") != "matrix.example.org:443" or found["support"]["contacts"][0]["email_address"] != "help@example.org":
        yield str(found)


@invariant("well_known_delegation/has_redirect_to_element_web")
def redirect(later):
    for key, target in (("well-known-element-web", "https://chat.example.org"), ("well-known-synapse", "https://www.example.org/")):
        if target not in data_of(find(later.get(key), "ConfigMap", "ess-haproxy"))["haproxy.cfg"]:
            yield "%s: nothing leads to %s" % (key, target)
