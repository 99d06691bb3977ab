#!/usr/bin/env bash
# A real Slurm cluster, for the tests: Debian's Slurm with its database, a partition for CPUs and one for GPUs, of which
# every node pretends to have two. It has one node, or several, all of them on this machine, each with a slurmd and a port
# of its own. As root: tests/slurm/cluster.sh start [--nodes 3], and when done, tests/slurm/cluster.sh stop.
set -euo pipefail

HOST=$(hostname -s)
STATE=/var/lib/strata-slurm # databases, spools, logs
CONF=/etc/slurm
NODES=("$HOST")
MARK="# Written by Strata's tests/slurm/cluster.sh"

main() {
  [ "$(id -u)" = 0 ] || fail "must run as root"
  case "${1:-}" in
    start)
      if [ "${2:-}" = --nodes ] && [ "${3:-1}" -gt 1 ]; then
        mapfile -t NODES < <(seq --format "strata-node%g" "$3")
      fi
      start
      ;;
    stop) stop ;;
    *) fail "usage: $0 start [--nodes <number>] | stop" ;;
  esac
}

start() {
  if [ -e $CONF/slurm.conf ] && ! grep -qF "$MARK" $CONF/slurm.conf; then
    fail "this machine has a Slurm of its own ($CONF/slurm.conf); nothing done"
  fi
  install_packages
  mkdir -p $STATE/{ctld,log} $CONF /run/{munge,mysqld,slurm}
  configure
  # Every daemon goes to the background by itself, or is sent there; one that runs already is left alone.
  chown munge: /run/munge
  munge --no-input 2>/dev/null | unmunge &>/dev/null || runuser -u munge -- /usr/sbin/munged
  chown mysql: /run/mysqld
  if ! mysqladmin ping &>/dev/null; then
    setsid mariadbd --user=mysql &>$STATE/log/mariadb.log </dev/null &
  fi
  wait_for "the database" mysqladmin ping
  mysql -e "CREATE DATABASE IF NOT EXISTS slurm_acct_db"
  running slurmdbd || slurmdbd
  wait_for "slurmdbd" sacctmgr --noheader list cluster
  sacctmgr --noheader list cluster strata | grep -q . || sacctmgr --immediate add cluster strata >/dev/null
  running slurmctld || slurmctld
  wait_for "slurmctld" scontrol ping
  local node
  for node in "${NODES[@]}"; do
    running "slurmd-$node" || slurmd -N "$node"
    wait_for "the node $node" node_is_up "$node"
  done
  wait_for "a job on the GPU partition" timeout 30 srun --partition=gpu --gres=gpu:1 --mem=10 true
  sinfo --format="%P %t %c CPUs %m MiB %G"
  echo "the cluster runs; its logs lie in $STATE/log; to stop it: $0 stop"
}

stop() {
  scontrol shutdown &>/dev/null || true # slurmctld and slurmd
  local file
  for file in /run/slurm/*.pid; do
    if running "$(basename "$file" .pid)"; then kill "$(cat "$file")"; fi
  done
  mysqladmin shutdown &>/dev/null || true
  munged --stop &>/dev/null || true
}

install_packages() {
  local name
  for name in slurmctld slurmd slurmdbd sbatch mariadbd munged; do
    if ! command -v $name >/dev/null; then
      apt-get -qq update
      DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends \
        slurmctld slurmd slurmdbd slurm-client mariadb-server munge >/dev/null
      return
    fi
  done
}

configure() {
  local list i ports
  for i in 0 1; do # null devices that play the GPUs
    [ -e /dev/strata-gpu$i ] || mknod /dev/strata-gpu$i c 1 3
  done
  list=$(
    IFS=,
    echo "${NODES[*]}"
  )
  ports="[6821-$((6820 + ${#NODES[@]}))]"
  if [ ${#NODES[@]} -gt 1 ]; then
    # Processes of one training find each other by the names of their nodes.
    grep -qF "127.0.0.1 ${NODES[*]}" /etc/hosts || echo "127.0.0.1 ${NODES[*]}" >>/etc/hosts
  fi
  cat >$CONF/slurmdbd.conf <<EOF
$MARK
AuthType=auth/munge
DbdHost=$HOST
SlurmUser=root
StorageType=accounting_storage/mysql
StorageHost=localhost
StorageUser=root
StorageLoc=slurm_acct_db
PidFile=/run/slurm/slurmdbd.pid
LogFile=$STATE/log/slurmdbd.log
EOF
  chmod 600 $CONF/slurmdbd.conf
  echo "NodeName=$list Name=gpu File=/dev/strata-gpu[0-1]" >$CONF/gres.conf
  echo "CgroupAutomount=no" >$CONF/cgroup.conf
  cat >$CONF/slurm.conf <<EOF
$MARK
ClusterName=strata
SlurmctldHost=$HOST
SlurmUser=root
AuthType=auth/munge
# A job that goes back to the queue starts again after this many seconds; the default is 120.
AuthInfo=cred_expire=10
StateSaveLocation=$STATE/ctld
SlurmdSpoolDir=$STATE/d-%n
SlurmctldPidFile=/run/slurm/slurmctld.pid
SlurmdPidFile=/run/slurm/slurmd-%n.pid
SlurmctldLogFile=$STATE/log/slurmctld.log
SlurmdLogFile=$STATE/log/slurmd-%n.log
# No control groups in a container. Memory limits are watched every second instead.
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=$HOST
AccountingStorageTRES=gres/gpu
AccountingStoreFlags=job_comment
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
GresTypes=gpu
SlurmdParameters=config_overrides
SchedulerParameters=sched_interval=2,bf_interval=5,batch_sched_delay=1
ReturnToService=2
KillWait=5
MpiDefault=none
# Two CPUs, so that jobs queue up anywhere. A terabyte of memory is pretended, so that what the profile asks for at ImageNet's scale can be asked for here.
NodeName=$list NodeHostname=$HOST Port=$ports CPUs=2 RealMemory=1000000 Gres=gpu:2
PartitionName=cpu Nodes=$list Default=YES
PartitionName=gpu Nodes=$list
EOF
}

node_is_up() {
  local node=$1 state
  state=$(sinfo --noheader --nodes="$node" --format=%t | head -1)
  # After a crash of the machine the node has to be told that all is well.
  [[ $state =~ ^(down|drain|drng) ]] && scontrol update nodename="$node" state=resume
  [[ $state =~ ^(idle|mix|alloc)$ ]]
}

pid_of() { cat "/run/slurm/$1.pid" 2>/dev/null; }
running() { kill -0 "$(pid_of "$1")" 2>/dev/null; }

wait_for() {
  local what=$1 i
  shift
  for i in $(seq 60); do
    if "$@" &>/dev/null; then return; fi
    sleep 1
  done
  fail "$what did not come up; logs: $STATE/log"
}

fail() {
  echo "cluster.sh: $*" >&2
  exit 1
}

main "$@"
