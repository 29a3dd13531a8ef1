# Puts back what quiet.sh changed. Needs: UNITS, ACTIVE (units that were active before).
ROOT=/var/lib/kaketsugi
policy=/usr/sbin/policy-rc.d
if grep -qs '^# kaketsugi run ' "$policy"; then
    if [ -e "$ROOT/kept/policy-rc.d" ] || [ -L "$ROOT/kept/policy-rc.d" ]; then
        cp -a --no-dereference "$ROOT/kept/policy-rc.d" "$policy.kaketsugi" && mv -f "$policy.kaketsugi" "$policy" || exit 61
        sync /usr/sbin && rm -f "$ROOT/kept/policy-rc.d"
    else
        rm -f "$policy" && sync /usr/sbin || exit 61
    fi
fi
for unit in $UNITS; do
    rm -f "/etc/systemd/system/$unit.d/50-kaketsugi.conf"
    rmdir "/etc/systemd/system/$unit.d" 2> /dev/null
done
systemctl daemon-reload || exit 62
code=0
for unit in $ACTIVE; do
    systemctl start "$unit" || code=63
done
exit $code
