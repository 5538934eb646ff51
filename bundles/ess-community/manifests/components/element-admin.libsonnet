// Element Admin: static files that talk to Synapse and MAS from the browser.
function(ctx)
  local l = (import '../lib/lib.libsonnet')(ctx);
  local c = {
    name: 'element-admin',
    part: 'matrix-admin-client',
    image: 'element-admin',
    values: ctx.values.elementAdmin,
    path: 'elementAdmin',
  };

  if !l.enabled.elementAdmin then [] else [
    l.serviceAccount(c),
    l.deployment(c, {
      containers: [
        l.container(c, {
          name: 'element-admin',
          env: { SERVER_NAME: l.get(ctx.values, 'serverName') },
          ports: [{ name: 'http', containerPort: 8080 }],
          probes: { all: l.httpProbe('http', '/health') },
          mounts: [l.mount('tmp', '/tmp', readOnly=false)],
        }),
      ],
      volumes: [l.memoryVolume('tmp')],
    }),
    l.disruptionBudget(c),
    l.ingressService(c, { ports: [{ name: 'http', port: 8080 }] }),
    l.ingress(c, {
      host: l.ingressHost(c.path),
      paths: [{ path: '/', service: c.name, port: 'http' }],
    }),
    l.networkPolicy(c, { egress: false, allow: [{ ports: ['http'] }] }),
  ]
