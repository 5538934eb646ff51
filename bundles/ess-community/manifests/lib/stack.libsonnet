// What of the stack is on, and how its parts find each other: facts that more than one component needs.
function(ctx) {
  local lib = self,
  local values = ctx.values,
  local on(path, default=false) = lib.get(values, path + '.enabled', default),

  // Locals are evaluated once, fields whenever they are read.
  local enabledWorkers = [
    type
    for type in std.objectFields(lib.get(values, 'synapse.workers', {}))
    if lib.get(values, 'synapse.workers.' + type + '.enabled', false)
  ],

  local elementAdmin = on('elementAdmin'),
  local elementWeb = on('elementWeb'),
  local hookshot = on('hookshot'),
  local mas = on('matrixAuthenticationService'),
  // MAS decides who is logged in, except while a migration to it is only rehearsed.
  local masReady = mas && (!syn2mas || !syn2masDryRun),
  local matrixRTC = on('matrixRTC'),
  local sfu = matrixRTC && on('matrixRTC.sfu', true),
  local synapse = on('synapse'),
  local syn2mas = mas && on('matrixAuthenticationService.syn2mas'),
  local syn2masDryRun = lib.get(values, 'matrixAuthenticationService.syn2mas.dryRun', true),
  local wellKnown = on('wellKnownDelegation'),

  // Databases of ours, for those that bring none.
  local postgresSynapse = on('postgres') && synapse && lib.get(values, 'synapse.postgres') == null,
  local postgresMas = on('postgres') && mas && lib.get(values, 'matrixAuthenticationService.postgres') == null,
  local postgres = postgresSynapse || postgresMas,

  local workers = synapse && enabledWorkers != [],
  local redisSynapse = workers && lib.get(values, 'synapse.redis') == null,
  local redisHookshot = hookshot && lib.get(values, 'hookshot.redis') == null,
  local redis = redisSynapse || redisHookshot,

  local haproxy = synapse || wellKnown,

  enabled:: {
    elementAdmin: elementAdmin,
    elementWeb: elementWeb,
    hookshot: hookshot,
    mas: mas,
    masReady: masReady,
    matrixRTC: matrixRTC,
    sfu: sfu,
    synapse: synapse,
    syn2mas: syn2mas,
    syn2masDryRun: syn2masDryRun,
    wellKnown: wellKnown,
    postgresSynapse: postgresSynapse,
    postgresMas: postgresMas,
    postgres: postgres,
    workers: workers,
    redisSynapse: redisSynapse,
    redisHookshot: redisHookshot,
    redis: redis,
    haproxy: haproxy,
  },
  enabledWorkers:: enabledWorkers,

  serverName:: lib.get(values, 'serverName', lib.fail('serverName', 'is needed')),

  // https://HOST of a component's Ingress.
  publicUrl(path):: lib.scheme(lib.get(values, path + '.ingress', {})) + '://' + lib.ingressHost(path),

  local family = lib.get(values, 'networking.ipFamily', 'dual-stack'),
  ipFamily:: family,
  // Addresses to listen on, in the order that programs want them.
  bindAddresses:: (if family == 'ipv4' then [] else ['::']) + (if family == 'ipv6' then [] else ['0.0.0.0']),

  // A database: {host, port, user, database, sslMode, password (a credential), internal}.
  //   path      the component in the values; its own postgres block beats our server
  //   own       the component's Secret, for a password that is given there
  //   names     {key (of postgres.essPasswords), secretKey (in RELEASE-postgres), user, database, generated}
  database(path, own, names)::
    local block = lib.get(values, path + '.postgres');
    if block != null then
      local need(key) = lib.get(block, key, lib.fail('%s.postgres.%s' % [path, key], 'is needed'));
      {
        internal: false,
        host: need('host'),
        port: lib.get(block, 'port', 5432),
        user: need('user'),
        database: need('database'),
        sslMode: lib.get(block, 'sslMode', 'prefer'),
        password: lib.credential(path + '.postgres.password', own, 'POSTGRES_PASSWORD'),
      }
    else if !on('postgres') then
      lib.fail(path + '.postgres', 'is needed, because postgres.enabled is false')
    else {
      internal: true,
      host: lib.serviceHost('postgres'),
      port: 5432,
      user: names.user,
      database: names.database,
      sslMode: 'prefer',
      password: lib.credential('postgres.essPasswords.' + names.key, lib.name('postgres'), names.secretKey, names.generated),
    },

  synapseDatabase(own=lib.name('synapse')):: lib.database('synapse', own, {
    key: 'synapse',
    secretKey: 'ESS_PASSWORD_SYNAPSE',
    user: 'synapse_user',
    database: 'synapse',
    generated: 'POSTGRES_SYNAPSE_PASSWORD',
  }),

  masDatabase(own=lib.name('matrix-authentication-service')):: lib.database('matrixAuthenticationService', own, {
    key: 'matrixAuthenticationService',
    secretKey: 'ESS_PASSWORD_MATRIXAUTHENTICATIONSERVICE',
    user: 'matrixauthenticationservice_user',
    database: 'matrixauthenticationservice',
    generated: 'POSTGRES_MATRIX_AUTHENTICATION_SERVICE_PASSWORD',
  }),

  // The secret that Synapse and MAS share; it is kept with MAS.
  masSharedSecret(own=lib.name('matrix-authentication-service')):: lib.credential(
    'matrixAuthenticationService.synapseSharedSecret',
    own,
    'SYNAPSE_SHARED_SECRET',
    if lib.enabled.synapse then 'MAS_SYNAPSE_SHARED_SECRET'
  ),

  // Redis for a component: {host, port, db, tls, password (a credential or null)}.
  redisOf(path, own)::
    local block = lib.get(values, path + '.redis');
    if block == null then { host: lib.serviceHost('redis'), port: 6379, db: 0, tls: false, password: null }
    else {
      host: lib.get(block, 'host', lib.fail(path + '.redis.host', 'is needed')),
      port: lib.get(block, 'port', 6379),
      db: lib.get(block, 'db', 0),
      tls: lib.get(block, 'tls', false),
      password: lib.credential(path + '.redis.password', own, 'REDIS_PASSWORD', required=false),
    },
}
