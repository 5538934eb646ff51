// ConfigMaps, and configuration that an init container puts together: ess-tools render-config merges files of
// a ConfigMap and of Secrets into /conf, which is memory; the program mounts single files from there.
function(ctx) {
  local lib = self,

  configMap(c, data, more={}):: {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: lib.metadata(c, more),
    data: data,
  },

  // Labels that change with the configuration: they roll the pods. parts: {name: anything}.
  hashLabels(parts):: lib.fromPairs([
    ['k8s.element.io/' + pair[0] + '-hash', lib.hash(pair[1])]
    for pair in lib.pairs(parts)
    if pair[1] != null
  ]),

  configMapVolume(name, configMap, items=null):: {
    name: name,
    configMap: lib.some({
      name: configMap,
      defaultMode: 420,
      items: if items != null then [{ key: item, path: item } for item in items],
    }),
  },
  memoryVolume(name):: { name: name, emptyDir: { medium: 'Memory' } },
  mount(name, path, subPath=null, readOnly=true):: lib.some({
    name: name,
    mountPath: path,
    subPath: subPath,
    readOnly: if readOnly then true,
  }),

  // The volumes that a rendered configuration needs; templates: suffix of the ConfigMap.
  renderVolumes(templates, items=null):: [
    lib.configMapVolume('config-templates', lib.name(templates), items),
    lib.memoryVolume('rendered-config'),
  ],

  // An init container that writes one configuration file.
  //   name, output, files (in order of merging: later ones win), env, credentials (Secrets to mount),
  //   overwrite (names of top-level lists that later files replace), mounts (besides its own)
  renderConfig(c, p):: lib.toolContainer(c, {
    name: lib.get(p, 'name', 'render-config'),
    args:
      ['render-config', '-output', p.output]
      + (if std.objectHas(p, 'overwrite') then ['-array-overwrite-keys', std.join(',', p.overwrite)] else [])
      + p.files,
    env: lib.get(p, 'env', {}),
    mounts:
      [lib.mount('config-templates', '/config-templates'), lib.mount('rendered-config', '/conf', readOnly=false)]
      + lib.secretMounts(lib.get(p, 'credentials', []))
      + lib.get(p, 'mounts', []),
  } + (if std.objectHas(p, 'context') then { context: p.context } else {})),

  // An init container that waits until something takes connections.
  tcpWait(c, name, address):: lib.toolContainer(c, { name: name, args: ['tcpwait', '-address', address] }),
}
