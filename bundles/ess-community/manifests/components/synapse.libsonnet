// Synapse: one StatefulSet per kind of process, all of one configuration; the check of that configuration before
// anything is changed; and the way in, which leads through HAProxy.
function(ctx)
  local l = (import '../lib/lib.libsonnet')(ctx)
            + (import '../lib/mas.libsonnet')(ctx)
            + (import '../lib/hookshot.libsonnet')(ctx)
            + (import '../lib/homeserver.libsonnet')(ctx);
  local v = ctx.values.synapse;
  local on = l.enabled;
  local base = { name: 'synapse', part: 'matrix-server', image: 'synapse', values: v, path: 'synapse' };
  local account = l.serviceAccountName(base);
  local family = { 'k8s.element.io/synapse-instance': l.name('synapse') };
  local media = l.get(v, 'media.storage', {});
  local mediaOwner = if std.member(l.enabledWorkers, 'media-repository') then 'media-repository';

  local homeserver = l.homeserver();
  local python(module) = ['python3', '-m', module, '-c', '/conf/homeserver.yaml'] + l.get(v, 'extraArgs', []);
  local environment = { LD_PRELOAD: 'libjemalloc.so.2' };

  local mounts(config) =
    [
      l.mount('rendered-config', '/conf/homeserver.yaml', 'homeserver.yaml'),
      l.mount('config-templates', '/conf/log_config.yaml', 'log_config.yaml'),
      l.mount('media', '/media', readOnly=false),
      l.mount('tmp', '/tmp', readOnly=false),
    ]
    + l.secretMounts(config.paths)
    + config.appserviceMounts;
  local volumes(config, templates, claim) =
    l.renderVolumes(templates)
    + l.secretVolumes(config.texts + config.paths)
    + config.appserviceVolumes
    + [
      if claim == null then l.memoryVolume('media') else { name: 'media', persistentVolumeClaim: { claimName: claim } },
      l.memoryVolume('tmp'),
    ];

  // One kind of process; null is the main one.
  local process(kind) =
    local facts = if kind == null then { http: true, replication: true, scalable: false } else l.synapseKinds[kind];
    local worker = if kind == null then {} else v.workers[kind];
    local settings = v + l.compact({
      [key]: l.get(worker, key)
      for key in ['replicas', 'resources', 'livenessProbe', 'readinessProbe', 'startupProbe']
    }) + (if l.get(worker, 'topologySpreadConstraints', []) != [] then { topologySpreadConstraints: worker.topologySpreadConstraints } else {});
    local c = base {
      name: l.synapseName(kind),
      app: 'synapse-' + (if kind == null then 'main' else kind),
      values: settings,
    };
    local ports =
      (if facts.http then [['synapse-http', 8008]] else [])
      + (if facts.replication then [['synapse-repl', 9093]] else [])
      + [['synapse-health', 8080], ['synapse-metrics', 9001]];
    local module =
      if kind == null then 'synapse.app.homeserver' else l.get(facts, 'app', 'synapse.app.generic_worker');
    [
      l.service(c, {
        headless: true,
        labels: family,
        ports: [{ name: port[0], port: port[1] } for port in ports],
      }),
      l.statefulSet(c, {
        serviceAccount: account,
        labels: family + l.postgresLabel('synapse', homeserver.database),
        hashes: {
          'synapse-config': [homeserver.sharedHash, homeserver.ownFile(kind)],
          'synapse-secret': homeserver.secretHash,
          'synapse-appservices': if homeserver.appserviceVolumes != [] then homeserver.appserviceVolumes,
        },
        images: ['synapse', 'ess-tools'],
        initContainers: [
          homeserver.render(c, kind),
          l.tcpWait(c, 'db-wait', homeserver.database.host + ':' + homeserver.database.port),
        ],
        containers: [
          l.container(c, {
            name: 'synapse',
            command: python(module),
            env: environment,
            ports: [{ name: port[0], containerPort: port[1] } for port in ports],
            probes: { all: l.httpProbe('synapse-health', '/health') },
            mounts: mounts(homeserver),
          }),
        ],
        volumes: volumes(homeserver, 'synapse', if kind == mediaOwner then l.claimName(media, 'synapse-media')),
      }),
      if kind != null then l.disruptionBudget(c),
      l.networkPolicy(c, {
        allow:
          (if facts.http then [{ from: [l.fromPods('haproxy')], ports: ['synapse-http', 'synapse-health'] }] else [])
          + (if facts.replication then [{ from: [l.fromSynapse], ports: ['synapse-repl'] }] else [])
          + [{ ports: ['synapse-metrics'] }],
      }),
    ];

  // The same configuration, read by Synapse itself before anything is applied.
  local check = l.get(v, 'checkConfigHook', {});
  local checked = l.homeserver(true);
  local hookNeeded = l.get(check, 'enabled', true) || (on.mas && on.syn2mas);
  local checkConfig =
    local c = base {
      name: 'synapse-check-config',
      values: v + { [key]: check[key] for key in std.objectFields(check) if key != 'enabled' },
    };
    local before = { name: 'synapse-hook', hook: 'pre', weight: -1 };
    [
      if hookNeeded then [
        l.configMap(c, checked.shared + checked.ownFile(null), before),
        l.secret(c, checked.data, before),
      ],
      if l.get(check, 'enabled', true) then [
        l.serviceAccount(c, { hook: 'pre', weight: -1 }),
        l.hookJob(c, {
          hook: 'pre',
          weight: 0,
          backoffLimit: 0,
          context: 'hook',
          images: ['synapse', 'ess-tools'],
          initContainers: [checked.render(c, null, { context: 'hook' })],
          containers: [
            l.container(c, {
              name: 'check-config',
              command: python('synapse.config'),
              env: environment,
              context: 'hook',
              mounts: mounts(checked),
            }),
          ],
          volumes: volumes(checked, 'synapse-hook', null),
        }),
      ],
    ];

  // A path of ours is left out where the user's leads what is below it elsewhere.
  local own(path) = std.length([
    one
    for one in l.get(v, 'ingress.additionalPaths', [])
    if one.availability != 'internally_and_externally' && (one.path == path || std.startsWith(path, std.rstripChars(one.path, '/') + '/'))
  ]) == 0;
  local ingress = l.ingress(base { part: 'matrix-stack-ingress' }, {
    host: l.ingressHost('synapse'),
    nginx: { 'nginx.ingress.kubernetes.io/proxy-body-size': std.asciiLower(l.get(v, 'media.maxUploadSize', '100M')) },
    paths:
      (if on.hookshot && l.get(ctx.values, 'hookshot.ingress.host') == null then [
         { path: '/_matrix/hookshot/widgetapi/v1', service: 'hookshot', port: 'widgets' },
         { path: '/_matrix/hookshot', service: 'hookshot', port: 'webhooks' },
       ] else [])
      + [
        if one.availability == 'blocked' then { path: one.path, service: 'synapse', port: 'haproxy-403' }
        else { path: one.path, serviceName: one.service.name, port: l.get(one.service.port, 'name', l.get(one.service.port, 'number')) }
        for one in l.get(v, 'ingress.additionalPaths', [])
        if one.availability != 'internally_and_externally'
      ]
      + [{ path: path, service: 'synapse', port: 'haproxy-synapse' } for path in ['/_matrix', '/_synapse'] if own(path)],
  });

  if !on.synapse then [] else [
    l.serviceAccount(base),
    l.secret(base, homeserver.data),
    l.configMap(base, l.join([homeserver.shared, homeserver.ownFile(null)] + [homeserver.ownFile(kind) for kind in l.enabledWorkers])),
    l.persistentVolumeClaim(base, media, 'synapse-media'),
    [process(kind) for kind in [null] + l.enabledWorkers],
    checkConfig,
    l.ingressService(base { part: 'matrix-stack-ingress' }, {
      ports: [{ name: 'haproxy-synapse', port: 8008 }, { name: 'haproxy-403', port: 8009 }],
      selector: { 'app.kubernetes.io/instance': l.name('haproxy') },
    }),
    ingress,
    l.serviceMonitor(base, {
      port: 'synapse-metrics',
      matchLabels: { 'app.kubernetes.io/component': 'matrix-server', 'app.kubernetes.io/part-of': 'matrix-stack' } + family,
      relabelings: [
        { targetLabel: 'instance', replacement: l.ingressHost('synapse') },
        { sourceLabels: ['__meta_kubernetes_pod_label_apps_kubernetes_io_pod_index'], targetLabel: 'index' },
      ],
    }),
  ]
