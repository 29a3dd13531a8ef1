# Puts back what a run changed on a node beside the patch. Needs: UNITS; ACTIVE, those that were active;
# STAGE, the directory of the release's files, or nothing.
act() (
    for unit in $UNITS; do
        drop=/etc/systemd/system/$unit.d
        rm -f "$drop/50-kaketsugi.conf"
        [ -e "$own/made-$unit.d" ] && rmdir "$drop" 2> /dev/null
        rm -f "$own/made-$unit.d"
    done
    sync /etc/systemd/system
    systemctl daemon-reload || die "systemd could not read its units again"
    for unit in $ACTIVE; do
        systemctl start "$unit" || die "$unit could not be started again"
        say "$unit is started again"
    done

    file=/usr/sbin/policy-rc.d
    saved=$file.kaketsugi-saved
    if [ -e "$saved" ] || [ -L "$saved" ]; then
        if grep -qs '^# kaketsugi run ' "$file"; then
            mv -T "$saved" "$file" || die "$file could not be put back"
        elif [ "$(stat -c %i "$saved")" = "$(stat -c %i "$file" 2> /dev/null)" ]; then
            rm "$saved"
        else
            die "$file was replaced by somebody during the run; what was there before lies in $saved"
        fi
    elif grep -qs '^# kaketsugi run ' "$file"; then
        rm "$file"
    fi
    rm -f "$file.kaketsugi-new"
    sync /usr/sbin
    say "policy-rc.d is as it was"
    [ -z "$STAGE" ] || rm -rf "$STAGE" "$STAGE.part" "$STAGE.apt" "$STAGE.install"
)
