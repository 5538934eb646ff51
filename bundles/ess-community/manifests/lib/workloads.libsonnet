// Workloads, their accounts, roles, claims and disruption budgets.
function(ctx) {
  local lib = self,
  local values = ctx.values,

  replicas(c):: if std.objectHas(c, 'replicas') then c.replicas else lib.get(c.values, 'replicas', 1),

  // Labels of a workload are those of its pods, and the bundle's.
  local workload(c, p, kind, spec) =
    local hashes = lib.hashLabels(lib.get(p, 'hashes', {}));
    local labels = lib.get(p, 'labels', {}) + { [pair[0]]: pair[1] for pair in lib.pairs(hashes) };
    {
      apiVersion: 'apps/v1',
      kind: kind,
      metadata: lib.metadata(c, {
        labels: labels,
        annotations: lib.get(p, 'annotations', lib.get(c.values, 'annotations', {})),
      }),
      spec: {
        replicas: lib.replicas(c),
        selector: { matchLabels: lib.selector(c) },
        template: lib.podTemplate(c, p { kind: kind, labels: labels, hashes: {} }),
      } + spec,
    },

  // p as for podTemplate().
  deployment(c, p):: workload(c, p, 'Deployment', {
    strategy: {
      type: 'RollingUpdate',
      rollingUpdate: { maxSurge: 2, maxUnavailable: if lib.replicas(c) <= 1 then 0 else 1 },
    },
  }),

  // serviceName: suffix of its headless Service.
  statefulSet(c, p):: workload(c, p, 'StatefulSet', {
    serviceName: lib.name(lib.get(p, 'serviceName', c.name)),
    podManagementPolicy: lib.get(p, 'podManagementPolicy', 'Parallel'),
    updateStrategy: { type: 'RollingUpdate' },
  }),

  // A Job that runs as a hook. p as for podTemplate(), and hook, weight, backoffLimit.
  hookJob(c, p):: {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: lib.metadata(c, {
      hook: p.hook,
      weight: p.weight,
      labels: lib.get(p, 'labels', {}),
      annotations: lib.get(p, 'annotations', lib.get(c.values, 'annotations', {})),
    }),
    spec: {
      backoffLimit: p.backoffLimit,
      completionMode: 'NonIndexed',
      completions: 1,
      manualSelector: false,
      parallelism: 1,
      podReplacementPolicy: 'TerminatingOrFailed',
      template: lib.podTemplate(c, p { kind: 'Job' }),
    },
  },

  serviceAccountName(c):: lib.get(c.values, 'serviceAccount.name', lib.name(c.name)),

  // more: hook and weight, for the accounts of hooks.
  serviceAccount(c, more={})::
    if lib.get(c.values, 'serviceAccount.create', true) then {
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: lib.metadata(c, { annotations: lib.get(c.values, 'serviceAccount.annotations', {}) } + more)
                + { name: lib.serviceAccountName(c) },
      automountServiceAccountToken: false,
    },

  // A Role with these rules, bound to the component's account.
  role(c, rules, more={}):: [
    { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'Role', metadata: lib.metadata(c, more), rules: rules },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata: lib.metadata(c, more),
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: lib.name(c.name) },
      subjects: [{ kind: 'ServiceAccount', name: lib.serviceAccountName(c), namespace: ctx.release.namespace }],
    },
  ],

  // name: suffix of the claim that is made unless the values name an existing one.
  claimName(storage, name):: lib.get(storage, 'existingClaim', lib.name(name)),

  persistentVolumeClaim(c, storage, name)::
    if lib.get(storage, 'existingClaim') == null then {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: lib.metadata(c, {
        name: name,
        annotations: {
          'helm.sh/resource-policy': lib.get(storage, 'resourcePolicy', lib.get(values, 'storage.resourcePolicy', 'keep')),
        },
      }),
      spec: {
        accessModes: ['ReadWriteOnce'],
        resources: { requests: { storage: lib.get(storage, 'size', '10Gi') } },
      } + lib.some({
        storageClassName: lib.get(storage, 'storageClassName', lib.get(values, 'storage.storageClassName')),
        selector: lib.get(storage, 'selector'),
        volumeName: lib.get(storage, 'volumeName'),
      }),
    },

  // Only where there is more than one pod: for a single one a budget could only forbid to drain its node.
  disruptionBudget(c)::
    if lib.get(values, 'podDisruptionBudgets.enabled', true) && lib.replicas(c) > 1 then {
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: lib.metadata(c),
      spec: { maxUnavailable: 1, selector: { matchLabels: lib.selector(c) } },
    },
}
