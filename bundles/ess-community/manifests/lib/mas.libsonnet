// Matrix Authentication Service's configuration, which the service itself needs, and the job that moves users
// to it: files of the ConfigMap, credentials, and the container that merges them.
function(ctx) {
  local lib = self,
  local values = ctx.values,
  local v = lib.get(values, 'matrixAuthenticationService', {}),
  local path = 'matrixAuthenticationService',

  // A label that rolls pods when the password of their database changes.
  postgresLabel(component, database):: {
    ['k8s.element.io/postgres-password-' + std.substr(component, 0, 24) + '-hash']: lib.credentialsHash([database.password]),
  },

  // suffix: of the Secret that holds what was given as it is; '-pre' for what runs before the objects are there.
  // database: its password, which for the stack's own database is in a Secret of that one.
  mas(suffix='', database=lib.masDatabase(lib.name('matrix-authentication-service' + suffix)))::
    local own = lib.name('matrix-authentication-service' + suffix);
    local key(name, field, generated=null) =
      lib.credential(path + '.privateKeys.' + name, own, field + '_PRIVATE_KEY', generated, required=generated != null);
    local encryption = lib.credential(path + '.encryptionSecret', own, 'ENCRYPTION_SECRET', 'MAS_ENCRYPTION_SECRET');
    local shared = if lib.enabled.synapse then lib.masSharedSecret(own);
    local keys = [
      key('rsa', 'RSA', 'MAS_RSA_PRIVATE_KEY'),
      key('ecdsaPrime256v1', 'ECDSA_PRIME256V1', 'MAS_ECDSA_PRIME256V1_PRIVATE_KEY'),
      key('ecdsaSecp256k1', 'ECDSA_SECP256K1'),
      key('ecdsaSecp384r1', 'ECDSA_SECP384R1'),
    ];
    local signing = [one for one in keys if one != null];
    local additional = lib.additional(path + '.additional', own);
    local bind(port) = if lib.ipFamily == 'dual-stack' then [{ port: port }] else [{ host: address, port: port } for address in lib.bindAddresses];
    local resources(names) = [{ name: name } + (if name == 'graphql' then { undocumented_oauth2_access: true } else {}) for name in names];
    // What the user can change, then what follows from the other objects.
    local underrides = {
      experimental: { session_limit: { soft_limit: 50, hard_limit: 50 } },
      policy: {
        data: {
          admin_clients: [],
          admin_users: [],
          client_registration: { allow_host_mismatch: false, allow_insecure_uris: false },
        },
      },
    };
    local overrides(kind) = {
      http: {
        public_base: 'https://' + lib.ingressHost(path) + '/',
        listeners: [
          {
            name: 'web',
            binds: bind(8080),
            resources: resources(['human', 'discovery', 'oauth', 'compat', 'assets', 'graphql', 'adminapi']),
          },
          {
            name: 'internal',
            binds: bind(8081),
            resources: resources(['health', 'prometheus', 'connection-info']),
          },
        ],
      },
      database: {
        host: database.host,
        port: database.port,
        username: database.user,
        password_file: database.password.file,
        database: database.database,
        ssl_mode: database.sslMode,
      },
      telemetry: { metrics: { exporter: 'prometheus' } },
      [if lib.enabled.synapse then 'matrix']: {
        kind: kind,
        homeserver: lib.serverName,
        secret_file: shared.file,
        endpoint: 'http://' + lib.serviceHost('synapse') + ':8008/',
      },
      secrets: {
        encryption_file: encryption.file,
        keys: [{ key_file: one.file } for one in signing],
      },
    };
    {
      database: database,
      additional: additional,
      shared: shared,
      // What the service reads as files of their own.
      credentials: [one for one in [database.password, encryption, shared] + signing if one != null],

      files(kind='synapse_modern'): {
        'mas-config-overrides.yaml': lib.yaml(overrides(kind)),
        'mas-config-underrides.yaml': lib.yaml(underrides),
      },
      // p: as for renderConfig(), whose directories are fixed.
      render(c, p={}): lib.renderConfig(c, {
        output: '/conf/mas-config.yaml',
        files: ['/config-templates/mas-config-underrides.yaml'] + [one.file for one in additional] + ['/config-templates/mas-config-overrides.yaml'],
        credentials: additional,
      } + p),
    },
}
