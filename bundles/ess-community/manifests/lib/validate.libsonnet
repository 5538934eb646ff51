// What the schema cannot say about the values: keys that only fit together in certain ways. Gives [], or ends the
// rendering with the first thing that is wrong. What a component needs in any case it asks for itself.
function(ctx)
  local l = (import 'lib.libsonnet')(ctx);
  local on = l.enabled;
  local values = ctx.values;
  local worker(name) = l.get(values, 'synapse.workers.' + name + '.enabled', false);

  local needsHost = [
    [on.elementAdmin, 'elementAdmin'],
    [on.elementWeb, 'elementWeb'],
    [on.mas, 'matrixAuthenticationService'],
    [on.matrixRTC, 'matrixRTC'],
    [on.synapse, 'synapse'],
  ];

  local place(database) = database.host + ':' + database.port + '/' + database.database;
  local shared =
    on.synapse && on.mas
    && !l.get(values, 'postgres.enabled', true)
    && l.get(values, 'synapse.postgres') != null && l.get(values, 'matrixAuthenticationService.postgres') != null
    && place(l.synapseDatabase()) == place(l.masDatabase());

  local turnTls = l.get(values, 'matrixRTC.sfu.exposedServices.turnTLS', {});
  local sfuPorts = [
    [name, 'TCP', exposed.port]
    for name in ['rtcTcp', 'turnTLS']
    for exposed in [l.get(values, 'matrixRTC.sfu.exposedServices.' + name, {})]
    if l.get(exposed, 'enabled', false)
  ] + [
    [name, 'UDP', exposed.port]
    for name in ['rtcMuxedUdp', 'turn']
    for exposed in [l.get(values, 'matrixRTC.sfu.exposedServices.' + name, {})]
    if l.get(exposed, 'enabled', false)
  ];
  local clash = [
    [a, b]
    for a in sfuPorts
    for b in sfuPorts
    if a[0] < b[0] && a[1] == b[1] && a[2] == b[2]
  ];

  local rules =
    [
      [need[0] && l.get(values, need[1] + '.ingress.host') == null, need[1] + '.ingress.host', 'is needed while ' + need[1] + '.enabled is true']
      for need in needsHost
    ] + [
      [on.hookshot && !on.synapse && l.get(values, 'hookshot.ingress.host') == null, 'hookshot.ingress.host', 'is needed while synapse.enabled is false'],
      [
        (on.synapse || on.wellKnown || on.hookshot) && l.get(values, 'serverName') == null,
        'serverName',
        'is needed by Synapse, the well-known files and Hookshot',
      ],
      [
        on.synapse && !l.get(values, 'postgres.enabled', false) && l.get(values, 'synapse.postgres') == null,
        'synapse.postgres',
        'is needed while postgres.enabled is false',
      ],
      [
        on.mas && !l.get(values, 'postgres.enabled', false) && l.get(values, 'matrixAuthenticationService.postgres') == null,
        'matrixAuthenticationService.postgres',
        'is needed while postgres.enabled is false',
      ],
      [shared, 'matrixAuthenticationService.postgres', 'is the same database as synapse.postgres: each needs its own'],
      [on.synapse && worker('mas-helper') && !on.mas, 'synapse.workers.mas-helper', 'has nothing to do without matrixAuthenticationService.enabled'],
      [on.synapse && worker('sso-login') && on.mas, 'synapse.workers.sso-login', 'has nothing to do beside Matrix Authentication Service, where users log in then'],
      [on.hookshot && on.mas && l.get(values, 'hookshot.enableEncryption', false), 'hookshot.enableEncryption', 'does not work with Matrix Authentication Service'],
      [on.syn2mas && !on.synapse, 'matrixAuthenticationService.syn2mas.enabled', 'needs synapse.enabled: there are no users to move'],
      [
        on.sfu && l.get(turnTls, 'enabled', false) && l.get(turnTls, 'tlsTerminationOnPod', true)
        && l.get(turnTls, 'tlsSecret') == null && l.get(l.get(values, 'matrixRTC.ingress.certManager', l.get(values, 'certManager', {})), 'clusterIssuer') == null
        && l.get(l.get(values, 'matrixRTC.ingress.certManager', l.get(values, 'certManager', {})), 'issuer') == null,
        'matrixRTC.sfu.exposedServices.turnTLS.tlsSecret',
        'is needed, or certManager, or tlsTerminationOnPod: false',
      ],
      [on.sfu && l.get(turnTls, 'enabled', false) && l.get(turnTls, 'domain') == null, 'matrixRTC.sfu.exposedServices.turnTLS.domain', 'is needed while turnTLS is enabled'],
      [on.sfu && clash != [], 'matrixRTC.sfu.exposedServices.' + (if clash == [] then '' else clash[0][1][0] + '.port'), 'is the port of another service'],
    ];
  local broken = [rule for rule in rules if rule[0]];

  if broken == [] then [] else l.fail(broken[0][1], broken[0][2])
