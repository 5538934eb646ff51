// Pods and containers: allowed under the restricted Pod Security Standard unless the values say otherwise.
function(ctx) {
  local lib = self,
  local values = ctx.values,

  local hardened = {
    allowPrivilegeEscalation: false,
    capabilities: { drop: ['ALL'] },
    privileged: false,
    readOnlyRootFilesystem: true,
  },

  // Environment as a list, sorted. Ours beats the user's extraEnv of the same name, of which the last counts.
  //   env  {NAME: text or {valueFrom}}
  environment(extra, env)::
    local user = { [entry.name]: lib.compact(entry) for entry in lib.orEmpty(extra) };
    local own = {
      [name]: { name: name } + (if std.isObject(env[name]) then env[name] else { value: std.toString(env[name]) })
      for name in std.objectFields(env)
      if env[name] != null
    };
    // An object comprehension refuses a name twice; the fold lets the last win.
    local merged = std.foldl(function(all, entry) all { [entry.name]: lib.compact(entry) }, lib.orEmpty(extra), {}) + own;
    [merged[name] for name in std.objectFields(merged)],

  // Entries of extraVolumes and extraVolumeMounts for a context, without the key that says so.
  forContext(list, context):: [
    { [key]: item[key] for key in std.objectFields(item) if key != 'mountContext' }
    for item in lib.orEmpty(list)
    if std.member(['both', context], lib.get(item, 'mountContext', 'both'))
  ],

  // A probe of the kubelet: what it asks, and the thresholds of the values (fields that are null or 0 are left out).
  probe(action, thresholds):: action + {
    [key]: thresholds[key]
    for key in std.objectFields(if thresholds == null then {} else thresholds)
    if thresholds[key] != null && thresholds[key] != 0
  },
  httpProbe(port, path):: { httpGet: { port: port, path: path } },
  execProbe(command):: { exec: { command: command } },
  tcpProbe(port):: { tcpSocket: { port: port } },

  // Three probes by one action, or each by its own: actions {all} or {startup, liveness, readiness}.
  probes(v, actions)::
    local action(kind) = lib.get(actions, kind, lib.get(actions, 'all'));
    lib.compact({
      [kind + 'Probe']: if action(kind) != null then lib.probe(action(kind), lib.get(v, kind + 'Probe', {}))
      for kind in ['startup', 'liveness', 'readiness']
    }),

  // One container of a component.
  //   name, command, args, env {}, ports [{name, containerPort, protocol, hostPort}], mounts [], lifecycle
  //   image    name of the image, by default the component's
  //   probes   actions as for probes()
  //   values   resources, security, extraEnv, probes from here; by default the component's
  //   context  'runtime' (default) or 'hook', for extraVolumeMounts
  container(c, p)::
    local v = lib.get(p, 'values', c.values);
    local image = lib.imageOf(lib.get(p, 'image', c.image));
    local mounts = lib.get(p, 'mounts', []) + lib.forContext(lib.get(c.values, 'extraVolumeMounts'), lib.get(p, 'context', 'runtime'));
    local ports = lib.get(p, 'ports', []);
    local env = lib.environment(lib.get(v, 'extraEnv'), lib.get(p, 'env', {}));
    lib.some({
      name: p.name,
      image: image.ref,
      imagePullPolicy: image.pullPolicy,
      command: lib.get(p, 'command'),
      args: lib.get(p, 'args'),
      env: env,
      ports: [{ protocol: 'TCP' } + lib.compact(port) for port in ports],
      volumeMounts: mounts,
      lifecycle: lib.get(p, 'lifecycle'),
      resources: lib.compact(lib.get(p, 'resources', lib.get(v, 'resources', {}))),
      securityContext: lib.compact(lib.get(v, 'containersSecurityContext', hardened)),
    }) + (if std.objectHas(p, 'probes') then lib.probes(v, p.probes) else {}),

  // An init container of ess-tools, whose image starts the program itself: only arguments are given. It has the
  // resources of the component it works for.
  toolContainer(c, p):: lib.container(c, p { image: 'ess-tools' }),

  local perType(c, kind) =
    local own = lib.get(c.values, 'affinity', {});
    if std.objectHas(own, kind) then own[kind] else lib.get(values, 'affinity.' + kind),

  affinity(c):: lib.some({ [kind]: perType(c, kind) for kind in ['nodeAffinity', 'podAffinity', 'podAntiAffinity'] }),

  // The component's constraints, else the global ones; what they do not say is filled in.
  topologySpread(c, kind)::
    local own = lib.get(c.values, 'topologySpreadConstraints', []);
    local all = if own != [] then own else lib.get(values, 'topologySpreadConstraints', []);
    [
      lib.compact({
        labelSelector: { matchLabels: lib.selector(c) },
        [if kind == 'Deployment' then 'matchLabelKeys']: ['pod-template-hash'],
        whenUnsatisfiable: 'DoNotSchedule',
      } + constraint)
      for constraint in all
    ],

  // A pod template. p:
  //   containers, initContainers, volumes
  //   images          names of all images in it, for pull secrets; by default the component's
  //   serviceAccount  name of the account; by default the component's
  //   token           whether the account's token is mounted
  //   kind            Deployment, StatefulSet or Job
  //   hashes          {name: anything}: changes roll the pods
  //   labels, context, spec (further fields of the pod)
  podTemplate(c, p)::
    local v = c.values;
    local extra = lib.forContext(lib.get(v, 'extraVolumes'), lib.get(p, 'context', 'runtime'));
    local scheduling(key) = lib.get(v, key, lib.get(values, key));
    local annotations = lib.compact(lib.get(p, 'annotations', lib.get(v, 'annotations', {})));
    {
      metadata: lib.some({
        labels: lib.podLabels(c, lib.get(p, 'labels', {}) + lib.hashLabels(lib.get(p, 'hashes', {}))),
        annotations: annotations,
      }),
      spec: {
        automountServiceAccountToken: lib.get(p, 'token', false),
        serviceAccountName: lib.get(p, 'serviceAccount', lib.serviceAccountName(c)),
        securityContext: lib.compact(lib.get(v, 'podSecurityContext', { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } })),
        restartPolicy: if p.kind == 'Job' then 'Never' else 'Always',
      } + lib.some({
        imagePullSecrets: lib.pullSecrets(lib.get(p, 'images', [c.image])),
        hostAliases: lib.orEmpty(lib.get(v, 'hostAliases')),
        nodeSelector: lib.compact(lib.get(v, 'nodeSelector', {})),
        affinity: lib.affinity(c),
        tolerations: lib.unique(lib.get(v, 'tolerations', []) + lib.get(values, 'tolerations', [])),
        topologySpreadConstraints: lib.topologySpread(c, p.kind),
        priorityClassName: scheduling('priorityClassName'),
        schedulerName: scheduling('schedulerName'),
        runtimeClassName: scheduling('runtimeClassName'),
        initContainers: lib.get(p, 'initContainers', []) + lib.orEmpty(lib.get(v, 'extraInitContainers')),
        containers: p.containers,
        volumes: lib.get(p, 'volumes', []) + extra,
      }) + lib.get(p, 'spec', {}),
    },
}
