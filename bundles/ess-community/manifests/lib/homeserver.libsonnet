// homeserver.yaml of Synapse's processes. What the user adds stands between two files of ours: the first is
// defaults, the second what follows from the other objects, and the last one is the process's own.
function(ctx) {
  local lib = self,
  local kinds = import 'workers.libsonnet',
  local v = lib.get(ctx.values, 'synapse', {}),
  local on = lib.enabled,
  local airGap = lib.get(ctx.values, 'airGap.enabled', false),

  synapseKinds:: kinds,
  // Suffix of the objects of a kind of process; null is the main one.
  synapseName(kind):: 'synapse-' + (if kind == null then 'main' else lib.get(kinds[kind], 'short', kind)),
  local replicasOf(kind) = lib.get(v, 'workers.' + kind + '.replicas', 1),
  // Names of the processes of a kind, as pods are called. A kind that is stopped keeps one name: settings that
  // name nobody would give its work to the main process, or be refused.
  local members(kind) = [lib.name(lib.synapseName(kind)) + '-' + i for i in std.range(0, std.max(1, replicasOf(kind)) - 1)],

  // Addresses that links must not make this server ask.
  local privateAddresses = [
    '0.0.0.0/8',
    '10.0.0.0/8',
    '100.64.0.0/10',
    '127.0.0.0/8',
    '169.254.0.0/16',
    '172.16.0.0/12',
    '192.0.0.0/24',
    '192.0.2.0/24',
    '192.168.0.0/16',
    '192.88.99.0/24',
    '198.18.0.0/15',
    '198.51.100.0/24',
    '203.0.113.0/24',
    '224.0.0.0/4',
    '::1/128',
    '2001:db8::/32',
    'fc00::/7',
    'fe80::/10',
    'fec0::/10',
    'ff00::/8',
  ],

  local underrides(config) = {
    [if on.elementWeb then 'web_client_location']: lib.publicUrl('elementWeb'),
    report_stats: false,
    mau_stats_only: true,
    require_auth_for_profile_requests: true,
    federation_client_minimum_tls_version: '1.2',
    url_preview_enabled: !airGap,
    url_preview_ip_range_blacklist: privateAddresses,
    database: {
      args: {
        cp_min: 5,
        cp_max: 10,
        keepalives: 1,
        keepalives_idle: 10,
        keepalives_interval: 10,
        keepalives_count: 3,
        [if config.database.sslMode == 'verify-full' then 'sslrootcert']: 'system',
      },
    },
    experimental_features: {
      msc4028_push_encrypted_events: true,
      msc4452_enabled: true,
      [if on.masReady then 'msc4108_enabled']: true,
    },
  } + (if !on.matrixRTC then {} else {
         max_event_delay_duration: '24h',
         rc_message: { per_second: 0.5, burst_count: 30 },
         rc_delayed_event_mgmt: { per_second: 1, burst_count: 20 },
       }),

  // What is said to all processes of the workers that there are.
  local cluster =
    local enabled = lib.enabledWorkers;
    local writers = [kind for kind in enabled if std.objectHas(kinds[kind], 'stream')];
    {
      instance_map: { main: { host: lib.serviceHost('synapse-main'), port: 9093 } } + lib.join([
        lib.fromPairs([
          [member, { host: member + '.' + lib.serviceHost(lib.synapseName(kind)), port: 9093 }]
          for member in members(kind)
        ])
        for kind in enabled
        if kinds[kind].replication
      ]),
      [if writers != [] then 'stream_writers']: lib.fromPairs([
        [kinds[kind].stream, (if lib.get(kinds[kind], 'withMain', false) then ['master'] else []) + members(kind)]
        for kind in writers
      ]),
    }
    + lib.join([{ [kinds[kind].setting]: members(kind)[0] } for kind in enabled if std.objectHas(kinds[kind], 'setting')])
    + lib.join([
      { [kinds[kind].listSetting]: members(kind), [kinds[kind].off]: false }
      for kind in enabled
      if std.objectHas(kinds[kind], 'listSetting')
    ]),

  local redisConfig(redis) = {
    enabled: true,
    host: redis.host,
    port: redis.port,
    dbid: redis.db,
    [if redis.tls then 'use_tls']: true,
    [if redis.password != null then 'password']: '${SYNAPSE_REDIS_PASSWORD}',
  },

  local overrides(config) = {
    server_name: lib.serverName,
    public_baseurl: 'https://' + lib.ingressHost('synapse') + '/',
    signing_key_path: config.signingKey.file,
    macaroon_secret_key_path: config.macaroon.file,
    registration_shared_secret_path: config.registration.file,
    enable_metrics: true,
    log_config: '/conf/log_config.yaml',
    database: {
      name: 'psycopg2',
      args: {
        user: config.database.user,
        password: '${SYNAPSE_POSTGRES_PASSWORD}',
        dbname: config.database.database,
        host: config.database.host,
        port: config.database.port,
        sslmode: config.database.sslMode,
        application_name: '${SYNAPSE_PROCESS}',
      },
    },
    ip_range_blacklist: privateAddresses,
    media_store_path: '/media/media_store',
    max_upload_size: lib.get(v, 'media.maxUploadSize', '100M'),
    [if config.appservices != [] then 'app_service_config_files']: config.appservices,
    [if on.workers || lib.get(v, 'redis') != null then 'redis']: redisConfig(config.redis),
  } + (if !on.masReady then {} else {
         matrix_authentication_service: {
           enabled: true,
           endpoint: 'http://' + lib.serviceHost('matrix-authentication-service') + ':8080/',
           secret_path: config.masSecret.file,
         },
         password_config: { enabled: false },
       }) + (if !on.matrixRTC then {} else {
               matrix_rtc: { transports: [{ type: 'livekit', livekit_service_url: 'https://' + lib.ingressHost('matrixRTC') }] },
             }) + {
    experimental_features:
      (if on.matrixRTC then { msc4143_enabled: true, msc4222_enabled: true } else {})
      + (if on.hookshot then { msc2409_to_device_messages_enabled: true, msc3202_device_masquerading: true, msc3202_transaction_extensions: true } else {}),
  } + cluster,

  local listener(port, names, more={}) = {
    type: 'http',
    port: port,
    bind_addresses: lib.bindAddresses,
    tls: false,
    x_forwarded: false,
    resources: [{ names: names, compress: false }],
  } + more,
  local mediaOwner = if std.member(lib.enabledWorkers, 'media-repository') then 'media-repository',

  // The file of one process; kind null is the main one.
  local process(kind) =
    local facts = if kind == null then { http: true, replication: true } else kinds[kind];
    local names = ['client', 'federation'] + (if kind == 'media-repository' then ['media'] else []);
    {
      [if kind == null then 'listeners' else 'worker_listeners']:
        (if facts.http then [listener(8008, names, { x_forwarded: true })] else [])
        + (if facts.replication then [listener(9093, ['replication'])] else [])
        + [
          { type: 'metrics', port: 9001, bind_addresses: lib.bindAddresses[:1] },
          listener(8080, ['health']),
        ],
      [if kind != null then 'worker_app']: lib.get(facts, 'app', 'synapse.app.generic_worker'),
      [if kind != null then 'worker_name']: '${SYNAPSE_PROCESS}',
    } + (if kind == mediaOwner then { enable_media_repo: true } else { enable_media_repo: false, enable_local_media_storage: false }),

  local logging = {
    version: 1,
    disable_existing_loggers: false,
    formatters: { line: { format: '%(asctime)s %(levelname)s %(name)s %(lineno)d [%(request)s] %(message)s' } },
    filters: { context: { '()': 'synapse.logging.context.LoggingContextFilter', request: '' } },
    handlers: { console: { class: 'logging.StreamHandler', formatter: 'line', filters: ['context'], stream: 'ext://sys.stdout' } },
    loggers: { 'synapse.storage.SQL': { level: 'INFO' } }
             + { [logger]: { level: v.logging.levelOverrides[logger] } for logger in std.objectFields(lib.get(v, 'logging.levelOverrides', {})) },
    root: { level: lib.get(v, 'logging.rootLevel', 'INFO'), handlers: ['console'] },
  },

  // Everything about the configuration. hook: for the check that runs before the objects are there, where what
  // was given as it is lies in Secrets of their own.
  homeserver(hook=false)::
    local own = lib.name(if hook then 'synapse-hook' else 'synapse');
    local credential(key, field, generated) = lib.credential('synapse.' + key, own, field, generated);
    local placed = lib.synapseDatabase(own);
    // A password for the stack's own database lies with that one.
    local password =
      if hook && placed.internal && std.objectHas(placed.password, 'value')
      then lib.credentialOf(lib.get(ctx.values, 'postgres.essPasswords.synapse'), '', lib.name('postgres-hook'), placed.password.key)
      else placed.password;
    local registration = if on.hookshot then lib.hookshotRegistration(lib.name(if hook then 'hookshot-pre' else 'hookshot'));
    local given = lib.get(v, 'appservices', []);
    local files = [
      '/as/' + i + '/' + lib.get(given[i], 'configMapKey', lib.get(given[i], 'secretKey'))
      for i in std.range(0, std.length(given) - 1)
    ];
    local database = placed { password: password };
    local redis = lib.redisOf('synapse', own);
    local signingKey = credential('signingKey', 'SIGNING_KEY', 'SYNAPSE_SIGNING_KEY');
    local macaroon = credential('macaroon', 'MACAROON', 'SYNAPSE_MACAROON');
    local sharedSecret = credential('registrationSharedSecret', 'REGISTRATION_SHARED_SECRET', 'SYNAPSE_REGISTRATION_SHARED_SECRET');
    local masSecret = if on.masReady then lib.masSharedSecret(lib.name('matrix-authentication-service' + (if hook then '-pre' else '')));
    local appservices = files + (if registration != null then [registration.file] else []);
    local config = {
      database: database,
      redis: redis,
      signingKey: signingKey,
      macaroon: macaroon,
      registration: sharedSecret,
      masSecret: masSecret,
      appservices: appservices,
    };
    local extra = if lib.generates then { secret: lib.generatedSecret, key: 'SYNAPSE_EXTRA', file: '/secrets/' + lib.generatedSecret + '/SYNAPSE_EXTRA' };
    local additional = lib.additional('synapse.additional', own);
    local texts = [one for one in [password, redis.password, extra] + additional if one != null];
    local paths = [one for one in [signingKey, macaroon, sharedSecret, masSecret, registration] if one != null];
    local placeholders = ['SYNAPSE_POSTGRES_PASSWORD', 'SYNAPSE_REDIS_PASSWORD', 'SYNAPSE_PROCESS'];
    local file(kind) = '05-' + (if kind == null then 'main' else kind) + '.yaml';
    // Texts are made once for all processes: a field would be evaluated whenever it is read.
    local first = lib.yaml(underrides(config), placeholders);
    local last = lib.yaml(overrides(config), placeholders);
    local log = lib.yaml(logging);
    // Items of a list are evaluated once.
    local ownTexts = [[kind, lib.yaml(process(kind), placeholders)] for kind in [null] + lib.enabledWorkers];
    local ownText(kind) = [text[1] for text in ownTexts if text[0] == kind][0];
    local secretHash = lib.credentialsHash(texts + paths);
    local sharedHash = lib.hash([first, last, log]);
    {
      database: database,
      secretHash: secretHash,
      sharedHash: sharedHash,
      // Secrets that render-config reads, and those that Synapse does.
      texts: texts,
      paths: paths,
      data: lib.secretData(texts + paths, own),
      shared: {
        '01-homeserver-underrides.yaml': first,
        '04-homeserver-overrides.yaml': last,
        'log_config.yaml': log,
      },
      ownFile(kind): { [file(kind)]: ownText(kind) },

      render(c, kind, more={}): lib.renderConfig(c, {
        output: '/conf/homeserver.yaml',
        files:
          ['/config-templates/01-homeserver-underrides.yaml']
          + (if extra != null then [extra.file] else [])
          + [one.file for one in additional]
          + ['/config-templates/04-homeserver-overrides.yaml', '/config-templates/' + file(kind)],
        env: {
          SYNAPSE_POSTGRES_PASSWORD: lib.readFile(config.database.password),
          [if config.redis.password != null then 'SYNAPSE_REDIS_PASSWORD']: lib.readFile(config.redis.password),
          SYNAPSE_PROCESS: '{{ hostname | quote }}',
        },
        credentials: texts,
      } + more),

      // Registration files of application services.
      appserviceMounts: [
        lib.mount('as-' + i, files[i], lib.get(given[i], 'configMapKey', lib.get(given[i], 'secretKey')))
        for i in std.range(0, std.length(given) - 1)
      ],
      appserviceVolumes: [
        { name: 'as-' + i } + (
          if std.objectHas(given[i], 'configMap') then { configMap: { name: given[i].configMap, defaultMode: 420, items: [{ key: given[i].configMapKey, path: given[i].configMapKey }] } }
          else { secret: { secretName: given[i].secret, items: [{ key: given[i].secretKey, path: given[i].secretKey }] } }
        )
        for i in std.range(0, std.length(given) - 1)
      ],
    },
}
