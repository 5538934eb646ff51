// PostgreSQL for the components that bring no database of their own, their roles and databases, and metrics.
function(ctx)
  local l = (import '../lib/lib.libsonnet')(ctx);
  local v = ctx.values.postgres;
  local c = { name: 'postgres', part: 'matrix-stack-db', image: 'postgresql', values: v, path: 'postgres' };
  local own = l.name('postgres');

  local admin = l.credential('postgres.adminPassword', own, 'ADMIN_PASSWORD', 'POSTGRES_ADMIN_PASSWORD');
  // Only those whose database is here: a role for a component that has its database elsewhere would have no
  // password to be given.
  local databases =
    (if l.enabled.postgresMas then [l.masDatabase()] else [])
    + (if l.enabled.postgresSynapse then [l.synapseDatabase()] else []);
  local credentials = [admin] + [database.password for database in databases];
  local data = l.secretData(credentials, own);

  local configure = |||
    #!/bin/sh
    # Roles and databases of the stack. It can run again and again: a role that is there gets its password
    # anew, a database that is there is left alone.
    set -eu
    PGUSER=${PGUSER:-postgres}
    PGPASSWORD=${PGPASSWORD:-$(cat "$POSTGRES_PASSWORD_FILE")}
    export PGUSER PGPASSWORD

    # run FILE VARIABLE...: statements from standard input; \set reads the password, which so shows in no list
    # of processes.
    run() {
      ESS_PASSWORD_FILE=$1
      export ESS_PASSWORD_FILE
      shift
      [ -s "$ESS_PASSWORD_FILE" ] || { echo "$ESS_PASSWORD_FILE: empty or missing" >&2; exit 1; }
      psql --no-psqlrc --quiet --dbname postgres -v ON_ERROR_STOP=1 "$@"
    }

    database() { # ROLE DATABASE FILE
      run "$3" -v role="$1" -v database="$2" <<'END'
    \set password `cat "$ESS_PASSWORD_FILE"`
    SELECT format('CREATE ROLE %I', :'role') WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'role') \gexec
    SELECT format('ALTER ROLE %I LOGIN PASSWORD %L', :'role', :'password') \gexec
    SELECT format('CREATE DATABASE %I OWNER %I TEMPLATE template0 ENCODING ''UTF8'' LC_COLLATE ''C'' LC_CTYPE ''C''', :'database', :'role')
    WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'database') \gexec
    END
    }

    run "$POSTGRES_PASSWORD_FILE" -v role="$PGUSER" <<'END'
    \set password `cat "$ESS_PASSWORD_FILE"`
    SELECT format('ALTER ROLE %I PASSWORD %L', :'role', :'password') \gexec
    END
  ||| + std.join('', [
    'database ' + database.user + ' ' + database.database + ' ' + database.password.file + '\n'
    for database in databases
  ]);

  // From the memory that the server may have.
  local limit = l.get(v, 'resources.limits.memory', '4Gi');
  local megabytes =
    if std.isString(limit) && std.member(['Mi', 'Gi', 'Ti'], limit[std.length(limit) - 2:])
    then std.floor(l.bytes('postgres.resources.limits.memory', limit) / 1048576)
    else l.fail('postgres.resources.limits.memory', 'has to end in Mi, Gi or Ti');
  local settings = [
    'listen_addresses=*',
    'max_connections=' + std.max(std.floor(megabytes / 16), 20),
    'shared_buffers=' + std.max(std.floor(megabytes / 4), 1) + 'MB',
    'effective_cache_size=' + std.max(megabytes - 256, 1) + 'MB',
  ];

  local environment = {
    PGDATA: '/var/lib/postgres/data/pgdata',
    POSTGRES_PASSWORD_FILE: admin.file,
  };
  local ready(more) = l.execProbe(['pg_isready', '-U', 'postgres', '-h', 'localhost'] + more);
  local query = l.execProbe(['psql', '-w', '-U', 'postgres', '-d', 'postgres', '-c', 'SELECT 1']);

  if !l.enabled.postgres then [] else [
    l.serviceAccount(c),
    if data != {} then l.secret(c, data),
    // The job that checks Synapse's configuration runs before the objects above are there.
    if data != {} then l.secret(c, data, { name: 'postgres-hook', hook: 'pre', weight: -1 }),
    l.configMap(c, { 'configure-dbs.sh': configure }),
    l.persistentVolumeClaim(c, l.get(v, 'storage', {}), 'postgres-data'),
    l.service(c, { headless: true, ports: [{ name: 'postgres', port: 5432 }, { name: 'metrics', port: 9187 }] }),
    l.statefulSet(c, {
      podManagementPolicy: 'OrderedReady',
      hashes: {
        'postgres-config': [configure, settings],
        'postgres-secret': l.credentialsHash(credentials),
      },
      images: ['postgresql', 'postgres-exporter'],
      spec: { terminationGracePeriodSeconds: 60 },
      containers: [
        l.container(c, {
          name: 'postgres',
          args: std.flattenArrays([['-c', setting] for setting in settings]),
          env: environment { POSTGRES_INITDB_ARGS: '-E UTF8', LC_COLLATE: 'C', LC_CTYPE: 'C' },
          ports: [{ name: 'postgres', containerPort: 5432 }],
          probes: { startup: query, liveness: query, readiness: ready([]) },
          lifecycle: { preStop: { exec: { command: ['pg_ctl', 'stop', '-D', environment.PGDATA, '-w', '-t', '55', '-m', 'fast'] } } },
          mounts: [
            l.mount('data', '/var/lib/postgres/data', readOnly=false),
            l.mount('temp', '/tmp', readOnly=false),
            l.mount('var-run', '/var/run/postgresql', readOnly=false),
            l.mount('config', '/docker-entrypoint-initdb.d/init-ess-dbs.sh', 'configure-dbs.sh'),
          ] + l.secretMounts(credentials),
        }),
        l.container(c, {
          name: 'postgres-ess-updater',
          command: ['/bin/sh', '-c', |||
            set -eu
            trap 'exit 0' TERM
            rm -f /tmp/databases-are-configured
            until pg_isready -q; do sleep 1; done
            sh /var/run/configure-ess-dbs.sh
            touch /tmp/databases-are-configured
            while :; do sleep 86400 & wait; done
          |||],
          env: environment { PGHOST: 'localhost' },
          probes: { all: l.execProbe(['test', '-e', '/tmp/databases-are-configured']) },
          mounts: [
            l.mount('updater-temp', '/tmp', readOnly=false),
            l.mount('config', '/var/run/configure-ess-dbs.sh', 'configure-dbs.sh'),
          ] + l.secretMounts(credentials),
        }),
        l.container(c, {
          name: 'postgres-exporter',
          image: 'postgres-exporter',
          values: v.postgresExporter,
          env: {
            DATA_SOURCE_PASS_FILE: admin.file,
            DATA_SOURCE_URI: 'localhost?sslmode=disable',
            DATA_SOURCE_USER: 'postgres',
          },
          ports: [{ name: 'metrics', containerPort: 9187 }],
          probes: { all: l.httpProbe('metrics', '/metrics') },
          mounts: l.secretMounts([admin]) + l.orEmpty(l.get(v, 'postgresExporter.extraVolumeMounts')),
        }),
      ],
      volumes: [
        {
          name: 'data',
          persistentVolumeClaim: { claimName: l.claimName(l.get(v, 'storage', {}), 'postgres-data') },
        },
        l.memoryVolume('temp'),
        l.memoryVolume('updater-temp'),
        l.memoryVolume('var-run'),
        l.configMapVolume('config', own),
      ] + l.secretVolumes(credentials) + l.orEmpty(l.get(v, 'postgresExporter.extraVolumes')),
    }),
    l.serviceMonitor(c, { port: 'metrics' }),
    l.networkPolicy(c, {
      egress: false,
      allow: [
        {
          from:
            (if l.enabled.postgresSynapse then [l.fromSynapse] else [])
            + (if l.enabled.postgresMas then [l.fromPods('matrix-authentication-service')] else [])
            + (if l.enabled.syn2mas then [l.fromPods('syn2mas')] else []),
          ports: ['postgres'],
        },
        { ports: ['metrics'] },
      ],
    }),
  ]
