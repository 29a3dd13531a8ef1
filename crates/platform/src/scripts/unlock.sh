# Gives a node's lock back, if this run has it at this epoch or an earlier one. Needs: ROOT, RUN, EPOCH.
# Ends with 97 when the same run has it at a later epoch. Another run's lock is left alone.
export LC_ALL=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin
set -e
[ -d "$ROOT/lock" ] || exit 0
exec 9>> "$ROOT/guard"
flock -w 60 9
token=$(cat "$ROOT/lock/token" 2> /dev/null || :)
[ "${token%% *}" = "$RUN" ] || exit 0
if [ "${token##* }" -gt "$EPOCH" ]; then
    printf '%s\n' "$token"
    exit 97
fi
# One rename takes it away as a whole.
mv -T "$ROOT/lock" "$ROOT/lock.old.$$"
sync "$ROOT"
rm -rf "$ROOT/lock.old.$$"
