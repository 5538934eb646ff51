// Ports of the SFU that are opened to the outside: Services, ports of the container, and who may connect.
function(ctx) {
  local lib = self,

  // A Service holds at most 250 ports.
  local shard = 250,
  // A pod with too many ports cannot be made; what is not declared can be reached all the same.
  local mostDeclared = 100,

  // The port on the nodes: the same number unless given, null if Kubernetes is to pick one.
  local nodePort(path, service, port) =
    local given = if std.objectHas(service, 'nodePort') then service.nodePort;
    if given == null then port
    else if given == '' then null
    else if std.isNumber(given) then given
    else
      local text = std.strReplace(std.strReplace(given, ' ', ''), '{{.context.port}}', std.toString(port));
      if std.length([char for char in std.stringChars(text) if char < '0' || char > '9']) > 0
      then lib.fail(path + '.nodePort', "'%s' is no number, nor {{ .context.port }}" % given)
      else std.parseInt(text),

  local row(name, exposed, suffix, port, protocol, target) = {
    path: 'matrixRTC.sfu.exposedServices.' + name,
    service: exposed[name],
    suffix: suffix,
    port: port,
    protocol: protocol,
    ports: [{ name: port, port: exposed[name].port, target: target }],
  },

  local range(exposed) =
    local service = exposed.rtcUdp;
    local first = service.portRange.startPort;
    local last = service.portRange.endPort;
    if service.enabled && last < first then
      lib.fail('matrixRTC.sfu.exposedServices.rtcUdp.portRange', 'endPort is below startPort')
    else {
      path: 'matrixRTC.sfu.exposedServices.rtcUdp',
      service: service,
      suffix: 'udp-range',
      protocol: 'UDP',
      range: [first, last],
      ports: [{ name: 'rtc-udp-' + port, port: port, target: port } for port in std.range(first, last)],
    },

  local service(c, one, suffix, ports) =
    local type = one.service.portType;
    lib.service(c, {
      name: c.name + '-' + suffix,
      type: type,
      annotations: one.service.annotations,
      ports: [
        {
          name: port.name,
          port: port.port,
          protocol: one.protocol,
          // By number, because ports of large ranges have no names in the pod.
          targetPort: port.target,
          nodePort: if type != 'ClusterIP' then nodePort(one.path, one.service, port.port),
        }
        for port in ports
      ],
      spec: lib.some({
        internalTrafficPolicy: one.service.internalTrafficPolicy,
        externalTrafficPolicy: if type != 'ClusterIP' then one.service.externalTrafficPolicy,
        externalIPs: one.service.externalIPs,
      }),
    }),

  // {containerPorts, services, allow}. tlsPort: where the SFU listens for TURN over TLS.
  exposedPorts(c, exposed, tlsPort)::
    local rows = [
      one
      for one in [
        row('rtcTcp', exposed, 'tcp', 'rtc-tcp', 'TCP', exposed.rtcTcp.port),
        row('rtcMuxedUdp', exposed, 'muxed-udp', 'rtc-muxed-udp', 'UDP', exposed.rtcMuxedUdp.port),
        range(exposed),
        row('turnTLS', exposed, 'turn-tls', 'turn-tls-tcp', 'TCP', tlsPort),
        row('turn', exposed, 'turn', 'turn-udp', 'UDP', exposed.turn.port),
      ]
      if one.service.enabled
    ];
    {
      containerPorts: [
        lib.compact({
          name: port.name,
          containerPort: port.target,
          protocol: one.protocol,
          hostPort: if one.service.portType == 'HostPort' then port.target,
        })
        for one in rows
        if std.length(one.ports) < mostDeclared - 10 || one.service.portType == 'HostPort'
        for port in one.ports
      ],
      services: [
        if !std.objectHas(one, 'range') then service(c, one, one.suffix, one.ports)
        else [
          service(c, one, one.suffix + '-' + part, one.ports[part * shard:(part + 1) * shard])
          for part in std.range(0, std.ceil(std.length(one.ports) / shard) - 1)
        ]
        for one in rows
        if one.service.portType != 'HostPort'
      ],
      allow: [
        if std.objectHas(one, 'range') then { ranges: [{ protocol: 'UDP', port: one.range[0], endPort: one.range[1] }] }
        else if one.protocol == 'UDP' then { udp: [port.target for port in one.ports] }
        else { ports: [port.target for port in one.ports] }
        for one in rows
      ],
    },
}
