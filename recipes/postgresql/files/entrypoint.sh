#!/bin/sh
# Makes the cluster in $PGDATA on the first start, then becomes the server.
#
# POSTGRES_PASSWORD, POSTGRES_USER (postgres), POSTGRES_DB (= user), POSTGRES_INITDB_ARGS,
# POSTGRES_HOST_AUTH_METHOD (scram-sha-256); each of the first three also as NAME_FILE, the path of
# a file that holds the value. Scripts (*.sh, *.sql, *.sql.gz) in /docker-entrypoint-initdb.d run once,
# in the order of their names, against a server that listens on its socket only.
set -eu

fail() {
	echo "entrypoint: $*" >&2
	exit 1
}

# value NAME DEFAULT: $NAME, else the content of the file $NAME_FILE, else DEFAULT
value() {
	eval "direct=\${$1:-} file=\${$1_FILE:-}"
	[ -z "$direct" ] || [ -z "$file" ] || fail "both $1 and $1_FILE are set"
	if [ -n "$file" ]; then
		[ -r "$file" ] || fail "$1_FILE: cannot read $file"
		cat "$file"
	else
		printf '%s' "${direct:-$2}"
	fi
}

run_scripts() {
	for script in /docker-entrypoint-initdb.d/*; do
		case $script in
		*.sh)
			if [ -x "$script" ]; then
				"$script"
			else
				# shellcheck disable=SC1090
				. "$script"
			fi
			;;
		*.sql) psql -v ON_ERROR_STOP=1 --no-psqlrc --dbname "$database" -f "$script" ;;
		*.sql.gz) gunzip -c "$script" | psql -v ON_ERROR_STOP=1 --no-psqlrc --dbname "$database" ;;
		esac
	done
}

make_cluster() {
	user=$(value POSTGRES_USER postgres)
	password=$(value POSTGRES_PASSWORD '')
	database=$(value POSTGRES_DB "$user")
	method=${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}
	if [ -z "$password" ] && [ "$method" != trust ]; then
		fail "set POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE (or POSTGRES_HOST_AUTH_METHOD=trust)"
	fi
	# The password goes through a descriptor, so that it shows in no list of processes.
	# shellcheck disable=SC2086
	printf '%s\n' "$password" |
		initdb --username="$user" ${password:+--pwfile=/dev/stdin} ${POSTGRES_INITDB_ARGS:-}
	printf '\nhost all all all %s\n' "$method" >>"$PGDATA/pg_hba.conf"

	PGUSER=$user PGPASSWORD=$password
	export PGUSER PGPASSWORD
	pg_ctl -D "$PGDATA" -o "-c listen_addresses=''" -w start
	if [ "$database" != postgres ]; then
		# shellcheck disable=SC2016
		printf '%s\n' "SELECT format('CREATE DATABASE %I', :'name') \\gexec" |
			psql -v ON_ERROR_STOP=1 --no-psqlrc --dbname postgres -v name="$database"
	fi
	run_scripts
	pg_ctl -D "$PGDATA" -m fast -w stop
	unset PGUSER PGPASSWORD password
}

case ${1:-} in
-* | '') set -- postgres "$@" ;;
esac
if [ "$1" = postgres ]; then
	mkdir -p "$PGDATA"
	chmod 00700 "$PGDATA" 2>/dev/null || :
	[ -s "$PGDATA/PG_VERSION" ] || make_cluster
fi
exec "$@"
