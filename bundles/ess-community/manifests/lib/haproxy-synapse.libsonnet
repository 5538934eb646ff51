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
    pattern + ' ' + entry[0] + '\n'
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
  local internalName(i) = 'additional-path-' + i,
  local below(path) =
    local bare = std.rstripChars(path, '/');
    if bare == '' then '{ path_beg / }' else '{ path ' + lib.haproxyQuote(bare) + ' } || { path_beg ' + lib.haproxyQuote(bare + '/') + ' }',

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
      'http-request return status 204' + lib.haproxyHeaders(rendezvousCors) + ' if METH_OPTIONS { path_reg ' + lib.haproxyQuote(routes.rendezvous) + ' }',
    'http-request return status 204' + lib.haproxyHeaders(cors) + ' if METH_OPTIONS',
    'http-request return status 200 content-type application/json file /synapse/ess-version.json'
    + lib.haproxyHeaders({ 'Access-Control-Allow-Origin': '*', 'X-Content-Type-Options': 'nosniff' }) + ' if { path /_synapse/ess/version }',

    // What workers are chosen by. The caller is behind an Ingress controller, so its address is in a header.
    'http-request set-var(txn.token) req.hdr(Authorization),word(2," ")',
    'http-request set-var(txn.token) url_param(access_token) unless { var(txn.token) -m found }',
    'http-request set-var(txn.client) req.hdr(X-Forwarded-For,1)',
    'http-request set-var(txn.client) src unless { var(txn.client) -m found }',
    'http-request set-var(txn.place) "path,regsub(\'' + routes.place + "',''),field(1,/)\" if { path_reg " + lib.haproxyQuote(routes.place) + ' }',
    'http-request set-var(txn.place) var(txn.token) unless { var(txn.place) -m len gt 0 }',

    // The kind of process.
    'http-request set-var(txn.kind) path,map_reg(/synapse/path_map_file_get) if METH_GET',
    'http-request set-var(txn.kind) path,map_reg(/synapse/path_map_file,main) unless { var(txn.kind) -m found }',
    if enabled('initial-synchrotron') then [
      'acl first_sync path_reg ' + lib.haproxyQuote(routes.initialSync),
      'acl first_sync_live nbsrv(synapse-initial-synchrotron) gt 0',
      'acl sync path_reg ' + lib.haproxyQuote(routes.sync),
      'acl sync_all url_param(full_state) -m str true',
      'acl sync_since url_param(since) -m len gt 0',
      'acl events path_reg ' + lib.haproxyQuote(routes.events),
      'acl events_from url_param(from) -m len gt 0',
      'http-request set-var(txn.kind) str(initial-synchrotron) if first_sync first_sync_live',
      'http-request set-var(txn.kind) str(initial-synchrotron) if sync sync_all first_sync_live',
      'http-request set-var(txn.kind) str(initial-synchrotron) if sync !sync_since first_sync_live',
      'http-request set-var(txn.kind) str(initial-synchrotron) if events !events_from first_sync_live',
    ],
    ['use_backend ' + internalName(i) + ' if ' + below(internal[i].path) for i in std.range(0, std.length(internal) - 1)],
    if lib.enabled.masReady then 'use_backend matrix-authentication-service if { path_reg ' + lib.haproxyQuote(routes.compat) + ' }',
    // The main process answers for workers that are not there, with connections of its own for that.
    [
      'use_backend synapse-main-failover if { var(txn.kind) -m str ' + kind + ' } { nbsrv(synapse-' + kind + ') lt 1 }'
      for kind in answering
      if kinds[kind].fallback
    ],
    'use_backend synapse-%[var(txn.kind)]',
  ]),

  local health = ['option httpchk', 'http-check send meth GET uri /health', 'errorfile 503 /synapse/429.http'],
  local checked(name, slots, service, maxconn) = health + [
    lib.haproxyServers(name, slots, service, 'synapse-http', (if maxconn != null then ' maxconn ' + maxconn else '') + ' check port 8080'),
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
    local host = service.name + '.' + ctx.release.namespace + '.svc.' + lib.get(ctx.values, 'clusterDomain', 'cluster.local.');
    local number = lib.get(service.port, 'number');
    lib.haproxySection('backend ' + internalName(i), [
      'errorfile 503 /synapse/429.http',
      // A port that has a name is found by its SRV record, one that is a number by the address.
      if number == null then lib.haproxyServers('server', 10, host, service.port.name, '')
      else 'server-template server- 10 ' + host + ':' + number + lib.haproxyResolve,
    ]),

  haproxySynapse:: [
    // Where the Ingress sends what is blocked.
    lib.haproxySection('frontend haproxy-403', lib.haproxyBinds(8009) + [
      'http-request return status 403 content-type application/json string ' + lib.haproxyQuote('{"errcode":"M_FORBIDDEN","error":"Blocked"}'),
    ]),
    // For the kubelet: every process that nobody stands in for has a live server.
    lib.haproxySection('frontend synapse-ready', lib.haproxyBinds(8406) + [
      'option dontlog-normal',
      'monitor-uri /synapse_ready',
      ['monitor fail if { nbsrv(synapse-' + kind + ') lt 1 }' for kind in needed],
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
      'server mas ' + lib.serviceHost('matrix-authentication-service') + ':8080' + lib.haproxyResolve + ' check port 8081',
    ]),
  ],

  local anyMap = '# path, kind of process\n' + map(routes.any),
  local getMap = '# path, kind of process, for GET and HEAD\n' + map(routes.get),
  local overloaded = '{"errcode":"M_LIMIT_EXCEEDED","error":"The server cannot answer now, try again later","retry_after_ms":5000}',

  haproxySynapseFiles:: {
    path_map_file: anyMap,
    path_map_file_get: getMap,
    // Clients wait and try again on 429; on 503 some tell their users that the server is gone.
    '429.http': std.join('\r\n', [
      'HTTP/1.1 429 Too Many Requests',
      'Content-Type: application/json',
      'Content-Length: ' + std.length(overloaded),
      'Cache-Control: no-cache',
      'Access-Control-Allow-Origin: *',
      'Retry-After: 5',
      '',
      overloaded,
    ]),
    'ess-version.json': lib.json({ edition: 'community', version: ctx.bundle.version }),
  },
}
