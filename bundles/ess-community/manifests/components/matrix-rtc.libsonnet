// Calls: the authorisation service, which lets Matrix users into rooms of the SFU, and the SFU.
function(ctx)
  local l = (import '../lib/lib.libsonnet')(ctx) + (import '../lib/exposed.libsonnet')(ctx);
  local v = ctx.values.matrixRTC;
  local s = v.sfu;
  local path = 'matrixRTC';
  local host = l.ingressHost(path);
  local serverName = l.get(ctx.values, 'serverName');

  local auth = {
    name: 'matrix-rtc-authorisation-service',
    part: 'matrix-rtc-authorisation-service',
    image: 'lk-jwt-service',
    values: v,
    path: path,
  };
  local entry = { name: 'matrix-rtc', part: 'matrix-rtc', values: v, path: path };
  local sfu = {
    name: 'matrix-rtc-sfu',
    part: 'matrix-rtc-voip-server',
    image: 'livekit-server',
    // The issuer of its certificate is that of the Ingress beside it.
    values: s { ingress: l.get(v, 'ingress', {}) },
    path: path + '.sfu',
  };

  local key = v.livekitAuth.key;
  local secret = l.credential(
    'matrixRTC.livekitAuth.secret',
    l.name(auth.name),
    'LIVEKIT_SECRET',
    if l.enabled.sfu then 'ELEMENT_CALL_LIVEKIT_SECRET'
  );

  local authorisation = [
    l.serviceAccount(auth),
    l.secret(auth, l.secretData([secret], l.name(auth.name))),
    l.deployment(auth, {
      hashes: { 'matrix-rtc-auth-secret': l.credentialsHash([secret]) },
      containers: [
        l.container(auth, {
          name: 'matrix-rtc-authorisation-service',
          env: {
            LIVEKIT_KEY: key,
            LIVEKIT_SECRET_FROM_FILE: secret.file,
            LIVEKIT_URL: if l.enabled.sfu then 'wss://' + host,
            LIVEKIT_FULL_ACCESS_HOMESERVERS: if v.restrictRoomCreationToLocalUsers && serverName != null then serverName else '*',
            LIVEKIT_CS_API_URL_OVERRIDES: if l.enabled.synapse then l.serverName + '=http://' + l.serviceHost('synapse') + ':8008',
          },
          ports: [{ name: 'http', containerPort: 8080 }],
          probes: { all: l.httpProbe('http', '/healthz') },
          mounts: l.secretMounts([secret]),
        }),
      ],
      volumes: l.secretVolumes([secret]),
    }),
    l.disruptionBudget(auth),
    l.ingressService(auth, { ports: [{ name: 'http', port: 8080 }] }),
    l.networkPolicy(auth, { allow: [{ ports: ['http'] }] }),
  ];

  local to(service, paths) = [{ path: one, service: service, port: 'http' } for one in paths];
  local ingress = l.ingress(entry, {
    host: host,
    paths:
      to(auth.name, ['/sfu/get', '/get_token', '/delegate_delayed_leave'])
      + (if l.enabled.sfu then to(sfu.name, ['/']) else to(auth.name, ['/sfu_webhook'])),
    // Signalling is one long request.
    nginx: if !l.enabled.sfu then {} else {
      'nginx.ingress.kubernetes.io/proxy-buffering': 'off',
      'nginx.ingress.kubernetes.io/proxy-read-timeout': '120',
      'nginx.ingress.kubernetes.io/proxy-request-buffering': 'off',
      'nginx.ingress.kubernetes.io/proxy-send-timeout': '120',
    },
  });

  local exposed = s.exposedServices;
  local turnTls = exposed.turnTLS;
  local onPod = turnTls.enabled && turnTls.tlsTerminationOnPod;
  local ownCertificate = l.get(turnTls, 'tlsSecret');
  local certificateSecret = if ownCertificate != null then ownCertificate else l.name('turn-tls-certmanager-tls');
  local domain = l.get(turnTls, 'domain', l.fail('matrixRTC.sfu.exposedServices.turnTLS.domain', 'is needed'));
  local tlsPort = if turnTls.portType == 'HostPort' then turnTls.port else 5349;

  local services = l.exposedPorts(sfu, exposed, tlsPort);

  // Only STUN tells a public address from within; without it, one is given or is that of the node or pod.
  local stun = s.useStunToDiscoverPublicIP && !l.get(ctx.values, 'airGap.enabled', false);
  local manual = l.get(s, 'manualIP');
  local nodeIp = if manual != null then manual else if !stun then { valueFrom: { fieldRef: { fieldPath: 'status.' + s.nodeIPSource } } };

  local underrides = {
    logging: { level: s.logging.level, pion_level: s.logging.pionLevel, json: s.logging.json },
    room: { auto_create: false },
  };
  local overrides = {
    port: 7880,
    prometheus: { port: 6789 },
    key_file: '/conf/keys.yaml',
    rtc: l.compact({
      use_external_ip: stun,
      node_ip: if nodeIp != null then '${NODE_IP}',
      tcp_port: if exposed.rtcTcp.enabled then exposed.rtcTcp.port,
      udp_port: if exposed.rtcMuxedUdp.enabled then exposed.rtcMuxedUdp.port,
      port_range_start: if exposed.rtcUdp.enabled then exposed.rtcUdp.portRange.startPort,
      port_range_end: if exposed.rtcUdp.enabled then exposed.rtcUdp.portRange.endPort,
    }),
    [if exposed.turn.enabled || turnTls.enabled then 'turn']: l.compact({
      enabled: true,
      udp_port: if exposed.turn.enabled then exposed.turn.port,
      domain: if turnTls.enabled then domain else l.get(turnTls, 'domain'),
      tls_port: if turnTls.enabled then tlsPort,
      external_tls: if turnTls.enabled && !onPod then true,
      cert_file: if onPod then '/turn-tls/tls.crt',
      key_file: if onPod then '/turn-tls/tls.key',
    }),
    webhook: {
      api_key: key,
      urls: ['http://' + l.serviceHost(auth.name) + ':8080/sfu_webhook'],
    },
  };
  local files = {
    'keys-template.yaml': l.yaml({ [key]: '${LIVEKIT_SECRET}' }, ['LIVEKIT_SECRET']),
    'sfu-overrides.yaml': l.yaml(overrides, ['NODE_IP']),
    'sfu-underrides.yaml': l.yaml(underrides),
  };
  local own = l.name(sfu.name);
  local additional = l.additional('matrixRTC.sfu.additional', own);

  local media = [
    l.serviceAccount(sfu),
    l.configMap(sfu, files),
    l.secret(sfu, l.secretData(additional, own)),
    l.deployment(sfu, {
      hashes: {
        'matrix-rtc-sfu-config': files,
        'matrix-rtc-sfu-secret': l.credentialsHash([secret] + additional),
      },
      images: ['livekit-server', 'ess-tools'],
      spec: if s.hostNetwork then { hostNetwork: true, dnsPolicy: 'ClusterFirstWithHostNet' } else {},
      initContainers: [
        l.renderConfig(sfu, {
          name: 'render-config-keys-yaml',
          output: '/conf/keys.yaml',
          files: ['/config-templates/keys-template.yaml'],
          env: { LIVEKIT_SECRET: l.readFile(secret) },
          credentials: [secret],
        }),
        l.renderConfig(sfu, {
          name: 'render-config-sfu',
          output: '/conf/sfu-config.yaml',
          files: ['/config-templates/sfu-underrides.yaml'] + [one.file for one in additional] + ['/config-templates/sfu-overrides.yaml'],
          env: { NODE_IP: nodeIp },
          credentials: additional,
        }),
      ],
      containers: [
        l.container(sfu, {
          name: 'sfu',
          args: ['--config', '/conf/sfu-config.yaml'],
          ports: [{ name: 'http', containerPort: 7880 }, { name: 'metrics', containerPort: 6789 }] + services.containerPorts,
          probes: { all: l.httpProbe('http', '/') },
          mounts: [
            l.mount('rendered-config', '/conf/sfu-config.yaml', 'sfu-config.yaml'),
            l.mount('rendered-config', '/conf/keys.yaml', 'keys.yaml'),
          ] + (if onPod then [
                 l.mount('turn-tls', '/turn-tls/tls.crt', 'tls.crt'),
                 l.mount('turn-tls', '/turn-tls/tls.key', 'tls.key'),
               ] else []),
        }),
      ],
      volumes:
        l.renderVolumes(sfu.name)
        + l.secretVolumes([secret] + additional)
        + (if onPod then [{ name: 'turn-tls', secret: { secretName: certificateSecret } }] else []),
    }),
    l.ingressService(sfu, { ports: [{ name: 'http', port: 7880 }, { name: 'metrics', port: 6789 }] }),
    services.services,
    if onPod && ownCertificate == null then l.certificate(sfu, {
      name: 'matrix-rtc-sfu-turn-tls',
      secretName: certificateSecret,
      dnsNames: [domain],
    }),
    l.serviceMonitor(sfu, { port: 'metrics', matchLabels: {
      'app.kubernetes.io/component': sfu.part,
      'app.kubernetes.io/instance': l.instance(sfu),
      'app.kubernetes.io/part-of': 'matrix-stack',
    } }),
    l.networkPolicy(sfu, { allow: [{ ports: ['http', 'metrics'] }] + services.allow }),
  ];

  if !l.enabled.matrixRTC then [] else [authorisation, ingress, if l.enabled.sfu then media]
