# Takes the cluster's lock, or raises its epoch. Needs: LOCK_ID, RUN, EPOCH. Prints `new`, `raised` or `kept`.
# Ends with 97 when another run, or a later epoch, has it, and prints whose it is.
export LC_ALL=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin
held() {
    cibadmin --query --xpath "//cluster_property_set[@id='$LOCK_ID']/nvpair" 2> /dev/null \
        | sed -n 's/.* value="\([^"]*\)".*/\1/p'
}
# A query is answered from this node's copy, which follows the cluster's by a moment: a change that was accepted is
# waited for, and so is the lock that stood in the way of ours.
held_at_last() {
    for try in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        token=$(held)
        [ -n "$token" ] && { [ -z "$1" ] || [ "$token" = "$1" ]; } && return
        sleep 0.5
    done
}
pair() {
    printf '<nvpair id="%s-token" name="%s" value="%s %s"/>' "$LOCK_ID" "$LOCK_ID" "$RUN" "$1"
}

said=new
if ! error=$(cibadmin --create --sync-call --scope crm_config \
    --xml-text "<cluster_property_set id=\"$LOCK_ID\">$(pair "$EPOCH")</cluster_property_set>" 2>&1); then
    held_at_last ""
    [ -n "$token" ] || { printf '%s\n' "$error" >&2; exit 1; }
    if [ "${token%% *}" != "$RUN" ] || [ "${token##* }" -gt "$EPOCH" ]; then
        printf '%s\n' "$token"
        exit 97
    fi
    said=kept
    if [ "${token##* }" -lt "$EPOCH" ]; then
        # Only if it is still what we saw: the cluster applies one change after the other.
        error=$(cibadmin --replace --sync-call --xpath "//nvpair[@id='$LOCK_ID-token' and @value='$token']" \
            --xml-text "$(pair "$EPOCH")" 2>&1) || { printf '%s\n' "$error" >&2; exit 1; }
        said=raised
    fi
fi
# Read back: what counts is what the cluster holds now.
held_at_last "$RUN $EPOCH"
if [ "$token" != "$RUN $EPOCH" ]; then
    printf '%s\n' "${token:-nobody}"
    exit 97
fi
echo "$said"
