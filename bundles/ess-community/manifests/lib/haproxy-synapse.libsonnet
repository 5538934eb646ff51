// haproxy.cfg for Synapse: which process answers, and the maps and files that this needs.
function(ctx) {
  local lib = self,
  local kinds = import 'workers.libsonnet',
  local routes = import 'routes.libsonnet',
  local v = lib.get(ctx.values, 'synapse', {}),
  local worker(kind) = lib.get(v, 'workers.' + kind),
  local enabled(kind) = std.member(lib.enabledWorkers, kind),
  local answering = [kind for kind in lib.enabledWorkers if kinds[kind].http],

  local serviceOf(kind) = lib.serviceHost('synapse-' + lib.get(kinds[kind], 'short', kind)),

  // Processes that nobody stands in for. One that is stopped on purpose holds nothing up.
  local needed =
    (if lib.get(v, 'replicas', 1) > 0 then ['main'] else [])
    + [kind for kind in answering if !kinds[kind].fallback && lib.get(worker(kind), 'replicas', 1) > 0],

  local map(list) = std.join('', [
    '%s %s\n' % [pattern, entry[0]]
    for entry in list
    if enabled(entry[0])
    for pattern in entry[1]
  ]),

  local cors = {
    'Access-Control-Allow-Origin': '*',
    'Access-Control-Allow-Methods': 'GET, HEAD, POST, PUT, DELETE, OPTIONS',
    'Access-Control-Allow-Headers': 'X-Requested-With, Content-Type, Authorization, Date',
    'Access-Control-Expose-Headers': 'Synapse-Trace-Id, Server',
  },
  local rendezvousCors = cors {
    'Access-Control-Allow-Headers': 'Content-Type, If-Match, If-None-Match',
    'Access-Control-Expose-Headers': 'Synapse-Trace-Id, Server, ETag',
  },

  // Paths that the user sends elsewhere, for callers inside of the cluster too.
  local internal = [path for path in lib.get(v, 'ingress.additionalPaths', []) if path.availability == 'internally_and_externally'],
  local internalName(i) = 'additional-path-%d' % i,
  local below(path) =
    local bare = std.rstripChars(path, '/');
    if bare == '' then '{ path_beg / }' else '{ path %s } || { path_beg %s }' % [lib.haproxyQuote(bare), lib.haproxyQuote(bare + '/')],

  local frontend = lib.haproxySection('frontend haproxy-synapse', lib.haproxyBinds(8008) + [
    'errorfile 503 /synapse/429.http',
    'capture request header Host len 64',
    'capture request header X-Forwarded-For len 64',
    'capture request header User-Agent len 200',
    'http-request set-header X-Forwarded-Proto https unless { req.hdr(X-Forwarded-Proto) -m found }',
    'http-request set-var(txn.proto) req.hdr(X-Forwarded-Proto)',
    'http-after-response set-header Strict-Transport-Security max-age=31536000 if { var(txn.proto) -m str https }',
    'http-after-response set-header Permissions-Policy "interest-cohort=()"',
    if lib.enabled.masReady then
      'http-request return status 204%s if METH_OPTIONS { path_reg %s }' % [lib.haproxyHeaders(rendezvousCors), lib.haproxyQuote(routes.rendezvous)],
    'http-request return status 204%s if METH_OPTIONS' % lib.haproxyHeaders(cors),
    'http-request return status 200 content-type application/json file /synapse/ess-version.json%s if { path /_synapse/ess/version }'
    % lib.haproxyHeaders({ 'Access-Control-Allow-Origin': '*', 'X-Content-Type-Options': 'nosniff' }),

    // What workers are chosen by. The caller is behind an Ingress controller, so its address is in a header.
    'http-request set-var(txn.token) req.hdr(Authorization),word(2," ")',
    'http-request set-var(txn.token) url_param(access_token) unless { var(txn.token) -m found }',
    'http-request set-var(txn.client) req.hdr(X-Forwarded-For,1)',
    'http-request set-var(txn.client) src unless { var(txn.client) -m found }',
    'http-request set-var(txn.place) "path,regsub(\'%s\',\'\'),field(1,/)" if { path_reg %s }' % [routes.place, lib.haproxyQuote(routes.place)],
    'http-request set-var(txn.place) var(txn.token) unless { var(txn.place) -m len gt 0 }',

    // The kind of process.
    'http-request set-var(txn.kind) path,map_reg(/synapse/path_map_file_get) if METH_GET',
    'http-request set-var(txn.kind) path,map_reg(/synapse/path_map_file,main) unless { var(txn.kind) -m found }',
    if enabled('initial-synchrotron') then [
      'acl first_sync path_reg %s' % lib.haproxyQuote(routes.initialSync),
      'acl first_sync_live nbsrv(synapse-initial-synchrotron) gt 0',
      'acl sync path_reg %s' % lib.haproxyQuote(routes.sync),
      'acl sync_all url_param(full_state) -m str true',
      'acl sync_since url_param(since) -m len gt 0',
      'acl events path_reg %s' % lib.haproxyQuote(routes.events),
      'acl events_from url_param(from) -m len gt 0',
      'http-request set-var(txn.kind) str(initial-synchrotron) if first_sync first_sync_live',
      'http-request set-var(txn.kind) str(initial-synchrotron) if sync sync_all first_sync_live',
      'http-request set-var(txn.kind) str(initial-synchrotron) if sync !sync_since first_sync_live',
      'http-request set-var(txn.kind) str(initial-synchrotron) if events !events_from first_sync_live',
    ],
    ['use_backend %s if %s' % [internalName(i), below(internal[i].path)] for i in std.range(0, std.length(internal) - 1)],
    if lib.enabled.masReady then 'use_backend matrix-authentication-service if { path_reg %s }' % lib.haproxyQuote(routes.compat),
    // The main process answers for workers that are not there, with connections of its own for that.
    [
      'use_backend synapse-main-failover if { var(txn.kind) -m str %s } { nbsrv(synapse-%s) lt 1 }' % [kind, kind]
      for kind in answering
      if kinds[kind].fallback
    ],
    'use_backend synapse-%[var(txn.kind)]',
  ]),

  local health = ['option httpchk', 'http-check send meth GET uri /health', 'errorfile 503 /synapse/429.http'],
  local checked(name, slots, service, maxconn) = health + [
    lib.haproxyServers(name, slots, service, 'synapse-http', '%s check port 8080' % (if maxconn != null then ' maxconn %d' % maxconn else '')),
  ],
  local main(name) = lib.haproxySection('backend ' + name, checked('main', 1, lib.serviceHost('synapse-main'), 250)),

  local backend(kind) =
    local facts = kinds[kind];
    lib.haproxySection('backend synapse-' + kind, [
      if facts.scalable && std.objectHas(facts, 'balance') then 'balance ' + facts.balance,
      if std.objectHas(facts, 'queue') then 'timeout queue ' + facts.queue,
      checked(kind, if facts.scalable then lib.get(worker(kind), 'replicas', 1) + 5 else 1, serviceOf(kind), lib.get(facts, 'maxconn')),
    ]),

  local additional(i) =
    local service = internal[i].service;
    local host = '%s.%s.svc.%s' % [service.name, ctx.release.namespace, lib.get(ctx.values, 'clusterDomain', 'cluster.local.')];
    local number = lib.get(service.port, 'number');
    lib.haproxySection('backend ' + internalName(i), [
      'errorfile 503 /synapse/429.http',
      // A port that has a name is found by its SRV record, one that is a number by the address.
      if number == null then lib.haproxyServers('server', 10, host, service.port.name, '')
      else 'server-template server- 10 %s:%d resolvers cluster init-addr none resolve-prefer %s' % [
        host,
        number,
        if lib.ipFamily == 'ipv6' then 'ipv6' else 'ipv4',
      ],
    ]),

  haproxySynapse:: [
    // Where the Ingress sends what is blocked.
    lib.haproxySection('frontend haproxy-403', lib.haproxyBinds(8009) + [
      'http-request return status 403 content-type application/json string %s' % lib.haproxyQuote('{"errcode":"M_FORBIDDEN","error":"Blocked"}'),
    ]),
    // For the kubelet: every process that nobody stands in for has a live server.
    lib.haproxySection('frontend synapse-ready', lib.haproxyBinds(8406) + [
      'option dontlog-normal',
      'monitor-uri /synapse_ready',
      ['monitor fail if { nbsrv(synapse-%s) lt 1 }' % kind for kind in needed],
      'http-request return status 404',
    ]),
    frontend,
    main('synapse-main'),
    if [kind for kind in answering if kinds[kind].fallback] != [] then main('synapse-main-failover'),
    [backend(kind) for kind in answering],
    [additional(i) for i in std.range(0, std.length(internal) - 1)],
    if lib.enabled.masReady then lib.haproxySection('backend matrix-authentication-service', [
      'option httpchk',
      'http-check send meth GET uri /health',
      'errorfile 503 /synapse/429.http',
      'server mas %s:8080 resolvers cluster init-addr none resolve-prefer %s check port 8081' % [
        lib.serviceHost('matrix-authentication-service'),
        if lib.ipFamily == 'ipv6' then 'ipv6' else 'ipv4',
      ],
    ]),
  ],

  local overloaded = '{"errcode":"M_LIMIT_EXCEEDED","error":"The server cannot answer now, try again later","retry_after_ms":5000}',

  haproxySynapseFiles:: {
    path_map_file: '# path, kind of process\n' + map(routes.any),
    path_map_file_get: '# path, kind of process, for GET and HEAD\n' + map(routes.get),
    // Clients wait and try again on 429; on 503 some tell their users that the server is gone.
    '429.http': std.join('\r\n', [
      'HTTP/1.1 429 Too Many Requests',
      'Content-Type: application/json',
      'Content-Length: %d' % std.length(overloaded),
      'Cache-Control: no-cache',
      'Access-Control-Allow-Origin: *',
      'Retry-After: 5',
      '',
      overloaded,
    ]),
    'ess-version.json': lib.json({ edition: 'community', version: ctx.bundle.version }),
  },
}
