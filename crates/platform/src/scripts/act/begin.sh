# Begins work on this node under a handle, detached from whoever asked. Needs: RUN, EPOCH, HANDLE; the work's script on
# standard input. Prints one line: begun, already, or held TOKEN.
export LC_ALL=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin
ROOT=/var/lib/kaketsugi
DIR=$ROOT/runs/$RUN/$HANDLE
umask 077

[ -d "$ROOT/lock" ] || { echo "held nobody"; exit 0; }
exec 9<> "$ROOT/guard" && flock -w 30 9 || exit 70
token=$(cat "$ROOT/lock/token" 2> /dev/null)
[ "$token" = "$RUN $EPOCH" ] || { echo "held ${token:-unknown}"; exit 0; }

if [ -e "$DIR/started" ] || systemctl --quiet is-active "$HANDLE.service"; then
    echo already
    exit 0
fi
mkdir -p "$DIR" && cat > "$DIR/script" || exit 71
cat > "$DIR/unit" << UNIT
export LC_ALL=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin
cd / && exec 9<> "$ROOT/guard" && flock 9 || exit 70
# Once more, right before acting: whoever asked may have been frozen since.
if [ "\$(cat "$ROOT/lock/token" 2> /dev/null)" != "$RUN $EPOCH" ] || [ -e "$DIR/started" ]; then exit 75; fi
: > "$DIR/started" && sync "$DIR/started" "$DIR" || exit 71
flock -u 9 && exec 9>&-
sh "$DIR/script" > "$DIR/output" 2>&1 < /dev/null
echo \$? > "$DIR/exit.new" && sync "$DIR/output" "$DIR/exit.new" && mv "$DIR/exit.new" "$DIR/exit" && sync "$DIR"
UNIT
sync "$DIR/script" "$DIR/unit" "$DIR" "$ROOT/runs/$RUN" "$ROOT/runs"
systemctl reset-failed "$HANDLE.service" 2> /dev/null
# The unit must not take the guard over that is held here.
systemd-run --quiet --collect --unit="$HANDLE" --service-type=exec --property=KillMode=process \
    --property=SendSIGHUP=no --property=TimeoutStopSec=5 /bin/sh "$DIR/unit" 9>&- || exit 72
echo begun
