// Credentials: where each one comes from, the Secrets of our own, and mounts of just the keys that a pod needs.
function(ctx) {
  local lib = self,
  local values = ctx.values,

  generatedSecret:: lib.name('generated'),
  generates:: lib.get(values, 'initSecrets.enabled', true),

  // A credential of the values: given as it is, in a Secret of the user's, or made in the cluster.
  //   path       where it stands in the values
  //   own, key   Secret and key of ours for a value that was given as it is
  //   generated  key in RELEASE-generated, or null if it cannot be made
  //   required   whether having none is an error; else the result is null
  // Gives {secret, key, file} and, if the value is known, value.
  credential(path, own, key, generated=null, required=true)::
    lib.credentialOf(lib.get(values, path), path, own, key, generated, required),

  credentialOf(given, path, own, key, generated=null, required=true)::
    local part(field) = lib.get(given, field);
    local ref(secret, key) = { secret: secret, key: key, file: '/secrets/' + secret + '/' + key };
    if given == null || given == {} then
      if generated != null && lib.generates then ref(lib.generatedSecret, generated)
      else if required then lib.fail(path, 'is needed: give value, or secret and secretKey' + (if generated != null then ', or leave initSecrets.enabled on' else ''))
      else null
    else if part('value') != null && part('secret') == null && part('secretKey') == null then ref(own, key) { value: part('value') }
    else if part('value') == null && part('secret') != null && part('secretKey') != null then ref(part('secret'), part('secretKey'))
    else lib.fail(path, 'give either value, or both secret and secretKey'),

  // The additional configuration of a component: {name: {config} or {configSecret, configSecretKey}}, in the
  // order of the names, as credentials.
  additional(path, own)::
    local map = lib.get(values, path, {});
    [
      local entry = map[name];
      local at = path + '.' + name;
      local inline = lib.get(entry, 'config');
      local secret = lib.get(entry, 'configSecret');
      local key = lib.get(entry, 'configSecretKey');
      if inline != null && secret == null && key == null then
        { secret: own, key: 'user-' + name, file: '/secrets/' + own + '/user-' + name, value: inline }
      else if inline == null && secret != null && key != null then
        { secret: secret, key: key, file: '/secrets/' + secret + '/' + key }
      else lib.fail(at, 'give either config, or both configSecret and configSecretKey')
      for name in std.objectFields(map)
      if map[name] != null
    ],

  // data of the Secret `own`: what was given as it is.
  secretData(credentials, own):: {
    [credential.key]: lib.base64(credential.value)
    for credential in credentials
    if credential != null && std.objectHas(credential, 'value') && credential.secret == own
  },

  secret(c, data, more={}):: {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: lib.metadata(c, more),
    type: 'Opaque',
    [if data != {} then 'data']: data,
  },

  secretVolumeName(secret):: 'secret-' + std.substr(std.md5(secret), 0, 12),

  // One volume per Secret, with no key but those asked for.
  secretVolumes(credentials)::
    local wanted = [credential for credential in credentials if credential != null];
    [
      {
        name: lib.secretVolumeName(secret),
        secret: {
          secretName: secret,
          items: [
            { key: key, path: key }
            for key in std.set([credential.key for credential in wanted if credential.secret == secret])
          ],
        },
      }
      for secret in std.set([credential.secret for credential in wanted])
    ],

  secretMounts(credentials):: [
    { name: lib.secretVolumeName(secret), mountPath: '/secrets/' + secret, readOnly: true }
    for secret in std.set([credential.secret for credential in credentials if credential != null])
  ],

  // Changes with a value that is known, else with the place it comes from.
  credentialsHash(credentials):: lib.hash([
    if std.objectHas(credential, 'value') then [credential.key, credential.value] else [credential.secret, credential.key]
    for credential in credentials
    if credential != null
  ]),

  // A text for render-config: the file's content as a quoted scalar.
  readFile(credential):: '{{ readfile "' + credential.file + '" | quote }}',
}
