// Images: the bundle's, by digest, unless the values say otherwise.
function(ctx) {
  local lib = self,
  local values = ctx.values,

  // Where a component's image stands in the values.
  local stanzas = {
    'ess-tools': 'matrixTools.image',
    'element-admin': 'elementAdmin.image',
    'element-web': 'elementWeb.image',
    haproxy: 'haproxy.image',
    hookshot: 'hookshot.image',
    'livekit-server': 'matrixRTC.sfu.image',
    'lk-jwt-service': 'matrixRTC.image',
    'matrix-authentication-service': 'matrixAuthenticationService.image',
    'matrix-authentication-service-debug': 'matrixAuthenticationService.syn2mas.image',
    'postgres-exporter': 'postgres.postgresExporter.image',
    postgresql: 'postgres.image',
    redis: 'redis.image',
    'redis-exporter': 'redis.redisExporter.image',
    synapse: 'synapse.image',
  },

  // {registry, repository, tag, digest, ref}. What the values give replaces what the bundle has; another
  // repository or tag than the bundle's is not what its digest is of.
  imageOf(name)::
    local path = stanzas[name];
    local user = lib.get(values, path, {});
    local own = lib.get(ctx.images, name, {});
    local pick(field) = lib.get(user, field, lib.get(own, field));
    local changed(field) = lib.get(user, field) != null && lib.get(user, field) != lib.get(own, field);
    local registry = lib.get(values, 'imageRegistry', pick('registry'));
    local digest =
      if lib.get(user, 'digest') != null then user.digest
      else if !changed('tag') && !changed('repository') then lib.get(own, 'digest');
    local repository = pick('repository');
    local tag = pick('tag');
    if repository == null || (tag == null && digest == null) then
      lib.fail(path, "this bundle has no image '%s': give its repository and a tag or digest" % name)
    else {
      path: path,
      registry: registry,
      repository: repository,
      tag: tag,
      digest: digest,
      ref:
        (if registry == null || registry == '' then '' else registry + '/') + repository
        + (if digest != null then '@' + digest else ':' + tag),
      pullPolicy: lib.get(user, 'pullPolicy', lib.get(values, 'image.pullPolicy', 'IfNotPresent')),
      pullSecrets: lib.orEmpty(lib.get(user, 'pullSecrets')),
    },

  imageRef(name):: lib.imageOf(name).ref,

  // For the version label: the tag; null where there is only a digest.
  imageVersion(c)::
    if !std.objectHas(c, 'image') || c.image == null then lib.labelValue(ctx.bundle.version)
    else
      local tag = lib.imageOf(c.image).tag;
      if tag != null then lib.labelValue(tag),

  // names: of the images in a pod.
  pullSecrets(names)::
    lib.unique(std.flattenArrays([lib.imageOf(name).pullSecrets for name in names]) + lib.get(values, 'image.pullSecrets', [])),
}
