// The library that components are written with: (import '../lib/lib.libsonnet')(ctx).
//
// ctx      {values, release: {name, namespace}, images, api: {versions}, bundle: {name, version}}
// c        what most functions take first: one deployable part of the stack,
//            name    its objects are called RELEASE-name
//            app     app.kubernetes.io/name where that differs from name; instance is RELEASE-app
//            part    app.kubernetes.io/component
//            image   name of its image in ctx.images; says the version label
//            values  its part of the values
//            path    where that is in the values file, for messages
//            replicas, labels: only where they are not values.replicas and values.labels
//
//   local l = (import '../lib/lib.libsonnet')(ctx);
//   local c = { name: 'redis', part: 'matrix-pubsub-small-cache', image: 'redis', values: ctx.values.redis, path: 'redis' };
//   [l.serviceAccount(c), l.deployment(c, { containers: [l.container(c, { name: 'redis', ... })] })]
function(ctx)
  (import 'util.libsonnet')
  + (import 'stack.libsonnet')(ctx)
  + (import 'names.libsonnet')(ctx)
  + (import 'images.libsonnet')(ctx)
  + (import 'secrets.libsonnet')(ctx)
  + (import 'config.libsonnet')(ctx)
  + (import 'pods.libsonnet')(ctx)
  + (import 'workloads.libsonnet')(ctx)
  + (import 'services.libsonnet')(ctx)
  + (import 'ingress.libsonnet')(ctx)
  + (import 'policies.libsonnet')(ctx)
  + { ctx:: ctx, values:: ctx.values }
