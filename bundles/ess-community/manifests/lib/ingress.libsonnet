// Ingresses and certificates.
function(ctx) {
  local lib = self,
  local values = ctx.values,

  // The host of a component's Ingress; it has to be there.
  ingressHost(path):: lib.get(values, path + '.ingress.host', lib.fail(path + '.ingress.host', 'is needed')),

  tlsEnabled(ingress):: lib.get(values, 'ingress.tlsEnabled', true) && lib.get(ingress, 'tlsEnabled', true),
  scheme(ingress):: if lib.tlsEnabled(ingress) then 'https' else 'http',
  controllerType(ingress):: lib.get(ingress, 'controllerType', lib.get(values, 'ingress.controllerType')),

  // The issuer of certificates: a component's ingress.certManager beats the global one, {} turns it off.
  certManager(v):: lib.get(v, 'ingress.certManager', lib.get(values, 'certManager', {})),

  local issuerAnnotation(manager) =
    if lib.get(manager, 'clusterIssuer') != null then { 'cert-manager.io/cluster-issuer': manager.clusterIssuer }
    else if lib.get(manager, 'issuer') != null then { 'cert-manager.io/issuer': manager.issuer }
    else {},

  // p: host, paths [{path, service (suffix) or serviceName, port (name or number), type}], nginx (annotations for
  //    that controller), name (suffix)
  ingress(c, p)::
    local ingress = lib.get(c.values, 'ingress', {});
    local name = lib.get(p, 'name', c.name);
    local manager = lib.certManager(c.values);
    local secret = lib.get(ingress, 'tlsSecret', lib.get(values, 'ingress.tlsSecret'));
    local managed = secret == null && issuerAnnotation(manager) != {};
    local port(wanted) = if std.isNumber(wanted) then { number: wanted } else { name: wanted };
    {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'Ingress',
      metadata: lib.metadata(c, {
        name: name,
        annotations: (
          (if managed && lib.tlsEnabled(ingress) then issuerAnnotation(manager) else {})
          + (if lib.controllerType(ingress) == 'ingress-nginx' then lib.get(p, 'nginx', {}) else {})
          + lib.get(values, 'ingress.annotations', {})
          + lib.get(ingress, 'annotations', {})
        ),
      }),
      spec: lib.some({
        ingressClassName: lib.get(ingress, 'className', lib.get(values, 'ingress.className')),
        tls: if lib.tlsEnabled(ingress) then [lib.some({
          hosts: [p.host],
          secretName: if secret != null then secret else if managed then lib.name(name + '-certmanager-tls'),
        })],
        rules: [{
          host: p.host,
          http: {
            paths: [
              {
                path: path.path,
                pathType: lib.get(path, 'type', 'Prefix'),
                backend: {
                  service: {
                    name: if std.objectHas(path, 'serviceName') then path.serviceName else lib.name(path.service),
                    port: port(path.port),
                  },
                },
              }
              for path in p.paths
            ],
          },
        }],
      }),
    },

  // A Certificate for what is not behind an Ingress, or null where no issuer is configured.
  certificate(c, p)::
    local manager = lib.certManager(c.values);
    if issuerAnnotation(manager) == {} then null
    else if !lib.hasApi('cert-manager.io/v1/Certificate') then lib.fail('certManager', 'the cluster has no cert-manager.io/v1 Certificate')
    else {
      apiVersion: 'cert-manager.io/v1',
      kind: 'Certificate',
      metadata: lib.metadata(c, { name: p.name }),
      spec: {
        secretName: p.secretName,
        dnsNames: p.dnsNames,
        issuerRef: if lib.get(manager, 'clusterIssuer') != null then { kind: 'ClusterIssuer', name: manager.clusterIssuer }
        else { kind: 'Issuer', name: manager.issuer },
      },
    },
}
