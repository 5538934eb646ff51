// Delegation: what is asked for under the name of the server itself, answered by HAProxy.
function(ctx)
  local l = (import '../lib/lib.libsonnet')(ctx) + (import '../lib/well-known.libsonnet')(ctx);
  local v = ctx.values.wellKnownDelegation;
  local c = { name: 'well-known', part: 'matrix-stack-ingress', image: null, values: v, path: 'wellKnownDelegation' };
  local haproxy = { 'app.kubernetes.io/instance': l.name('haproxy') };
  // That controller refuses dots in paths of type Prefix.
  local type = if l.controllerType(l.get(v, 'ingress', {})) == 'ingress-nginx' then 'ImplementationSpecific' else 'Prefix';
  local path(path, type='Prefix') = { path: path, type: type, service: 'well-known', port: 'haproxy-wkd' };

  if !l.enabled.wellKnown then [] else [
    l.configMap(c { part: 'matrix-delegation' }, l.wellKnownFiles, { name: 'well-known-haproxy' }),
    l.ingressService(c, {
      ports: [{ name: 'haproxy-wkd', port: 8010 }],
      selector: haproxy,
      // Where the server is can be told while it is starting.
      spec: { publishNotReadyAddresses: true },
    }),
    l.ingress(c, {
      host: l.serverName,
      paths:
        if l.wellKnownRedirect != null then [path('/')]
        else [path('/.well-known/matrix', type), path('/.well-known/element', type)],
    }),
  ]
