// Names and labels. Those of the ESS chart, so that its installations can be taken over: selectors and
// claims cannot be changed in a running cluster.
function(ctx) {
  local lib = self,
  local values = ctx.values,

  name(suffix):: ctx.release.name + '-' + suffix,

  // A Service's name in the cluster's DNS, complete, so that no search list is walked.
  serviceHost(suffix):: lib.name(suffix) + '.' + ctx.release.namespace + '.svc.' + lib.get(values, 'clusterDomain', 'cluster.local.'),

  app(c):: if std.objectHas(c, 'app') then c.app else c.name,
  instance(c):: lib.name(lib.app(c)),
  selector(c):: { 'app.kubernetes.io/instance': lib.instance(c) },

  // What may stand in a label's value: anything else becomes '_', at most 63 characters.
  labelValue(text)::
    local allowed(char) =
      (char >= 'a' && char <= 'z') || (char >= 'A' && char <= 'Z') || (char >= '0' && char <= '9')
      || char == '-' || char == '_' || char == '.';
    local clean = std.join('', [if allowed(char) then char else '_' for char in std.stringChars(text)]);
    local trim(text) = if text != '' && std.member(['-', '_', '.'], text[std.length(text) - 1]) then trim(text[:std.length(text) - 1]) else text;
    trim(std.substr(clean, 0, 63)),

  // Labels that nobody can change, without that of the bundle's version, which pods do not have: a new bundle
  // with the same images and configuration restarts nothing.
  podLabels(c, extra={})::
    local user = lib.join([lib.get(values, 'labels', {}), lib.get(c, 'labels', lib.get(c.values, 'labels', {}))]);
    local version = lib.imageVersion(c);
    local fixed = {
      'app.kubernetes.io/component': c.part,
      'app.kubernetes.io/instance': lib.instance(c),
      'app.kubernetes.io/managed-by': 'ess-bundle',
      'app.kubernetes.io/name': lib.app(c),
      'app.kubernetes.io/part-of': 'matrix-stack',
      [if version != null then 'app.kubernetes.io/version']: version,
    } + extra;
    lib.compact({ [key]: user[key] for key in std.objectFields(user) if key != 'helm.sh/chart' && key != 'app.kubernetes.io/version' } + fixed),

  labels(c, extra={}):: lib.podLabels(c, extra) + {
    'helm.sh/chart': lib.labelValue(ctx.bundle.name + '-' + ctx.bundle.version),
  },

  // metadata of an object. more: {name, labels, annotations, hook, weight}.
  //   hook  'pre' or 'post': before or after objects are applied, at installation and at upgrades
  metadata(c, more={})::
    local hook = lib.get(more, 'hook');
    local annotations = lib.compact(lib.get(more, 'annotations', {})) + (
      if hook == null then {} else {
        'helm.sh/hook': hook + '-install,' + hook + '-upgrade',
        'helm.sh/hook-weight': std.toString(lib.get(more, 'weight', 0)),
      }
    );
    {
      name: lib.name(lib.get(more, 'name', c.name)),
      namespace: ctx.release.namespace,
      labels: lib.labels(c, lib.get(more, 'labels', {})),
      [if annotations != {} then 'annotations']: annotations,
    },
}
