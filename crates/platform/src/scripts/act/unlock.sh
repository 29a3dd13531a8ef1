# Gives this node's lock back, if it is this run's. Needs: RUN, EPOCH. Prints one line: given, none, or held TOKEN.
export LC_ALL=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin
ROOT=/var/lib/kaketsugi
[ -e "$ROOT/lock" ] || { echo none; exit 0; }
exec 9<> "$ROOT/guard" && flock -w 30 9 || exit 70
token=$(cat "$ROOT/lock/token" 2> /dev/null)
[ "$token" = "$RUN $EPOCH" ] || { echo "held ${token:-unknown}"; exit 0; }
# Gone under its name at once; what is left after a crash in between is no lock.
old=$(mktemp -d "$ROOT/lock.XXXXXXXX") && rmdir "$old" && mv -T "$ROOT/lock" "$old" && rm -rf "$old" && sync "$ROOT" || exit 71
echo given
