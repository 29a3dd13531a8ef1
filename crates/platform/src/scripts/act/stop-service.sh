# Stops the cluster's stack on this node, which carries nothing any more.
systemctl stop pacemaker.service || exit 61
systemctl stop corosync.service || exit 62
