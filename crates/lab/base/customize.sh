#!/bin/sh
# Runs inside the base tree once its packages are installed: makes it the common part of all nodes.
set -eu
export DEBIAN_FRONTEND=noninteractive

# The cluster starts the mail services, never systemd.
systemctl disable dovecot.service postfix.service
# No reason for a node of an hour's life, and they cost time at every start.
systemctl disable e2scrub_reap.service e2scrub_all.timer fstrim.timer dpkg-db-backup.timer
systemctl enable lab-network.service corosync.service pacemaker.service

# Nothing that must differ between nodes; the lab gives each its own.
rm -f /etc/ssh/ssh_host_* /etc/hostname /var/lib/dbus/machine-id
: > /etc/machine-id
: > /etc/default/locale
mkdir -p /var/log/journal /shared /srv/mail /srv/repo

# Accounts: vmail owns the mailboxes; admin may become root; guest may not.
useradd --uid 5000 --user-group --home-dir /srv/mail/boxes --no-create-home --shell /usr/sbin/nologin vmail
useradd --create-home --shell /bin/dash --password '*' admin
useradd --create-home --shell /bin/dash --password '*' guest
chmod 0440 /etc/sudoers.d/lab

# Only the lab's own repository; what mmdebstrap used is left out.
rm -f /etc/apt/sources.list /etc/apt/apt.conf.d/99mmdebstrap
rm -rf /var/lib/apt/lists/*
apt-get clean

postconf -F '*/*/chroot=n'
rm -f /etc/corosync/corosync.conf
