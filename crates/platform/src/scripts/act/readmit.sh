# Lets this node carry groups again. Needs: RUN_DIR, SECONDS_MAX.
node=$(crm_node -n) && [ -n "$node" ] || exit 61
state=$RUN_DIR/standby
sets=0 value=
[ -e "$state" ] && { read -r sets; read -r value; } < "$state"
if [ -n "$value" ]; then
    crm_attribute --node "$node" --name standby --update "$value" --lifetime forever || exit 62
else
    crm_attribute --node "$node" --name standby --delete --lifetime forever || exit 62
    # The set that Pacemaker made for it stays behind, empty.
    if [ "$sets" = 0 ]; then
        empty="//nodes/node[@uname='$node']/instance_attributes[not(node())]"
        if cibadmin --query --xpath "$empty" > /dev/null 2>&1; then
            cibadmin --delete --xpath "$empty" || exit 63
        fi
    fi
fi
timeout "$SECONDS_MAX" crm_resource --wait --timeout "$SECONDS_MAX"
