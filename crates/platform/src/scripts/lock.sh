# Takes a node's lock, or raises its epoch. Needs: ROOT, RUN, EPOCH. Prints `new`, `raised` or `kept`.
# Ends with 97 when another run, or a later epoch, has it, and prints whose it is.
export LC_ALL=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin
set -e
umask 022
mkdir -p "$ROOT"
exec 9>> "$ROOT/guard"
flock -w 60 9
new=$ROOT/lock.new.$$
trap 'rm -rf "$new"' EXIT
mkdir "$new"
printf '%s %s\n' "$RUN" "$EPOCH" > "$new/token"
cat /proc/sys/kernel/random/boot_id > "$new/boot"
sync "$new/token" "$new/boot" "$new"
# A directory with content replaces none that has content: of two that try, one succeeds, with or without the guard.
if mv -T "$new" "$ROOT/lock" 2> /dev/null; then
    sync "$ROOT"
    echo new
    exit 0
fi
token=$(cat "$ROOT/lock/token")
if [ "${token%% *}" != "$RUN" ] || [ "${token##* }" -gt "$EPOCH" ]; then
    printf '%s\n' "${token:-nobody known}"
    exit 97
fi
if [ "${token##* }" -eq "$EPOCH" ]; then
    echo kept
    exit 0
fi
mv -T "$new/boot" "$ROOT/lock/boot"
mv -T "$new/token" "$ROOT/lock/token"
sync "$ROOT/lock"
echo raised
