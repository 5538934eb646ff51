// The parts of haproxy.cfg that are alike everywhere, and helpers to write the others.
function(ctx) {
  local lib = self,

  // A word of the configuration in double quotes, within which only these mean something.
  haproxyQuote(text):: '"' + std.foldl(
    function(text, pair) std.strReplace(text, pair[0], pair[1]),
    [['\\', '\\\\'], ['"', '\\"'], ['$', '\\$']],
    text
  ) + '"',
  // The same where HAProxy looks for %[...] in it.
  haproxyFormat(text):: lib.haproxyQuote(std.strReplace(text, '%', '%%')),
  // Headers for "http-request return".
  haproxyHeaders(headers):: std.join('', [
    ' hdr ' + pair[0] + ' ' + lib.haproxyFormat(pair[1])
    for pair in lib.pairs(headers)
    if pair[1] != null
  ]),

  // A section: its first line, then indented ones; nulls and lists are allowed among them.
  haproxySection(head, lines)::
    local flat(line) = if line == null then [] else if std.isArray(line) then std.flattenArrays([flat(one) for one in line]) else [line];
    head + '\n' + std.join('', ['    ' + line + '\n' for line in flat(lines)]),

  haproxyBinds(port)::
    if lib.ipFamily == 'ipv4' then ['bind *:' + port]
    else if lib.ipFamily == 'ipv6' then ['bind [::]:' + port + ' v4v6']
    else ['bind *:' + port, 'bind [::]:' + port + ' v6only'],

  // Servers of a headless Service by its SRV records, which come and go without a restart.
  // Names are asked for again and again. Answers of both families at once would make servers flap.
  haproxyResolve:: ' resolvers cluster init-addr none resolve-prefer ' + (if lib.ipFamily == 'ipv6' then 'ipv6' else 'ipv4'),
  haproxyServers(name, slots, service, port, more)::
    'server-template ' + name + '- ' + slots + ' _' + port + '._tcp.' + service + lib.haproxyResolve + more,

  haproxyHead:: [
    lib.haproxySection('global', [
      // Connections follow from what is allowed, which without a bound would be memory for a billion of them.
      'fd-hard-limit 50000',
      'log stdout format raw local0 info',
      'stats socket ipv4@127.0.0.1:1999 level admin',
      // Room for the headers that are added.
      'tune.maxrewrite 4096',
    ]),
    lib.haproxySection('resolvers cluster', [
      'parse-resolv-conf',
      'accepted_payload_size 8192',
      // A name server that is away for a while must not take all servers with it.
      'hold timeout 600s',
      'hold refused 600s',
    ]),
    lib.haproxySection('defaults', [
      'mode http',
      'log global',
      'option httplog',
      'option dontlognull',
      'option redispatch',
      'option forwardfor if-none',
      'http-reuse aggressive',
      'hash-type consistent sdbm',
      'compression algo gzip',
      'compression type text/html text/plain text/xml text/css application/json',
      'timeout connect 5s',
      'timeout queue 60s',
      'timeout client 900s',
      'timeout http-keep-alive 900s',
      'timeout http-request 10s',
      'timeout server 180s',
      'default-server maxconn 500',
    ]),
    // Prometheus, and the kubelet: this process is alive, whatever is behind it.
    lib.haproxySection('frontend haproxy-metrics', lib.haproxyBinds(8405) + [
      'option dontlog-normal',
      'monitor-uri /haproxy_test',
      'http-request use-service prometheus-exporter if { path /metrics }',
      'http-request return status 404',
    ]),
  ],
}
