#!/usr/bin/env bash
# A Slurm of two nodes on one Debian host, for `pytest -m slurm`; run it as root.
set -euo pipefail
apt-get install --yes --no-install-recommends slurm-wlm munge
host=$(hostname -s)
folder=$(mktemp -d)
install -d -o munge /run/munge
pgrep -x munged || runuser -u munge -- munged
cat > /etc/slurm/slurm.conf <<CONF
ClusterName=test
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
StateSaveLocation=$folder
SlurmdSpoolDir=$folder/%n
SlurmdPidFile=$folder/%n.pid
SlurmdLogFile=$folder/%n.log
SlurmctldLogFile=$folder/controller.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
NodeName=n[1-2] NodeHostname=$host NodeAddr=127.0.0.1 Port=[17001-17002] CPUs=2
PartitionName=all Nodes=ALL Default=YES
CONF
grep -q ' n1 n2$' /etc/hosts || echo '127.0.0.1 n1 n2' >> /etc/hosts
slurmctld
slurmd -N n1
slurmd -N n2
srun --nodes=2 hostname
