# Begins a step's work, detached, at most once. Needs: ROOT, RUN, EPOCH, HANDLE, KILL_MODE, STEP, SCRIPT.
# Ends with 97 when the lock isn't ours (and prints whose it is), with 98 when the handle belongs to another step.
export LC_ALL=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin
umask 077
dir=$ROOT/$RUN/$HANDLE

if [ ! -d "$ROOT/lock" ]; then
    echo nobody
    exit 97
fi
# Taking over a lock needs the same guard: between the look at the token and the start nobody can come in.
exec 9>> "$ROOT/guard"
flock -w 60 9 || { echo "the guard $ROOT/guard is held" >&2; exit 1; }
token=$(cat "$ROOT/lock/token")
if [ "$token" != "$RUN $EPOCH" ]; then
    printf '%s\n' "${token:-nobody}"
    exit 97
fi
mkdir -p "$ROOT/$RUN"
if ! mkdir "$dir" 2> /dev/null; then
    [ "$(cat "$dir/step" 2> /dev/null || printf '%s' "$STEP")" = "$STEP" ] || exit 98
    case $(systemctl show --property=ActiveState --value "$HANDLE.service") in
        active | activating | deactivating | reloading) exit 0 ;;
    esac
    # It got as far as its work, or was refused: whatever came of that, it isn't begun again.
    [ -e "$dir/begun" ] || [ -e "$dir/exit" ] || [ -e "$dir/refused" ] && exit 0
fi
printf '%s' "$STEP" > "$dir/step"
printf '%s' "$SCRIPT" > "$dir/script"
cat /proc/sys/kernel/random/boot_id > "$dir/boot"
sync "$dir/step" "$dir/script" "$dir/boot" "$dir" "$ROOT/$RUN"
# KillMode `process` and the time-out as apt's own timers have them: a shutdown waits for an installation under way.
exec systemd-run --quiet --collect --unit="$HANDLE" --service-type=exec --description="kaketsugi $STEP" \
    --property=KillMode="$KILL_MODE" --property=TimeoutStopSec=900 --setenv=HOME=/root /bin/sh "$dir/script"
