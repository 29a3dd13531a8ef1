# Takes this node's lock, or raises the epoch of the run's own. Needs: RUN, EPOCH. Prints one line: taken, raised, or
# held TOKEN.
export LC_ALL=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin
ROOT=/var/lib/kaketsugi
umask 077
mkdir -p "$ROOT" && exec 9<> "$ROOT/guard" && flock -w 30 9 || exit 70
new=$(mktemp -d "$ROOT/lock.XXXXXXXX") || exit 71
trap 'rm -rf "$new"' EXIT
echo "$RUN $EPOCH" > "$new/token" && cp /proc/sys/kernel/random/boot_id "$new/boot" || exit 71
sync "$new/token" "$new/boot" "$new"
# A directory is renamed onto another only if that one is empty: exclusive, and never without its token.
if [ ! -e "$ROOT/lock" ] && mv -T "$new" "$ROOT/lock" 2> /dev/null; then
    sync "$ROOT"
    echo taken
    exit 0
fi
read -r run epoch < "$ROOT/lock/token" || { echo "held unknown"; exit 0; }
if [ "$run" = "$RUN" ] && [ "$epoch" -le "$EPOCH" ]; then
    mv "$new/token" "$ROOT/lock/token.new" && mv "$ROOT/lock/token.new" "$ROOT/lock/token" && sync "$ROOT/lock" || exit 71
    echo raised
    exit 0
fi
echo "held $run $epoch"
