# Has the cluster move everything off this node and keep it off. Needs: WAIT (seconds).
act() (
    cluster_token_is_ours || refuse
    node=$(crm_node -n) || die "the cluster's name of this node can't be learned"
    # Taking the attribute back later leaves an empty set behind; one that was there before us must stay.
    empty=$(cibadmin --query --xpath "//nodes/node[@uname='$node']/instance_attributes[not(*)]" 2> /dev/null)
    [ -n "$empty" ] && [ ! -e "$own/standby-set" ] && durable "$own/empty-set" "$node"
    durable "$own/standby-set" "$node"
    crm_attribute --node "$node" --name standby --update on --lifetime forever || die "standby could not be set"
    say "$node is in standby; waiting for its groups to move"
    crm_resource --wait --timeout="${WAIT}s" || die "the cluster was not done after $WAIT s"
    say "the cluster is done"
)
