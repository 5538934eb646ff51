// A job that makes what secrets are neither given nor there yet, before anything that needs them.
function(ctx)
  local l = (import '../lib/lib.libsonnet')(ctx);
  local v = ctx.values.initSecrets;
  local c = { name: 'init-secrets', part: 'matrix-tools', image: 'ess-tools', values: v, path: 'initSecrets' };
  local on = l.enabled;
  local missing(path) = local given = l.get(ctx.values, path, {}); given == {};

  local template = '/registration-templates/hookshot.yaml';
  local registration = on.hookshot && missing('hookshot.appserviceRegistration');

  // [key, type, whether it is to be made]
  local wanted = [
    ['ELEMENT_CALL_LIVEKIT_SECRET', 'rand32', on.sfu && missing('matrixRTC.livekitAuth.secret')],
    ['HOOKSHOT_REGISTRATION', 'registration:' + template, registration],
    ['HOOKSHOT_RSA_PASSKEY', 'rsa:4096:pem', on.hookshot && missing('hookshot.passkey')],
    ['MAS_ECDSA_PRIME256V1_PRIVATE_KEY', 'ecdsaprime256v1', on.mas && missing('matrixAuthenticationService.privateKeys.ecdsaPrime256v1')],
    ['MAS_ENCRYPTION_SECRET', 'hex32', on.mas && missing('matrixAuthenticationService.encryptionSecret')],
    ['MAS_RSA_PRIVATE_KEY', 'rsa:4096:der', on.mas && missing('matrixAuthenticationService.privateKeys.rsa')],
    ['MAS_SYNAPSE_SHARED_SECRET', 'rand32', on.mas && on.synapse && missing('matrixAuthenticationService.synapseSharedSecret')],
    ['POSTGRES_ADMIN_PASSWORD', 'rand32', on.postgres && missing('postgres.adminPassword')],
    ['POSTGRES_MATRIX_AUTHENTICATION_SERVICE_PASSWORD', 'rand32', on.postgresMas && missing('postgres.essPasswords.matrixAuthenticationService')],
    ['POSTGRES_SYNAPSE_PASSWORD', 'rand32', on.postgresSynapse && missing('postgres.essPasswords.synapse')],
    ['SYNAPSE_EXTRA', 'extra', on.synapse],
    ['SYNAPSE_MACAROON', 'rand32', on.synapse && missing('synapse.macaroon')],
    ['SYNAPSE_REGISTRATION_SHARED_SECRET', 'rand32', on.synapse && missing('synapse.registrationSharedSecret')],
    ['SYNAPSE_SIGNING_KEY', 'signingkey', on.synapse && missing('synapse.signingKey')],
  ];
  local made = [l.generatedSecret + ':' + one[0] + ':' + one[1] for one in wanted if one[2]];

  // What the Secret is known by; ess-tools leaves Secrets without this manager's label alone.
  local labels = l.labels(c) { 'app.kubernetes.io/managed-by': 'matrix-tools-init-secrets' };
  local before = { hook: 'pre', weight: -11 };

  if !v.enabled || made == [] then [] else [
    l.serviceAccount(c, before),
    if l.get(v, 'rbac.create', true) then l.role(c, [
      // Creation cannot be limited to a name.
      { apiGroups: [''], resources: ['secrets'], verbs: ['create'] },
      { apiGroups: [''], resources: ['secrets'], resourceNames: [l.generatedSecret], verbs: ['get', 'update'] },
    ], before),
    if registration then l.configMap(c, { 'hookshot.yaml': l.yaml({
      id: 'hookshot',
      as_token: '${AS_TOKEN}',
      hs_token: '${HS_TOKEN}',
      namespaces: { rooms: [], users: [] },
      sender_localpart: l.get(ctx.values, 'hookshot.user.localpart', 'hookshot'),
      url: 'http://' + l.serviceHost('hookshot') + ':9993',
      rate_limited: false,
      receive_ephemeral: true,
    }) }, before),
    l.hookJob(c, {
      hook: 'pre',
      weight: -10,
      backoffLimit: 6,
      token: true,
      containers: [
        l.toolContainer(c, {
          name: 'init-secrets',
          args: [
            'generate-secrets',
            '-secrets',
            std.join(',', made),
            '-labels',
            std.join(',', [key + '=' + labels[key] for key in std.objectFields(labels)]),
          ],
          env: { NAMESPACE: ctx.release.namespace },
          mounts: if registration then [l.mount('registration-templates', '/registration-templates')] else [],
        }),
      ],
      volumes: if registration then [l.configMapVolume('registration-templates', l.name(c.name))] else [],
    }),
  ]
