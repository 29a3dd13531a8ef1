# Starts the cluster service on this node, and waits until it is a member again. Needs: WAIT (seconds).
act() (
    systemctl start corosync.service || die "corosync could not be started"
    systemctl start pacemaker.service || die "pacemaker could not be started"
    waited=0
    while :; do
        node=$(crm_node -n 2> /dev/null)
        line=$(crm_mon --output-as=xml -1 2> /dev/null | grep "<node name=\"$node\" .*type=\"member\"")
        case $line in
            *' online="true"'*' pending="false"'*) break ;;
        esac
        [ "$waited" -ge "$WAIT" ] && die "$node was no member after $WAIT s: $line"
        waited=$((waited + 2))
        sleep 2
    done
    say "$node is a member again"
    crm_resource --wait --timeout="${WAIT}s" || die "the cluster was not done after $WAIT s"
)
