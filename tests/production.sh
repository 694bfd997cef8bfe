#!/bin/sh
# Sets Relance up as docs/operations.md says, with PostgreSQL, RabbitMQ and PgBouncer of the distribution (Debian). Captures 300
# leads while RabbitMQ is killed and workers hold the messages of 300 steps, and checks every step. It listens on 127.0.0.1 only
# and removes its folder at the end.
# Without these packages, or without root, it says so and exits with 0.
set -eu
cd "$(dirname "$0")/.."
export PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin" # servers and their tools; PATH of a job may lack these folders
ROOT=$PWD
BIN=$ROOT/.venv/bin
LEADS=300
HELD=300

skip() { echo "production.sh: skipped ($1)"; exit 0; }

[ "$(id -u)" = 0 ] || skip "it must be root, to run the servers as their own users"
missing=""
command -v pgbouncer >/dev/null || missing="$missing pgbouncer"
command -v rabbitmq-server >/dev/null || missing="$missing rabbitmq-server"
[ -n "$(ls -d /usr/lib/postgresql/*/bin/initdb 2>/dev/null)" ] || missing="$missing postgresql"
if [ -n "$missing" ]; then
    command -v apt-get >/dev/null || skip "not installed:$missing"
    # No server of these packages is started: the script runs its own ones.
    [ -e /usr/sbin/policy-rc.d ] || printf '#!/bin/sh\nexit 101\n' | install -m 755 /dev/stdin /usr/sbin/policy-rc.d
    # shellcheck disable=SC2086  (a list)
    { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $missing; } \
        >/dev/null 2>&1 </dev/null || skip "these packages do not install:$missing"
fi
# For the tests of mailboxes, which are skipped without it.
command -v dovecot >/dev/null || [ ! -e /usr/sbin/policy-rc.d ] ||
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends dovecot-imapd >/dev/null 2>&1 </dev/null || true
make install >/dev/null

