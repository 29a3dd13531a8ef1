# Tells how far a step's work is. Needs: MARK, ROOT, RUN, HANDLE, STEP.
export LC_ALL=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin
dir=$ROOT/$RUN/$HANDLE

part() {
    printf '%s %s\n' "$MARK" "$1"
    shift
    "$@" 2> /dev/null
    printf '\n%s = 0\n' "$MARK"
}

state() {
    if [ ! -d "$dir" ]; then
        echo not-begun
    elif [ -e "$dir/step" ] && [ "$(cat "$dir/step")" != "$STEP" ]; then
        echo other-step
    elif [ -e "$dir/exit" ]; then
        echo ended
    elif [ -e "$dir/refused" ]; then
        echo refused
    else
        case $(systemctl show --property=ActiveState --value "$HANDLE.service") in
            active | activating | deactivating | reloading) echo running ;;
            *)
                # It may have ended between the two looks.
                if [ -e "$dir/exit" ]; then
                    echo ended
                elif [ ! -e "$dir/begun" ]; then
                    echo not-begun
                elif [ -e "$dir/restarting" ] && [ "$(cat "$dir/begun")" != "$(cat /proc/sys/kernel/random/boot_id)" ]; then
                    echo restarted
                else
                    echo vanished
                fi
                ;;
        esac
    fi
}

# Somebody may be between making the directory and starting the work: wait until they are through.
[ -e "$ROOT/guard" ] && exec 9< "$ROOT/guard" && flock -s -w 60 9
state=$(state)
part state echo "$state"
part exit cat "$dir/exit"
part refused cat "$dir/refused"
case $state in
    running) part output tail -c 4096 "$dir/output" ;;
    *) part output tail -c 262144 "$dir/output" ;;
esac
