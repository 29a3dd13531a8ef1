# Takes the cluster's lock, or raises the epoch of the run's own. Needs: RUN, EPOCH, LOCK_ID. Prints one line: taken,
# raised, or held TOKEN.
export LC_ALL=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin
xml() {
    printf '<cluster_property_set id="%s"><nvpair id="%s-token" name="%s" value="%s %s"/></cluster_property_set>' \
        "$LOCK_ID" "$LOCK_ID" "$LOCK_ID" "$RUN" "$EPOCH"
}
token() {
    cibadmin --query --xpath "//nvpair[@id='$LOCK_ID-token']" 2> /dev/null | sed -n 's/.* value="\([^"]*\)".*/\1/p'
}
# The cluster applies changes one after the other, and an id can be created only once.
timeout 60 cibadmin --create --scope crm_config --xml-text "$(xml)" 2> /dev/null && created=yes
found=$(token)
if [ "$found" = "$RUN $EPOCH" ]; then
    echo "${created:+taken}${created:-raised}" | sed 's/takenyes/taken/'
    exit 0
fi
run=${found% *}
epoch=${found##* }
if [ "$run" = "$RUN" ] && [ "$epoch" -lt "$EPOCH" ]; then
    timeout 60 cibadmin --modify --scope crm_config --xml-text "$(xml)" && [ "$(token)" = "$RUN $EPOCH" ] || exit 71
    echo raised
    exit 0
fi
echo "held ${found:-unknown}"
