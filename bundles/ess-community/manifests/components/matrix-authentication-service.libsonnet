// Matrix Authentication Service: logins, accounts, and the endpoints of older clients for them.
function(ctx)
  local l = (import '../lib/lib.libsonnet')(ctx) + (import '../lib/mas.libsonnet')(ctx);
  local name = 'matrix-authentication-service';
  local c = {
    name: name,
    part: 'matrix-authentication',
    image: 'matrix-authentication-service',
    values: ctx.values.matrixAuthenticationService,
    path: 'matrixAuthenticationService',
  };
  local mas = l.mas();
  local own = l.name(name);
  // While a move of users is only tried out, nothing may be written into Synapse.
  local rehearsal = l.enabled.syn2mas && l.enabled.syn2masDryRun;
  local migration = l.enabled.syn2mas && !l.enabled.syn2masDryRun;
  local kind = if rehearsal then 'synapse_read_only' else 'synapse_modern';
  local files = mas.files(kind);
  local data = l.secretData(mas.credentials + mas.additional, own);

  local program = {
    env: { MAS_CONFIG: '/conf/mas-config.yaml' },
    mounts: [l.mount('rendered-config', '/conf/mas-config.yaml', 'mas-config.yaml')] + l.secretMounts(mas.credentials),
  };

  // Hooks that run before the objects above exist have copies of their own.
  local before = l.mas('-pre');
  local beforeData = l.secretData(
    if migration then before.credentials + before.additional else [before.shared],
    l.name(name + '-pre')
  );
  local check = l.enabled.synapse && l.get(ctx.values, 'synapse.checkConfigHook.enabled', true);
  local hook = { name: name + '-pre', hook: 'pre', weight: -1, labels: { 'k8s.element.io/hook-for': 'synapse-check-config' } };

  if !l.enabled.mas then [] else [
    l.serviceAccount(c),
    l.configMap(c, files),
    l.secret(c, data),
    l.deployment(c, {
      labels: l.postgresLabel('matrixauthenticationservice', mas.database),
      hashes: {
        'matrix-authentication-config': files,
        'matrix-authentication-secret': l.credentialsHash(mas.credentials + mas.additional),
      },
      images: ['matrix-authentication-service', 'ess-tools'],
      initContainers: [
        mas.render(c),
        l.tcpWait(c, 'db-wait', mas.database.host + ':' + mas.database.port),
        l.container(c, program { name: 'database-migrate', args: ['database', 'migrate'] }),
      ],
      containers: [
        l.container(c, program {
          name: 'matrix-authentication-service',
          args: ['server', '--no-migrate'] + (if rehearsal then ['--no-worker'] else []),
          ports: [{ name: 'http', containerPort: 8080 }, { name: 'internal', containerPort: 8081 }],
          probes: { all: l.httpProbe('internal', '/health') },
        }),
      ],
      volumes: l.renderVolumes(name) + l.secretVolumes(mas.credentials + mas.additional),
    }),
    l.disruptionBudget(c),
    l.ingressService(c, { ports: [{ name: 'http', port: 8080 }, { name: 'internal', port: 8081 }] }),
    l.ingress(c, {
      host: l.ingressHost(c.path),
      paths: [{ path: '/', service: name, port: 'http' }],
    }),
    l.serviceMonitor(c, { port: 'internal' }),
    l.networkPolicy(c, { allow: [{ ports: ['http', 'internal'] }] }),

    if l.enabled.synapse && ((check && beforeData != {}) || migration) then l.secret(c, beforeData, hook),
    if l.enabled.synapse && migration then l.configMap(c, before.files(kind), hook),
  ]
