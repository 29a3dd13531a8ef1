# Stops the cluster service on this node: pacemaker first, which takes the node out of the cluster, then corosync.
act() (
    systemctl stop pacemaker.service || die "pacemaker could not be stopped"
    systemctl stop corosync.service || die "corosync could not be stopped"
    for unit in pacemaker.service corosync.service; do
        state=$(systemctl show --property=ActiveState --value "$unit")
        say "$unit is $state"
        case $state in inactive | failed) ;; *) exit 1 ;; esac
    done
)
