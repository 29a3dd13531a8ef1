# Gives the cluster's lock back, if this run has it at this epoch or an earlier one. Needs: LOCK_ID, RUN, EPOCH.
# Ends with 97 when the same run has it at a later epoch. Another run's lock is left alone.
export LC_ALL=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin
whole=$(cibadmin --query --scope crm_config) || exit 1
token=$(printf '%s\n' "$whole" | sed -n "s/.* id=\"$LOCK_ID-token\" .* value=\"\([^\"]*\)\".*/\1/p")
[ "${token%% *}" = "$RUN" ] || exit 0
if [ "${token##* }" -gt "$EPOCH" ]; then
    printf '%s\n' "$token"
    exit 97
fi
cibadmin --delete --sync-call --xpath "//cluster_property_set[@id='$LOCK_ID' and nvpair[@value='$token']]" || exit 1
# This node's copy follows the cluster's by a moment.
for try in 1 2 3 4 5 6 7 8 9 10; do
    cibadmin --query --scope crm_config | grep -q "id=\"$LOCK_ID\"" || exit 0
    sleep 0.5
done
exit 1
