#!/bin/sh
# Answers to the official image's variables: POSTGRES_USER, POSTGRES_PASSWORD, POSTGRES_DB. As there,
# the first start listens on its socket alone, so an open port means ready, and a session inside the
# container needs no password.
set -eu
[ "${1:-}" = postgres ] || exec "$@"
shift
if [ "$(id -u)" = 0 ]; then
    chown postgres: /var/lib/postgresql /var/run/postgresql
    exec setpriv --reuid=postgres --regid=postgres --init-groups "$0" postgres "$@"
fi
user=${POSTGRES_USER:-postgres}
database=${POSTGRES_DB:-$user}
data=${PGDATA:-/var/lib/postgresql/stand-in}
if [ ! -e "$data/initialised" ]; then
    if [ -z "${POSTGRES_PASSWORD:-}" ]; then
        echo "stand-in: POSTGRES_PASSWORD is not set; set it to the superuser's password" >&2
        exit 1
    fi
    # What an interrupted first start left is no database.
    rm -rf "$data"
    umask 077
    password=$(mktemp)
    printf '%s\n' "$POSTGRES_PASSWORD" >"$password"
    initdb --pgdata="$data" --username="$user" --pwfile="$password" --encoding=UTF8 \
        --auth-local=trust --auth-host=scram-sha-256 >/dev/null
    rm -f "$password"
    printf 'host all all all scram-sha-256\n' >>"$data/pg_hba.conf"
    if [ "$database" != postgres ]; then
        pg_ctl --pgdata="$data" --options="-c listen_addresses=''" --wait --silent start
        createdb --username="$user" --maintenance-db=postgres -- "$database"
        pg_ctl --pgdata="$data" --mode=fast --wait --silent stop
    fi
    touch "$data/initialised"
fi
exec postgres -D "$data" -c listen_addresses='*' -c unix_socket_directories=/var/run/postgresql "$@"
