# Starts the cluster's stack on this node.
systemctl start corosync.service || exit 61
systemctl start pacemaker.service || exit 62
