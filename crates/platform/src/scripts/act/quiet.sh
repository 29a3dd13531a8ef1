# Keeps other hands off this node for the time of the run. Needs: RUN, UNITS, MANAGED (units that the cluster manages).
ROOT=/var/lib/kaketsugi
policy=/usr/sbin/policy-rc.d
for unit in $UNITS; do
    [ "$(systemctl show --property=LoadState --value "$unit")" = not-found ] && continue
    mkdir -p "/etc/systemd/system/$unit.d" || exit 61
    # Neither a package's script nor a restart of the node starts it again.
    printf '[Unit]\nConditionPathExists=/nonexistent/kaketsugi\n' > "/etc/systemd/system/$unit.d/50-kaketsugi.conf" || exit 61
done
systemctl daemon-reload || exit 62
for unit in $UNITS; do
    systemctl stop "$unit" 2> /dev/null
done
# What a timer started just before goes on to its end; two package managers at once are never risked.
for unit in apt-daily.service apt-daily-upgrade.service; do
    while systemctl --quiet is-active "$unit"; do sleep 1; done
done
if ! grep -qs '^# kaketsugi run ' "$policy"; then
    mkdir -p "$ROOT/kept" || exit 63
    if [ -e "$policy" ] || [ -L "$policy" ]; then
        cp -a --no-dereference "$policy" "$ROOT/kept/policy-rc.d.new" && sync "$ROOT/kept" \
            && mv "$ROOT/kept/policy-rc.d.new" "$ROOT/kept/policy-rc.d" && sync "$ROOT/kept" || exit 63
    else
        rm -f "$ROOT/kept/policy-rc.d"
    fi
fi
cat > "$policy.kaketsugi" << POLICY || exit 64
#!/bin/sh
# kaketsugi run $RUN
# Units that the cluster manages are started by the cluster alone; all else as the policy that was here before says.
kept=$ROOT/kept/policy-rc.d
for word in "\$@"; do
    case \$word in --*) continue ;; esac
    case " $MANAGED " in *" \$word "* | *" \$word.service "*) exit 101 ;; esac
    break
done
[ -x "\$kept" ] && exec "\$kept" "\$@"
exit 0
POLICY
chmod 755 "$policy.kaketsugi" && sync "$policy.kaketsugi" && mv "$policy.kaketsugi" "$policy" && sync /usr/sbin /etc/systemd/system
