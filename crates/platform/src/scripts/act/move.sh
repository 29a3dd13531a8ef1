# Moves a group to this node. Needs: GROUP, SECONDS_MAX. The constraint that does it is taken away again in any case.
node=$(crm_node -n) && [ -n "$node" ] || exit 61
trap 'crm_resource --resource "$GROUP" --clear --quiet' EXIT
crm_resource --resource "$GROUP" --clear --quiet
owner=$(crm_resource --resource "$GROUP" --locate --quiet 2> /dev/null | head -n 1)
if [ "$owner" != "$node" ]; then
    crm_resource --resource "$GROUP" --move --node "$node" --quiet || exit 62
fi
timeout "$SECONDS_MAX" crm_resource --wait --timeout "$SECONDS_MAX" || exit 63
crm_resource --resource "$GROUP" --clear --quiet
timeout "$SECONDS_MAX" crm_resource --wait --timeout "$SECONDS_MAX"
