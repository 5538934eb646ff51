// HAProxy: spreads requests over the processes of Synapse and Matrix Authentication Service, and serves the
// well-known files.
function(ctx)
  local l = (import '../lib/lib.libsonnet')(ctx)
            + (import '../lib/haproxy.libsonnet')(ctx)
            + (import '../lib/haproxy-synapse.libsonnet')(ctx)
            + (import '../lib/well-known.libsonnet')(ctx);
  local v = ctx.values.haproxy;
  local c = { name: 'haproxy', part: 'matrix-stack-ingress', image: 'haproxy', values: v, path: 'haproxy' };
  local on = l.enabled;

  local flat(list) = std.flattenArrays([if one == null then [] else if std.isArray(one) then flat(one) else [one] for one in list]);
  local config = std.join('\n', flat([
    l.haproxyHead,
    if on.synapse then l.haproxySynapse,
    if on.wellKnown then l.haproxyWellKnown,
  ])) + '\n';

  local synapseFiles = if on.synapse then l.haproxySynapseFiles;
  local wellKnownFiles = if on.wellKnown then l.wellKnownFiles;

  local ports =
    [['haproxy-metrics', 8405]]
    + (if on.synapse then [['haproxy-synapse', 8008], ['haproxy-403', 8009], ['synapse-ready', 8406]] else [])
    + (if on.wellKnown then [['haproxy-wkd', 8010]] else []);
  local alive = l.httpProbe('haproxy-metrics', '/haproxy_test');

  // Objects that belong to others by their labels, but to HAProxy by what they do.
  local synapse = c { name: 'synapse', app: 'synapse', values: l.get(ctx.values, 'synapse', {}), image: 'haproxy' };
  local wellKnown = c { name: 'well-known', app: 'well-known', values: l.get(ctx.values, 'wellKnownDelegation', {}), image: null };

  if !on.haproxy then [] else [
    l.serviceAccount(c),
    l.configMap(c, { 'haproxy.cfg': config }),
    if on.synapse then l.configMap(synapse, synapseFiles, { name: 'synapse-haproxy' }),
    l.deployment(c, {
      hashes: {
        'haproxy-config': config,
        'haproxy-synapse-config': synapseFiles,
        'haproxy-well-known-config': wellKnownFiles,
      },
      containers: [
        l.container(c, {
          name: 'haproxy',
          // A warning is a failure: it says that something is not as this configuration means it.
          args: ['-f', '/usr/local/etc/haproxy/haproxy.cfg', '-dW'],
          ports: [{ name: port[0], containerPort: port[1] } for port in ports],
          // Not ready, which is not dead, while what nobody stands in for is away.
          probes: {
            startup: alive,
            liveness: alive,
            readiness: if on.synapse then l.httpProbe('synapse-ready', '/synapse_ready') else alive,
          },
          mounts:
            [l.mount('haproxy-config', '/usr/local/etc/haproxy')]
            + (if on.synapse then [l.mount('synapse-haproxy', '/synapse')] else [])
            + (if on.wellKnown then [l.mount('well-known-haproxy', '/well-known')] else []),
        }),
      ],
      volumes:
        [l.configMapVolume('haproxy-config', l.name('haproxy'))]
        + (if on.synapse then [l.configMapVolume('synapse-haproxy', l.name('synapse-haproxy'))] else [])
        + (if on.wellKnown then [l.configMapVolume('well-known-haproxy', l.name('well-known-haproxy'))] else []),
    }),
    // Counted, and asked for well-known files, while Synapse is away too.
    l.service(c, { ports: [{ name: 'haproxy-metrics', port: 8405 }], spec: { publishNotReadyAddresses: true } }),
    l.serviceMonitor(c, {
      port: 'haproxy-metrics',
      matchLabels: l.selector(c) {
        'app.kubernetes.io/component': 'matrix-stack-ingress',
        'app.kubernetes.io/part-of': 'matrix-stack',
      },
    }),
    l.disruptionBudget(c),
    l.networkPolicy(c, { allow: [{ ports: [port[0] for port in ports if port[0] != 'synapse-ready'] }] }),
  ]
