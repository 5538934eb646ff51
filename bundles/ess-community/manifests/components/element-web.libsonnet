// Element Web: nginx with static files, and the configuration that they load.
function(ctx)
  local l = (import '../lib/lib.libsonnet')(ctx);
  local v = ctx.values.elementWeb;
  local c = { name: 'element-web', part: 'matrix-client', image: 'element-web', values: v, path: 'elementWeb' };
  local serverName = l.get(ctx.values, 'serverName');
  local airGapped = l.get(ctx.values, 'airGap.enabled', false);

  local homeserver = l.some({
    server_name: serverName,
    base_url: if l.enabled.synapse then 'https://' + l.ingressHost('synapse'),
  });

  local calls = if !l.enabled.matrixRTC then {} else {
    element_call: { use_exclusively: true },
    features: {
      feature_element_call_video_rooms: true,
      feature_new_room_decoration_ui: true,
      feature_video_rooms: true,
    },
  };

  // Registration and the like are MAS's pages, so the client's own ways there are closed.
  local accounts = if !l.enabled.masReady then {} else {
    embedded_pages: { login_for_welcome: true },
    sso_redirect_options: { immediate: false },
    setting_defaults: {
      'UIFeature.deactivate': false,
      'UIFeature.passwordReset': false,
      'UIFeature.registration': false,
    },
  };

  local base = l.merge(l.merge({
    [if !airGapped then 'bug_report_endpoint_url']: 'https://rageshakes.element.io/api/submit',
    [if homeserver != {} then 'default_server_config']: { 'm.homeserver': homeserver },
    mobile_guide_app_variant: 'element',
    setting_defaults: { urlPreviewsEnabled: !airGapped },
  }, calls), accounts);

  // What the user adds can replace anything; null in it takes a field out.
  local config = l.compact(std.foldl(
    function(all, name) l.merge(all, l.parseJson('elementWeb.additional.' + name, v.additional[name])),
    [name for name in std.objectFields(v.additional) if v.additional[name] != null],
    base
  ));

  local files = {
    'default.conf': 'server {\n' + std.join('\n', [
      if address == '::' then '  listen [::]:8080 ipv6only=on;' else '  listen 8080;'
      for address in l.bindAddresses
    ]) + '\n' + |||
      server_name localhost;
      root /app;
      index index.html;
      charset utf-8;
      absolute_redirect off;

      location = /health {
        include /etc/nginx/security_headers.conf;
        default_type application/json;
        return 200 '{"status": "ok"}';
      }

      # Never taken from a cache without asking: they say which version of everything else is loaded.
      location ~ ^/(index\.html|version|i18n(/.*)?)?$ {
        include /etc/nginx/security_headers.conf;
        add_header Cache-Control "no-cache";
      }

      # The start script of some images copies the configuration to where it can be written.
      location /config {
        root /tmp/element-web-config;
        include /etc/nginx/security_headers.conf;
        add_header Cache-Control "no-cache";
        try_files $uri @config;
      }
      location @config {
        root /app;
        include /etc/nginx/security_headers.conf;
        add_header Cache-Control "no-cache";
      }

      location /modules {
        alias /modules;
        include /etc/nginx/security_headers.conf;
      }

      location / {
        include /etc/nginx/security_headers.conf;
      }
    ||| + '}\n',
    'http_customisations.conf': |||
      server_tokens off;
      # Whoever can reach the pod is trusted to say for whom: that is the Ingress controller.
      real_ip_header X-Forwarded-For;
      set_real_ip_from 0.0.0.0/0;
      set_real_ip_from ::/0;
    |||,
    'security_headers.conf': |||
      add_header Content-Security-Policy "frame-ancestors 'self'";
      add_header X-Content-Type-Options nosniff;
      add_header X-Frame-Options SAMEORIGIN;
      add_header X-Robots-Tag "noindex, nofollow, noarchive, noimageindex";
      add_header X-XSS-Protection "1; mode=block";
    |||,
  };

  if !l.enabled.elementWeb then [] else [
    l.serviceAccount(c),
    l.configMap(c, { 'config.json': l.json(config) }),
    l.configMap(c, files, { name: 'element-web-nginx' }),
    l.deployment(c, {
      hashes: { 'element-web-config': config, 'element-web-nginx': files },
      containers: [
        l.container(c, {
          name: 'element-web',
          // The image would fill templates into a directory that is read-only here.
          env: { NGINX_ENVSUBST_TEMPLATE_DIR: '/nonexistent' },
          ports: [{ name: 'element', containerPort: 8080 }],
          probes: { all: l.httpProbe('element', '/health') },
          mounts: [
            l.mount('config', '/app/config.json', 'config.json'),
            l.mount('nginx', '/etc/nginx/conf.d/default.conf', 'default.conf'),
            l.mount('nginx', '/etc/nginx/conf.d/http_customisations.conf', 'http_customisations.conf'),
            l.mount('nginx', '/etc/nginx/security_headers.conf', 'security_headers.conf'),
            l.mount('tmp', '/tmp', readOnly=false),
          ],
        }),
      ],
      volumes: [
        l.configMapVolume('config', l.name('element-web')),
        l.configMapVolume('nginx', l.name('element-web-nginx')),
        l.memoryVolume('tmp'),
      ],
    }),
    l.disruptionBudget(c),
    l.ingressService(c, { ports: [{ name: 'web', port: 80, targetPort: 'element' }] }),
    l.ingress(c, {
      host: l.ingressHost(c.path),
      paths: [{ path: '/', service: c.name, port: 'web' }],
    }),
    l.networkPolicy(c, { egress: false, allow: [{ ports: ['element'] }] }),
  ]
