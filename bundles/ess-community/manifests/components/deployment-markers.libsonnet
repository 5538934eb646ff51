// Jobs that keep the way users log in from being changed in a step that would lose accounts: one looks before
// the change whether it is allowed from the state that is written down, one writes the new state down after it.
function(ctx)
  local l = (import '../lib/lib.libsonnet')(ctx);
  local v = ctx.values.deploymentMarkers;
  local on = l.enabled;

  local state =
    if on.masReady then
      if on.syn2mas then { now: 'syn2mas_migrated', from: ['legacy_auth', 'syn2mas_migrated'] }
      else { now: 'delegated_auth', from: ['delegated_auth', 'syn2mas_migrated'] }
    else { now: 'legacy_auth', from: ['legacy_auth'] };

  local markers = l.name('markers');
  local marker = markers + ':MATRIX_STACK_MSC3861:' + state.now + ':' + std.join(';', state.from);

  local step(name, accountWeight, weight) =
    local c = {
      name: 'deployment-markers-' + name,
      part: 'matrix-tools',
      image: 'ess-tools',
      values: v,
      path: 'deploymentMarkers',
    };
    local labels = l.labels(c) { 'app.kubernetes.io/managed-by': 'matrix-tools-deployment-markers' };
    local hook = { hook: name, weight: accountWeight };
    [
      // One that the user names serves both.
      if name == 'pre' || l.get(v, 'serviceAccount.name') == null then l.serviceAccount(c, hook),
      if l.get(v, 'rbac.create', true) then l.role(c, [
        { apiGroups: [''], resources: ['configmaps'], verbs: ['create'] },
        { apiGroups: [''], resources: ['configmaps'], resourceNames: [markers], verbs: ['get', 'update'] },
      ], hook),
      l.hookJob(c, {
        hook: name,
        weight: weight,
        backoffLimit: 6,
        token: true,
        containers: [
          l.toolContainer(c, {
            name: c.name,
            args: [
              'deployment-markers',
              '-step',
              name,
              '-markers',
              marker,
              '-labels',
              std.join(',', [key + '=' + labels[key] for key in std.objectFields(labels)]),
            ],
            env: { NAMESPACE: ctx.release.namespace },
          }),
        ],
      }),
    ];

  if !v.enabled || !on.synapse then [] else [step('pre', -11, -10), step('post', 9, 10)]
