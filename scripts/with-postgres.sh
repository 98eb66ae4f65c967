#!/usr/bin/env bash
# Run a command with DATABASE_URL pointing at a throw-away PostgreSQL of this machine.
# Its tables are made beside the command, once: the file that TRUELIFT_TEST_TABLES names is there
# when they are, and says which database to copy (none, where the migrations did not go through).
set -euo pipefail
bin=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
folder=$(mktemp -d /tmp/truelift-postgres.XXXXXX)
as_owner() { if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi; }
[ "$(id -u)" = 0 ] && chown postgres "$folder"
trap 'as_owner "$bin/pg_ctl" -D "$folder/data" -m immediate stop > /dev/null 2>&1 || true; rm -rf "$folder"' EXIT
as_owner "$bin/initdb" -D "$folder/data" -U truelift --auth=trust --no-sync > /dev/null
as_owner "$bin/pg_ctl" -D "$folder/data" -w -s -l "$folder/log" -o \
  "-c listen_addresses='' -c unix_socket_directories='$folder' -c fsync=off -c synchronous_commit=off -c full_page_writes=off" start
as_owner "$bin/createdb" -h "$folder" -U truelift truelift
chmod 755 "$folder"
export DATABASE_URL="postgresql://truelift@/truelift?host=$folder"
export TRUELIFT_TEST_TABLES=$folder/tables
{
  mkdir "$folder/home"
  TRUELIFT_HOME=$folder/home .venv/bin/python -m django migrate --settings truelift.project.settings > "$folder/migrated" 2>&1 \
    && echo truelift > "$folder/told" || : > "$folder/told"
  mv "$folder/told" "$TRUELIFT_TEST_TABLES"
} &
"$@"
