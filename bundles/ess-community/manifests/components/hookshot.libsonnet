// Hookshot: an application service that brings GitHub, GitLab, Jira and webhooks into rooms.
function(ctx)
  local l = (import '../lib/lib.libsonnet')(ctx) + (import '../lib/hookshot.libsonnet')(ctx);
  local v = ctx.values.hookshot;
  local c = { name: 'hookshot', part: 'matrix-integrations', image: 'hookshot', values: v, path: 'hookshot' };
  local own = l.name('hookshot');

  local registration = l.hookshotRegistration(own);
  local passkey = l.credential('hookshot.passkey', own, 'HOOKSHOT_RSA_PASSKEY', 'HOOKSHOT_RSA_PASSKEY');
  local redis = l.redisOf('hookshot', own);
  local additional = l.additional('hookshot.additional', own);
  local all = [registration, passkey, redis.password] + additional;

  // With no host of its own it is reached below the one of Synapse.
  local ownHost = l.get(v, 'ingress.host');
  local base =
    if ownHost != null then 'https://' + ownHost
    else 'https://' + l.ingressHost('synapse') + '/_matrix/hookshot';
  local prefix = if ownHost != null then {} else { prefix: '/_matrix/hookshot' };
  local listeners = [
    { port: 7777, bindAddress: l.bindAddresses[0], resources: ['metrics'] },
    { port: 7775, bindAddress: l.bindAddresses[0], resources: ['webhooks'] } + prefix,
    { port: 7778, bindAddress: l.bindAddresses[0], resources: ['widgets'] } + prefix,
  ];

  local underrides = {
    generic: { enabled: true, urlPrefix: base + '/webhook' },
    permissions: [{ actor: l.serverName, services: [{ service: '*', level: 'manageConnections' }] }],
    widgets: { publicUrl: base + '/widgetapi/v1/static', roomSetupWidget: { addOnInvite: false } },
  };
  local overrides = {
    bridge: {
      domain: l.serverName,
      url: if l.enabled.synapse then 'http://' + l.serviceHost('synapse') + ':8008' else 'https://' + l.serverName,
      port: 9993,
      bindAddress: l.bindAddresses[0],
    },
    cache: {
      redisUri: (if redis.tls then 'rediss' else 'redis') + '://'
                + (if redis.password != null then ':${REDIS_PASSWORD}@' else '')
                + redis.host + ':' + redis.port + '/' + redis.db,
    },
    [if v.enableEncryption then 'encryption']: { storagePath: '/storage' },
    listeners: listeners,
    logging: { level: {
      critical: 'error',
      'error': 'error',
      warning: 'warn',
      info: 'info',
      debug: 'debug',
    }[v.logging.level], json: false },
    metrics: { enabled: true },
    passFile: passkey.file,
  };
  local files = { 'hookshot-overrides.yaml': l.yaml(overrides), 'hookshot-underrides.yaml': l.yaml(underrides) };
  local claim = 'hookshot';

  if !l.enabled.hookshot then [] else [
    l.serviceAccount(c),
    l.configMap(c, files),
    l.secret(c, l.secretData(all, own)),
    // For the job that checks Synapse's configuration, which runs before the objects above are there.
    l.secret(c, l.secretData([l.hookshotRegistration(l.name('hookshot-pre'))], l.name('hookshot-pre')), {
      name: 'hookshot-pre',
      hook: 'pre',
      weight: -1,
    }),
    if v.enableEncryption then l.persistentVolumeClaim(c, l.get(v, 'storage', {}), claim),
    l.statefulSet(c, {
      hashes: { 'hookshot-config': files, 'hookshot-secret': l.credentialsHash(all) },
      images: ['hookshot', 'ess-tools'],
      initContainers: [
        l.renderConfig(c, {
          output: '/conf/hookshot-config.yaml',
          // What users say about permissions stands instead of the default, not beside it.
          overwrite: ['permissions'],
          files: ['/config-templates/hookshot-underrides.yaml'] + [one.file for one in additional] + ['/config-templates/hookshot-overrides.yaml'],
          env: { [if redis.password != null then 'REDIS_PASSWORD']: '{{ readfile "' + redis.password.file + '" | urlencode }}' },
          credentials: additional + [redis.password],
        }),
      ] + (if l.enabled.synapse then [l.tcpWait(c, 'http-wait-syn', l.serviceHost('synapse') + ':8008')] else []),
      containers: [
        l.container(c, {
          name: 'hookshot',
          args: ['BridgeApp.js', '/conf/hookshot-config.yaml', registration.file],
          ports: [
            { name: 'appservice', containerPort: 9993 },
            { name: 'webhooks', containerPort: 7775 },
            { name: 'metrics', containerPort: 7777 },
            { name: 'widgets', containerPort: 7778 },
          ],
          probes: {
            startup: l.httpProbe('metrics', '/ready'),
            readiness: l.httpProbe('metrics', '/ready'),
            liveness: l.httpProbe('metrics', '/live'),
          },
          mounts:
            [l.mount('rendered-config', '/conf/hookshot-config.yaml', 'hookshot-config.yaml')]
            + l.secretMounts([registration, passkey])
            + (if v.enableEncryption then [l.mount('storage', '/storage', readOnly=false)] else []),
        }),
      ],
      volumes:
        l.renderVolumes('hookshot')
        + l.secretVolumes(all)
        + (if v.enableEncryption then [{ name: 'storage', persistentVolumeClaim: { claimName: l.claimName(l.get(v, 'storage', {}), claim) } }] else []),
    }),
    l.ingressService(c, {
      headless: true,
      ports: [
        { name: 'appservice', port: 9993 },
        { name: 'webhooks', port: 7775 },
        { name: 'metrics', port: 7777 },
        { name: 'widgets', port: 7778 },
      ],
      // Synapse may ask for it while it starts.
      spec: { publishNotReadyAddresses: true },
    }),
    if ownHost != null then l.ingress(c, {
      host: ownHost,
      paths: [
        { path: '/widgetapi/v1', service: 'hookshot', port: 'widgets' },
        { path: '/', service: 'hookshot', port: 'webhooks' },
      ],
    }),
    l.serviceMonitor(c, { port: 'metrics' }),
    l.networkPolicy(c, { allow: [
      { from: [l.fromSynapse], ports: ['appservice'] },
      { ports: ['webhooks', 'widgets', 'metrics'] },
    ] }),
  ]
