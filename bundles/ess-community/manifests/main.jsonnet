// All objects of the stack, as one function of what is known about this installation (lib/lib.libsonnet says
// what ctx holds). Lists may hold lists and nulls: the program that evaluates this takes what objects it finds.
local components = [
  import 'lib/validate.libsonnet',
  import 'components/deployment-markers.libsonnet',
  import 'components/element-admin.libsonnet',
  import 'components/element-web.libsonnet',
  import 'components/haproxy.libsonnet',
  import 'components/hookshot.libsonnet',
  import 'components/init-secrets.libsonnet',
  import 'components/matrix-authentication-service.libsonnet',
  import 'components/matrix-rtc.libsonnet',
  import 'components/postgres.libsonnet',
  import 'components/redis.libsonnet',
  import 'components/syn2mas.libsonnet',
  import 'components/synapse.libsonnet',
  import 'components/well-known.libsonnet',
];

function(ctx) [component(ctx) for component in components]
