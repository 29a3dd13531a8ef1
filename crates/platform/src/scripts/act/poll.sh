# How far the work under a handle is. Needs: RUN, HANDLE. First line: not-begun, running, ended CODE, or vanished; then
# the end of the output.
export LC_ALL=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin
DIR=/var/lib/kaketsugi/runs/$RUN/$HANDLE
state=$(systemctl show --property=ActiveState --value "$HANDLE.service")
# Looked at after the unit: what ended in between has left its code.
if [ -e "$DIR/exit" ]; then
    echo "ended $(cat "$DIR/exit")"
else
    case $state in
        active | activating | deactivating | reloading) echo running ;;
        *) if [ -e "$DIR/started" ]; then echo vanished; else echo not-begun; fi ;;
    esac
fi
tail -c 48000 "$DIR/output" 2> /dev/null
exit 0
