#!/bin/sh
# As the official image: options alone are the server's, everybody may connect, and it is not root.
set -eu
case "${1:-}" in '' | -*) set -- valkey-server "$@" ;; esac
[ "$1" = valkey-server ] || exec "$@"
shift
set -- redis-server --protected-mode no "$@"
[ "$(id -u)" != 0 ] || set -- setpriv --reuid=redis --regid=redis --init-groups "$@"
exec "$@"
