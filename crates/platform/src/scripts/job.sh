# The frame of every step's work on its node: begins under the token, writes output and exit code to durable storage.
# Needs: ROOT, RUN, EPOCH, HANDLE, LOCK_ID, KILL_MODE; act, a function.
export LC_ALL=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin
umask 022
dir=$ROOT/$RUN/$HANDLE
own=$ROOT/$RUN

# Text into a file, whole or not at all, and there after a power cut.
durable() {
    printf '%s\n' "$2" > "$1.new" && sync "$1.new" && mv -T "$1.new" "$1" && sync "$(dirname "$1")"
}

# The lock may have gone over to a later epoch of the same run since this was begun: that controller knows of us.
token_is_ours() {
    token=$(cat "$ROOT/lock/token" 2> /dev/null)
    [ "${token%% *}" = "$RUN" ] && [ "${token##* }" -ge "$EPOCH" ]
}

# The same for the cluster's lock, for work that changes the cluster.
cluster_token_is_ours() {
    # This node's copy follows the cluster's by a moment: a lock that was taken just now may not be in it yet.
    for try in 1 2 3 4 5 6; do
        properties=$(cibadmin --query --scope crm_config) || die "the cluster doesn't answer"
        token=$(printf '%s\n' "$properties" | sed -n "s/.* id=\"$LOCK_ID-token\" .* value=\"\([^\"]*\)\".*/\1/p")
        [ "${token%% *}" = "$RUN" ] && [ "${token##* }" -ge "$EPOCH" ] && return
        [ -z "$token" ] || [ "${token%% *}" = "$RUN" ] || return
        sleep 0.5
    done
    return 1
}

refuse() {
    durable "$dir/refused" "${token:-nobody}"
    exit 97
}

say() {
    printf '%s\n' "$*"
}

die() {
    say "$*"
    exit 1
}

job() {
    exec >> "$dir/output" 2>&1 < /dev/null
    cd /
    # A shutdown asks politely first, and then waits: an installation goes on to its end. Children don't inherit a
    # handler.
    [ "$KILL_MODE" = process ] && trap : TERM HUP INT
    exec 9>> "$ROOT/guard"
    flock -w 60 9 || die "the guard $ROOT/guard is held"
    token_is_ours || refuse
    durable "$dir/begun" "$(cat /proc/sys/kernel/random/boot_id)"
    exec 9>&-
    act
    code=$?
    [ "$code" = 97 ] && [ -e "$dir/refused" ] && exit 97
    sync "$dir/output"
    durable "$dir/exit" "$code"
}
