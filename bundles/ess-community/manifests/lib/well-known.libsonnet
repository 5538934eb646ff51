// The well-known files and the frontend that serves them.
function(ctx) {
  local lib = self,
  local v = lib.get(ctx.values, 'wellKnownDelegation', {}),
  local user(name) =
    local text = lib.get(v, 'additional.' + name, '{}');
    lib.parseJson('wellKnownDelegation.additional.' + name, text),

  local redirect = lib.get(v, 'baseDomainRedirect', {}),
  local webUrl =
    if lib.get(redirect, 'url') != null then redirect.url
    else if lib.enabled.elementWeb then lib.publicUrl('elementWeb'),
  wellKnownRedirect:: if lib.get(redirect, 'enabled', true) then webUrl,

  // What follows from the stack wins over what the user adds.
  wellKnownFiles:: {
    client: lib.json(lib.merge(user('client'), lib.compact({
      'm.homeserver': if lib.enabled.synapse then { base_url: 'https://' + lib.ingressHost('synapse') },
      'org.matrix.msc4143.rtc_foci':
        if lib.enabled.matrixRTC then [{ type: 'livekit', livekit_service_url: 'https://' + lib.ingressHost('matrixRTC') }],
    }))),
    server: lib.json(lib.merge(user('server'), lib.compact({
      'm.server': if lib.enabled.synapse then lib.ingressHost('synapse') + ':443',
    }))),
    support: lib.json(user('support')),
    'element.json': lib.json(user('element')),
  },

  haproxyWellKnown::
    local headers = lib.haproxyHeaders(lib.get(v, 'headers', {}));
    local file(path, name) =
      'http-request return status 200 content-type application/json file /well-known/' + name + headers + ' if { path ' + path + ' }';
    lib.haproxySection('frontend haproxy-wkd', lib.haproxyBinds(8010) + [
      'http-request return status 204' + headers + ' if METH_OPTIONS',
      'http-request return status 405 hdr Allow "GET, HEAD, OPTIONS" unless METH_GET',
      file('/.well-known/matrix/server', 'server'),
      file('/.well-known/matrix/client', 'client'),
      file('/.well-known/matrix/support', 'support'),
      file('/.well-known/element/element.json', 'element.json'),
      if lib.wellKnownRedirect != null then [
        // Who asks for a file that is not there is no browser.
        'http-request return status 404' + headers + ' if { path_beg /.well-known/matrix/ /.well-known/element/ }',
        'http-request redirect location ' + lib.haproxyFormat(lib.wellKnownRedirect) + ' code 301',
      ] else 'http-request return status 404' + headers,
    ]),
}
