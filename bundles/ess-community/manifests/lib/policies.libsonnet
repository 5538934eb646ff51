// NetworkPolicies: who may open connections to the pods of a component. Where they are off, or the cluster's
// network ignores them, nothing else changes.
function(ctx) {
  local lib = self,
  local values = ctx.values,

  // Peers for `from`: the pods of one component, all Synapse processes, or anybody (an Ingress controller or
  // Prometheus, whose namespaces are not known here).
  fromPods(app):: { podSelector: { matchLabels: { 'app.kubernetes.io/instance': lib.name(app) } } },
  fromSynapse:: { podSelector: { matchLabels: { 'k8s.element.io/synapse-instance': lib.name('synapse') } } },
  anybody:: null,

  // p: allow [{from: [peers] or anybody, ports: [names or numbers], udp: [numbers]}],
  //    egress: false where the pods have no connections of their own to open
  networkPolicy(c, p)::
    if lib.get(values, 'networkPolicies.enabled', true) then {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: lib.metadata(c),
      spec: {
        podSelector: { matchLabels: lib.get(p, 'selector', lib.selector(c)) },
        policyTypes: ['Ingress'] + (if lib.get(p, 'egress', true) then [] else ['Egress']),
        ingress: [
          {
            [if lib.get(rule, 'from') != null then 'from']: rule.from,
            ports:
              [{ protocol: 'TCP', port: port } for port in lib.get(rule, 'ports', [])]
              + [{ protocol: 'UDP', port: port } for port in lib.get(rule, 'udp', [])]
              + lib.get(rule, 'ranges', []),
          }
          for rule in p.allow
        ],
      },
    },
}
