# Keeps other hands off the node's packages for the time of a run. Needs: UNITS, MANAGED (names without `.service`).
act() (
    for unit in $UNITS; do
        [ "$(systemctl show --property=LoadState --value "$unit")" = not-found ] && continue
        drop=/etc/systemd/system/$unit.d
        [ -d "$drop" ] || { mkdir "$drop" && durable "$own/made-$unit.d" "$drop"; } || die "$drop can't be made"
        # As long as a run has its lock on this node, also after a restart of the node.
        durable "$drop/50-kaketsugi.conf" "# For the time of a kaketsugi run; taken away at its end.
[Unit]
ConditionPathExists=!/var/lib/kaketsugi/lock" || die "$drop can't be written"
    done
    systemctl daemon-reload || die "systemd could not read its units again"
    for unit in $UNITS; do
        systemctl stop "$unit" 2> /dev/null
        say "$unit: $(systemctl show --property=ActiveState --value "$unit")"
    done

    # What a timer started just before goes on to its end.
    for unit in apt-daily.service apt-daily-upgrade.service; do
        while systemctl --quiet is-active "$unit" || [ "$(systemctl show -p ActiveState --value "$unit")" = activating ]; do
            sleep 2
        done
    done

    file=/usr/sbin/policy-rc.d
    saved=$file.kaketsugi-saved
    if [ -e "$file" ] || [ -L "$file" ]; then
        if ! grep -qs '^# kaketsugi run ' "$file"; then
            if [ -e "$saved" ] || [ -L "$saved" ]; then
                [ "$(stat -c %i "$saved")" = "$(stat -c %i "$file")" ] || die "$file was replaced by somebody during the run"
            else
                # A second name for the same file: it comes back as it was, times and rights included.
                ln -P "$file" "$saved" || die "$file can't be kept"
            fi
        fi
    fi
    policy > "$file.kaketsugi-new" || die "$file can't be written"
    chmod 755 "$file.kaketsugi-new"
    sync "$file.kaketsugi-new"
    mv -T "$file.kaketsugi-new" "$file" || die "$file can't be put in place"
    sync /usr/sbin
    say "packages may not start: $MANAGED"
)

policy() {
    cat << POLICY
#!/bin/sh
# kaketsugi run $RUN
# Keeps packages' scripts from starting what the cluster runs. What was here before is asked for all else, and comes
# back at the end of the run.
id=
actions=
for word in "\$@"; do
    case \$word in
        --*) ;;
        *) if [ -z "\$id" ]; then id=\$word; elif [ -z "\$actions" ]; then actions=\$word; fi ;;
    esac
done
for unit in $MANAGED; do
    [ "\${id%.service}" = "\$unit" ] || continue
    case \$actions in *start* | *reload*) exit 101 ;; esac
done
[ -x $file.kaketsugi-saved ] && exec $file.kaketsugi-saved "\$@"
exit 0
POLICY
}
