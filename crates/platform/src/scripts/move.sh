# Moves a group to a node and leaves no constraint behind. Needs: GROUP, WAIT. The node is this one.
act() (
    cluster_token_is_ours || refuse
    node=$(crm_node -n) || die "the cluster's name of this node can't be learned"
    mine=$own/moving-$(printf '%s' "$GROUP" | tr -c 'A-Za-z0-9' _)
    theirs=$(cibadmin --query --xpath "//rsc_location[@rsc='$GROUP' and starts-with(@id, 'cli-')]" 2> /dev/null)
    if [ -n "$theirs" ] && [ ! -e "$mine" ]; then
        die "$GROUP is bound by an administrator's move or ban: take it away with crm_resource --clear -r $GROUP"
    fi
    durable "$mine" "$node"
    crm_resource --move --resource "$GROUP" --node "$node"
    moved=$?
    crm_resource --wait --timeout="${WAIT}s"
    waited=$?
    # Whatever came of it, the constraint goes.
    crm_resource --clear --resource "$GROUP" || die "the constraint of the move could not be taken away"
    rm -f "$mine"
    [ "$moved" = 0 ] || die "the cluster refused to move $GROUP"
    [ "$waited" = 0 ] || die "the cluster was not done after $WAIT s"
    crm_resource --wait --timeout="${WAIT}s" || die "the cluster was not done after $WAIT s"
    say "$GROUP was moved to $node"
)
