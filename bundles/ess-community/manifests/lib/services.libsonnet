// Services and what Prometheus is told of them.
function(ctx) {
  local lib = self,
  local values = ctx.values,

  // p: name (suffix), ports [{name, port, targetPort, protocol, nodePort}], selector, headless, type, annotations,
  //    labels, spec (further fields)
  service(c, p):: {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: lib.metadata(c, {
      name: lib.get(p, 'name', c.name),
      annotations: lib.get(p, 'annotations', {}),
      labels: lib.get(p, 'labels', {}),
    }),
    spec: {
      type: lib.get(p, 'type', 'ClusterIP'),
      [if lib.get(p, 'headless', false) then 'clusterIP']: 'None',
      ipFamilyPolicy: 'PreferDualStack',
      ports: [
        lib.compact({ protocol: 'TCP', targetPort: port.name } + port)
        for port in p.ports
      ],
      selector: lib.get(p, 'selector', lib.selector(c)),
    } + lib.get(p, 'spec', {}),
  },

  // A Service behind an Ingress: type, policies and annotations are the user's to choose.
  ingressService(c, p)::
    local pick(field, default) = lib.get(c.values, 'ingress.service.' + field, lib.get(values, 'ingress.service.' + field, default));
    local type = pick('type', 'ClusterIP');
    local outside = std.member(['NodePort', 'LoadBalancer'], type);
    lib.service(c, p {
      type: type,
      headless: lib.get(p, 'headless', false) && type == 'ClusterIP',
      annotations: lib.get(values, 'ingress.service.annotations', {}) + lib.get(c.values, 'ingress.service.annotations', {}),
      spec: lib.get(p, 'spec', {}) + lib.some({
        internalTrafficPolicy: pick('internalTrafficPolicy', 'Cluster'),
        externalTrafficPolicy: if outside then pick('externalTrafficPolicy', 'Cluster'),
        externalIPs: lib.orEmpty(pick('externalIPs', [])),
      }),
    }),

  hasApi(version):: std.member(ctx.api.versions, version),

  // Only where the cluster knows what that is.
  // p: port (its name), matchLabels, relabelings (before the user's), path
  serviceMonitor(c, p)::
    local settings = lib.get(c.values, 'serviceMonitors', {});
    if lib.hasApi('monitoring.coreos.com/v1/ServiceMonitor') && lib.get(settings, 'enabled', true) then {
      apiVersion: 'monitoring.coreos.com/v1',
      kind: 'ServiceMonitor',
      metadata: lib.metadata(c),
      spec: {
        endpoints: [
          { interval: '30s', port: p.port } + lib.some({
            path: lib.get(p, 'path'),
            relabelings: lib.get(p, 'relabelings', []) + lib.orEmpty(lib.get(settings, 'relabelings')),
            metricRelabelings: lib.orEmpty(lib.get(settings, 'metricRelabelings')),
          }),
        ],
        selector: { matchLabels: lib.get(p, 'matchLabels', lib.selector(c)) },
      },
    },
}
