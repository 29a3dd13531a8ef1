# Gives the cluster's lock back, if it is this run's. Needs: RUN, EPOCH, LOCK_ID. Prints one line: given, none, or held
# TOKEN.
export LC_ALL=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin
found=$(timeout 60 cibadmin --query --xpath "//nvpair[@id='$LOCK_ID-token']" 2> /dev/null | sed -n 's/.* value="\([^"]*\)".*/\1/p')
[ -n "$found" ] || { timeout 60 cibadmin --query --scope crm_config > /dev/null && echo none && exit 0; exit 71; }
[ "$found" = "$RUN $EPOCH" ] || { echo "held $found"; exit 0; }
timeout 60 cibadmin --delete --xml-text "<cluster_property_set id=\"$LOCK_ID\"/>" || exit 71
echo given
