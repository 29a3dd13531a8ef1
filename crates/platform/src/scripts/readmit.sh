# Lets a drained node carry groups again: its standby attribute becomes what it was. Needs: WAIT, STANDBY_WAS_SET and,
# when that is `yes`, STANDBY_WAS.
act() (
    cluster_token_is_ours || refuse
    node=$(crm_node -n) || die "the cluster's name of this node can't be learned"
    if [ "$STANDBY_WAS_SET" = yes ]; then
        crm_attribute --node "$node" --name standby --update "$STANDBY_WAS" --lifetime forever \
            || die "standby could not be put back"
    else
        crm_attribute --node "$node" --name standby --delete --lifetime forever || die "standby could not be taken back"
        empty="//nodes/node[@uname='$node']/instance_attributes[not(*)]"
        if [ ! -e "$own/empty-set" ] && [ -n "$(cibadmin --query --xpath "$empty" 2> /dev/null)" ]; then
            cibadmin --delete --sync-call --xpath "$empty" || die "the empty attribute set could not be taken away"
        fi
    fi
    rm -f "$own/standby-set" "$own/empty-set"
    say "$node may carry groups; waiting for the cluster"
    crm_resource --wait --timeout="${WAIT}s" || die "the cluster was not done after $WAIT s"
    say "the cluster is done"
)
