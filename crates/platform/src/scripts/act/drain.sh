# Puts this node into standby for good and waits until the cluster is at rest. Needs: RUN_DIR, SECONDS_MAX.
node=$(crm_node -n) && [ -n "$node" ] || exit 61
state=$RUN_DIR/standby
if [ ! -e "$state" ]; then
    # What was there before, so that exactly that is there afterwards: the value, and whether there was a set to hold it.
    value=$(crm_attribute --node "$node" --name standby --query --quiet --lifetime forever 2> /dev/null) || value=
    sets=$(cibadmin --query --xpath "//nodes/node[@uname='$node']" 2> /dev/null | grep -c '<instance_attributes')
    printf '%s\n%s\n' "${sets:-0}" "$value" > "$state.new" && sync "$state.new" && mv "$state.new" "$state" && sync "$RUN_DIR"
fi
crm_attribute --node "$node" --name standby --update on --lifetime forever || exit 62
timeout "$SECONDS_MAX" crm_resource --wait --timeout "$SECONDS_MAX"
