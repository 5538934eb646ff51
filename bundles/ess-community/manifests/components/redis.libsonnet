// Redis: messages between the processes of Synapse, and a cache. Nothing in it outlives a restart.
function(ctx)
  local l = (import '../lib/lib.libsonnet')(ctx);
  local v = ctx.values.redis;
  local c = { name: 'redis', part: 'matrix-pubsub-small-cache', image: 'redis', values: v, path: 'redis' };
  local exporter = l.get(v, 'redisExporter', {});

  local config = |||
    bind %(bind)s
    port 6379
    protected-mode no
    databases 16
    save ""
    appendonly no
    maxmemory %(maxMemory)s
    maxmemory-policy %(policy)s
  ||| % {
    bind: std.join(' ', [if address == '::' then '-::*' else '*' for address in l.bindAddresses]),
    maxMemory: l.get(v, 'maxMemory', '40mb'),
    policy: l.get(v, 'maxMemoryPolicy', 'allkeys-lru'),
  };

  if !l.enabled.redis then [] else [
    l.serviceAccount(c),
    l.configMap(c, { 'redis.conf': config }),
    l.service(c, { ports: [{ name: 'redis', port: 6379 }, { name: 'metrics', port: 9121 }] }),
    l.deployment(c, {
      hashes: { 'redis-config': config },
      images: ['redis', 'redis-exporter'],
      containers: [
        l.container(c, {
          name: 'redis',
          args: ['/config/redis.conf'],
          ports: [{ name: 'redis', containerPort: 6379 }],
          probes: {
            startup: l.tcpProbe('redis'),
            liveness: l.tcpProbe('redis'),
            readiness: l.execProbe(['redis-cli', 'ping']),
          },
          mounts: [l.mount('config', '/config')],
        }),
        l.container(c, {
          name: 'redis-exporter',
          image: 'redis-exporter',
          values: exporter,
          env: { REDIS_ADDR: 'redis://localhost:6379' },
          ports: [{ name: 'metrics', containerPort: 9121 }],
          probes: { all: l.httpProbe('metrics', '/metrics') },
        }),
      ],
      volumes: [l.configMapVolume('config', l.name('redis'))],
    }),
    l.serviceMonitor(c, {
      port: 'metrics',
      relabelings: [{ sourceLabels: ['__meta_kubernetes_pod_label_app_kubernetes_io_instance'], targetLabel: 'instance' }],
    }),
    l.networkPolicy(c, {
      egress: false,
      allow: [
        { from: [l.fromSynapse, l.fromPods('hookshot')], ports: ['redis'] },
        { ports: ['metrics'] },
      ],
    }),
  ]
