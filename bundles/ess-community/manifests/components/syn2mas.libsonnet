// The move of users from Synapse to Matrix Authentication Service. A rehearsal runs after everything else and
// changes nothing; the move itself runs before, with Synapse stopped, and reads the copies made for hooks.
function(ctx)
  local l = (import '../lib/lib.libsonnet')(ctx)
            + (import '../lib/mas.libsonnet')(ctx)
            + (import '../lib/hookshot.libsonnet')(ctx)
            + (import '../lib/homeserver.libsonnet')(ctx);
  local rehearsal = l.enabled.syn2masDryRun;
  local c = {
    name: 'syn2mas',
    part: 'matrix-authentication',
    image: 'matrix-authentication-service-debug',
    values: ctx.values.matrixAuthenticationService.syn2mas,
    path: 'matrixAuthenticationService.syn2mas',
  };
  local mas = l.mas(if rehearsal then '' else '-pre');
  local homeserver = l.homeserver(!rehearsal);
  local phase = if rehearsal then 'post' else 'pre';
  local before = { hook: phase, weight: -1 };

  local homeserverFile = '/conf/homeserver.yaml';
  local files = [
    l.mount('rendered-config', '/conf/mas-config.yaml', 'mas-config.yaml'),
    l.mount('rendered-config', homeserverFile, 'homeserver.yaml'),
    l.mount('mas-cli', '/tmp-mas-cli', readOnly=false),
  ] + l.secretMounts(mas.credentials);
  local program(name, args) = l.container(c, {
    name: name,
    args: args,
    env: { MAS_CONFIG: '/conf/mas-config.yaml' },
    mounts: files,
  });
  local address(database) = database.host + ':' + database.port;

  if !l.enabled.syn2mas then [] else [
    l.serviceAccount(c, before),
    if !rehearsal && l.get(c.values, 'rbac.create', true) then l.role(c, [
      { apiGroups: [''], resources: ['pods'], verbs: ['list'] },
      { apiGroups: ['apps'], resources: ['statefulsets'], verbs: ['list'] },
      {
        apiGroups: ['apps'],
        resources: ['statefulsets'],
        // Of all kinds: a worker that these values turn off may still run, and is stopped as well.
        resourceNames: [l.name(l.synapseName(kind)) for kind in [null] + std.objectFields(l.synapseKinds)],
        verbs: ['get', 'update'],
      },
    ], before),
    l.hookJob(c, {
      hook: phase,
      weight: 0,
      backoffLimit: 0,
      token: !rehearsal,
      images: ['matrix-authentication-service-debug', 'ess-tools'],
      initContainers: [
        l.container(c, {
          name: 'copy-mas-cli',
          command: ['sh', '-c', 'cp /usr/local/bin/mas-cli /tmp-mas-cli/mas-cli'],
          mounts: [l.mount('mas-cli', '/tmp-mas-cli', readOnly=false)],
        }),
        mas.render(c, { name: 'render-config-mas' }),
        homeserver.render(c, null, { name: 'render-config-syn' }),
        l.tcpWait(c, 'db-wait-mas', address(mas.database)),
        l.tcpWait(c, 'db-wait-syn', address(homeserver.database)),
        program('syn2mas-check', ['syn2mas', 'check', '--synapse-config', homeserverFile]),
      ],
      containers: [
        if rehearsal then program('syn2mas-migrate', ['syn2mas', 'migrate', '--synapse-config', homeserverFile, '--dry-run'])
        else l.toolContainer(c, {
          name: 'syn2mas-migrate',
          args: ['syn2mas', '-config', '/conf/mas-config.yaml', '-synapse-config', homeserverFile],
          env: { MAS_CONFIG: '/conf/mas-config.yaml', NAMESPACE: ctx.release.namespace },
          mounts: files,
        }),
      ],
      volumes: [
        { name: 'config-templates', projected: {
          defaultMode: 420,
          sources: [
            { configMap: { name: l.name(if rehearsal then 'matrix-authentication-service' else 'matrix-authentication-service-pre') } },
            { configMap: { name: l.name(if rehearsal then 'synapse' else 'synapse-hook') } },
          ],
        } },
        l.memoryVolume('mas-cli'),
        l.memoryVolume('rendered-config'),
      ] + l.secretVolumes(mas.credentials + mas.additional + homeserver.texts),
    }),
  ]