RUN=$(mktemp -d /tmp/relance-production-XXXXXX)
chmod 755 "$RUN"
PIDS=""
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
finish() {
    code=$?
    trap - EXIT INT TERM
    [ "$code" = 0 ] || tail -n 15 "$RUN"/*.log
    for pid in $PIDS; do kill "$pid" 2>/dev/null || true; done
    kill_broker
    $AS_POSTGRES "$PG/pg_ctl" -D "$RUN/postgres" -m immediate stop >/dev/null 2>&1 || true
    wait
    rm -rf "$RUN"
    exit "$code"
}
kill_broker() { [ ! -s "$RUN/rabbitmq/pid" ] || kill -9 "$(cat "$RUN/rabbitmq/pid")" 2>/dev/null || true; }

# --- servers of the distribution ---
PG=$(dirname "$(find /usr/lib/postgresql -name initdb | sort -V | tail -n 1)")
AS_POSTGRES="setpriv --reuid=postgres --regid=postgres --clear-groups env HOME=$RUN"
PG_PORT=$(free_port) POOL_PORT=$(free_port) MQ_PORT=$(free_port) EPMD_PORT=$(free_port) WEB_PORT=$(free_port)
DIST_PORT=$(free_port) SMTP_PORT=$(free_port) BOX_PORT=$(free_port) IMAP_PORT=$(free_port)
NODE="relance$$@localhost"
install -d -o postgres "$RUN/postgres" && install -d -o rabbitmq "$RUN/rabbitmq"
RABBIT="setpriv --reuid=rabbitmq --regid=rabbitmq --clear-groups env HOME=$RUN/rabbitmq ERL_EPMD_PORT=$EPMD_PORT
    ERL_EPMD_ADDRESS=127.0.0.1 RABBITMQ_NODENAME=$NODE RABBITMQ_NODE_PORT=$MQ_PORT RABBITMQ_NODE_IP_ADDRESS=127.0.0.1
    RABBITMQ_DIST_PORT=$DIST_PORT RABBITMQ_MNESIA_BASE=$RUN/rabbitmq RABBITMQ_LOG_BASE=$RUN/rabbitmq
    RABBITMQ_PID_FILE=$RUN/rabbitmq/pid RABBITMQ_ENABLED_PLUGINS_FILE=$RUN/rabbitmq/plugins
    RABBITMQ_CONF_ENV_FILE=/dev/null"
trap finish EXIT
trap 'exit 1' INT TERM
start_broker() { (cd "$RUN/rabbitmq" && exec $RABBIT /usr/lib/rabbitmq/bin/rabbitmq-server) >>"$RUN/rabbitmq.log" 2>&1 & }
broker_command() { (cd "$RUN/rabbitmq" && $RABBIT /usr/lib/rabbitmq/bin/rabbitmqctl "$@") >>"$RUN/rabbitmq.log" 2>&1 </dev/null; }

printf '[].' >"$RUN/rabbitmq/plugins"
$RABBIT epmd -port "$EPMD_PORT" >"$RUN/epmd.log" 2>&1 & # otherwise the broker starts one, which outlives it
PIDS="$PIDS $!"
until epmd -port "$EPMD_PORT" -names >/dev/null 2>&1; do sleep 0.1; done
start_broker
$AS_POSTGRES "$PG/initdb" -D "$RUN/postgres" --encoding=UTF8 --locale=C.UTF-8 --no-sync -U postgres -A trust >"$RUN/postgres.log"
$AS_POSTGRES "$PG/pg_ctl" -D "$RUN/postgres" -w -l "$RUN/postgres/log" \
    -o "-p $PG_PORT -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off" start >>"$RUN/postgres.log"
psql -q -h 127.0.0.1 -p "$PG_PORT" -U postgres \
    -c "CREATE ROLE relance_owner LOGIN CREATEROLE PASSWORD 'owner-word'" -c "CREATE DATABASE relance OWNER relance_owner"

cat >"$RUN/pgbouncer.ini" <<EOF
[databases]
relance = host=127.0.0.1 port=$PG_PORT
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = $POOL_PORT
unix_socket_dir =
auth_type = scram-sha-256
auth_file = $RUN/users
pool_mode = transaction
default_pool_size = 8
EOF
echo '"relance_web" "web-word"' >"$RUN/users"
pgbouncer -q -u postgres "$RUN/pgbouncer.ini" >"$RUN/pgbouncer.log" 2>&1 &
PIDS="$PIDS $!"

# --- Relance, as an operator sets it up ---
SECRET_KEY=$(python3 -c 'import secrets; print(secrets.token_urlsafe(32))')
export SECRET_KEY
export RELANCE_ENV=production RELANCE_HOME="$RUN/home" PORT="$WEB_PORT" PUBLIC_URL="http://127.0.0.1:$WEB_PORT"
export DATABASE_URL="postgresql://relance_web:web-word@127.0.0.1:$POOL_PORT/relance"
export BROKER_URL="amqp://relance:broker-word@127.0.0.1:$MQ_PORT/relance"
export SMTP_URL="smtp://127.0.0.1:$SMTP_PORT" MAIL_FROM="Clinic <clinic@example.com>" RATE_LIMIT_PER_MINUTE=0
export MAILBOX_SMTP_PORT="$SMTP_PORT" MAILBOX_PORT="$BOX_PORT" MAILBOX_IMAP_PORT="$IMAP_PORT" WEB_WORKERS=1 STEP_WORKERS=1 DELIVERY_WORKERS=1 LOG_LEVEL=WARNING
owner="postgresql://relance_owner:owner-word@127.0.0.1:$PG_PORT/relance"
direct="postgresql://relance_web:web-word@127.0.0.1:$PG_PORT/relance"
mkdir -p "$RELANCE_HOME"
env OWNER_DATABASE_URL="$owner" DATABASE_URL="$direct" "$BIN/relance" init --login >"$RUN/init.log" 2>&1
"$BIN/relance" clinic create --name North --slug north --timezone Europe/Paris --region FR >>"$RUN/init.log" 2>&1
echo "a long password of the admin" | "$BIN/relance" user create --clinic north --email admin@north.example --name Ana \
    --role clinic_admin --password-stdin >>"$RUN/init.log" 2>&1

# A default of quorum, which some installations have, must not matter.
until broker_command await_startup --timeout 30; do sleep 0.5; done
broker_command add_vhost relance --default-queue-type quorum
broker_command add_user relance broker-word
broker_command set_permissions -p relance relance '.*' '.*' '.*'
"$BIN/python" -m tests.support.production_check quorum
BROKER_QUEUE_TYPE=quorum "$BIN/python" -m tests.support.production_check classic

for part in mailbox web steps deliveries accounts sweeps inbound beat; do
    "$BIN/relance" serve "$part" >"$RUN/$part.log" 2>&1 &
    PIDS="$PIDS $!"
done

# --- 300 leads and 300 steps that workers hold; RabbitMQ is killed after the first hundred, and started again ---
"$BIN/python" -m tests.support.production_check capture "$LEADS" "$RUN/hundred" >"$RUN/capture.log" 2>&1 &
capture=$!
until [ -e "$RUN/hundred" ]; do
    kill -0 "$capture" 2>/dev/null || { wait "$capture"; exit 1; }
    sleep 0.2
done
"$BIN/python" -m tests.support.production_check hold "$HELD" "$owner"
kill_broker
start_broker
wait "$capture"
"$BIN/python" -m tests.support.production_check ledger "$LEADS" "$HELD" "$owner"
