// Which kind of Synapse worker answers which requests: regular expressions on the path as it was sent, made
// from the lists in docs/workers.md of Synapse. The first match wins. Kinds that write a stream come first, because
// what belongs to a stream is best answered by its writer; what nobody is named for goes to the main process.
local client(versions, paths) = ['^/_matrix/client/(%s)/%s' % [versions, path] for path in paths];
local all = 'api/v1|r0|v3|unstable';
local recent = 'r0|v3|unstable';
local stable = 'r0|v3';
local old = 'api/v1|r0|v3';

local writers = [
  ['account-data', client(recent, ['.*/tags', '.*/account_data'])],
  [
    'device-lists',
    client(stable, ['delete_devices$'])
    + client(all, ['devices(/|$)', 'keys/device_signing/upload$', 'keys/signatures/upload$'])
    + client(recent, ['keys/upload']),
  ],
  ['encryption', client(recent, ['sendToDevice/'])],
  ['media-repository', [
    '^/_matrix/media/',
    '^/_matrix/client/v1/media/',
    '^/_matrix/federation/v1/media/',
    '^/_synapse/media/',
    '^/_synapse/admin/v1/purge_media_cache$',
    '^/_synapse/admin/v1/room/[^/]+/media',
    '^/_synapse/admin/v1/user/[^/]+/media',
    '^/_synapse/admin/v1/media/',
    '^/_synapse/admin/v1/quarantine_media/',
    '^/_synapse/admin/v1/users/[^/]+/media$',
  ]],
  ['presence-writer', client(all, ['presence/'])],
  ['push-rules', client(all, ['pushrules/'])],
  ['receipts', client(recent, ['rooms/[^/]+/receipt', 'rooms/[^/]+/read_markers'])],
  ['typing-persister', client(all, ['rooms/[^/]+/typing'])],
];

local others = [
  [
    'client-reader',
    client(all, [
      'publicRooms$',
      'rooms/[^/]+/(joined_members|members|messages|state)$',
      'rooms/[^/]+/context/[^/]+$',
      'rooms/[^/]+/event/',
      'joined_rooms$',
      'search$',
      'directory/room/[^/]+$',
      'voip/turnServer$',
      'login$',
      'devices$',
    ]) + client(old + '|unstable(/[^/]+)?', ['rooms/[^/]+/aliases'])
    + client('v1', [
      'rooms/[^/]+/(hierarchy|threads|timestamp_to_event)$',
      'room_summary/[^/]+$',
      'register/m\\.login\\.registration_token/validity$',
    ]) + client('v1|unstable', ['rooms/[^/]+/relations/'])
    + client('unstable', ['im\\.nheko\\.summary/summary/[^/]+$', 'org\\.matrix\\.msc4140/delayed_events(/[^/]+/restart)?$'])
    + client(recent, [
      'account/(3pid|whoami|deactivate)$',
      'user/[^/]+/filter(/|$)',
      'capabilities$',
      'notifications$',
      'register$',
      'register/available$',
      'password_policy$',
      'keys/(query|changes|claim)$',
      'room_keys/',
    ]) + ['^/_matrix/client/versions$', '^/_synapse/admin/v1/rooms/[^/]+$'],
  ],
  ['event-creator', client(all, [
    'rooms/[^/]+/(redact|send)',
    'rooms/[^/]+/state/',
    'rooms/[^/]+/(join|invite|leave|ban|unban|kick)$',
    'join/',
    'knock/',
    'profile/',
    'createRoom$',
  ])],
  ['federation-inbound', ['^/_matrix/federation/v1/send/']],
  ['federation-reader', [
    '^/_matrix/federation/v1/version$',
    '^/_matrix/federation/v1/publicRooms',
    '^/_matrix/federation/v1/(event|state|state_ids|backfill|get_missing_events|query|query_auth|event_auth)/',
    '^/_matrix/federation/v1/(make_join|make_leave|make_knock|send_knock)/',
    '^/_matrix/federation/v1/(timestamp_to_event|exchange_third_party_invite|user/devices|hierarchy)/',
    '^/_matrix/federation/(v1|v2)/(send_join|send_leave|invite)/',
    '^/_matrix/key/v2/query',
  ]],
  ['mas-helper', ['^/_synapse/mas/']],
  ['sliding-sync', client('unstable', ['org\\.matrix\\.simplified_msc3575/'])],
  ['sso-login', client(all, ['login/sso/redirect', 'login/cas/ticket$']) + [
    '^/_synapse/client/pick_idp$',
    '^/_synapse/client/pick_username',
    '^/_synapse/client/(new_user_consent|sso_register)$',
    '^/_synapse/client/oidc/callback$',
    '^/_synapse/client/saml2/authn_response$',
  ]],
  ['synchrotron', client(stable, ['sync$']) + client(old, ['events$', 'initialSync$', 'rooms/[^/]+/initialSync$'])],
  ['user-dir', client(recent, ['user_directory/search$'])],
];

{
  // [kind, [regular expressions]] in the order in which they are tried.
  any: writers + others,
  // Asked before those, for GET and HEAD alone.
  get: [['client-reader', ['^/_synapse/admin/v2/users/[^/]+$']]],
  // What answers with all there is; workers for first syncs get these under conditions that HAProxy knows.
  initialSync: '^/_matrix/client/(%s)/(rooms/[^/]+/)?initialSync$' % old,
  sync: '^/_matrix/client/(%s)/sync$' % stable,
  events: '^/_matrix/client/(%s)/events$' % old,
  // What Matrix Authentication Service answers for clients that know nothing of it.
  compat: '^/_matrix/client/(%s)/(login|logout|refresh)(/|$)' % all,
  rendezvous: '^(/_matrix/client/unstable/org\\.matrix\\.msc4108|/_synapse/client)/rendezvous(/|$)',
  // The room or user that an event is sent for: what follows the first word after the version.
  place: '^/_matrix/client/(api/v1|[^/]+)/[^/]+/',
}
