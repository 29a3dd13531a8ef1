# Installs exactly the staged package files. Needs: STAGE, SUMS, RECORD, DIGEST, LIST (`name architecture version`, one a
# line), REMOVE (packages that may be removed), DOWNGRADE (`yes` or `no`).
export DEBIAN_FRONTEND=noninteractive DEBIAN_PRIORITY=critical APT_LISTCHANGES_FRONTEND=none UCF_FORCE_CONFFOLD=1
export NEEDRESTART_MODE=l

act() (
    printf '%s' "$SUMS" | (cd "$STAGE" && sha256sum --check --strict --quiet -) \
        || die "the staged files aren't those that were frozen: stage them again"
    DIR=$STAGE.install
    rm -rf "$DIR"
    mkdir -p "$DIR/lists/partial" "$DIR/cache/archives/partial"
    chmod 755 "$ROOT" "$ROOT/stage" "$DIR" "$DIR/lists" "$DIR/cache" "$DIR/cache/archives"
    trap 'rm -rf "$DIR"' EXIT
    # Only the staged files are to be had; the marks of automatic installation and the log stay the node's own.
    printf 'deb [trusted=yes] file:%s ./\n' "$STAGE" > "$DIR/sources.list"
    if [ "$DOWNGRADE" = yes ]; then
        printf 'Package: *\nPin: origin ""\nPin-Priority: 1001\n' > "$DIR/preferences"
    else
        : > "$DIR/preferences"
    fi
    cat > "$DIR/apt.conf" << CONF
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
Dir::State::lists "$DIR/lists";
Dir::Cache "$DIR/cache";
Dir::Etc::sourcelist "$DIR/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "$DIR/preferences";
Dir::Etc::preferencesparts "/dev/null";
DPkg::Lock::Timeout "120";
DPkg::Use-Pty "false";
DPkg::Options { "--force-confdef"; "--force-confold"; };
APT::Get::Assume-Yes "true";
APT::Get::Fix-Broken "true";
APT::Get::Remove "$([ -n "$REMOVE" ] && echo true || echo false)";
APT::Get::allow-downgrades "$([ "$DOWNGRADE" = yes ] && echo true || echo false)";
CONF
    APT="-q -c $DIR/apt.conf"

    if [ -n "$(dpkg --audit 2>&1)" ] || [ -n "$(ls -A /var/lib/dpkg/updates 2> /dev/null)" ]; then
        say "an interrupted installation is completed first"
        dpkg --force-confdef --force-confold --configure --pending
    fi
    apt-get $APT update || die "the staged files can't be read as a source"
    check_simulation
    started=$DIR/started
    : > "$started"
    apt-get $APT dist-upgrade || { code=$?; say "apt-get ended with $code"; exit $code; }
    check_result || die "apt-get ended well, but not every package is whole at its version"
    # By when the file came to be there: dpkg gives it the modification time that it has in the package.
    find /etc -cnewer "$started" \( -name '*.dpkg-dist' -o -name '*.dpkg-new' -o -name '*.ucf-dist' \) \
        | sed 's/^/a new configuration file was left beside the old one: /'
    mkdir -p "$(dirname "$RECORD")"
    durable "$RECORD" "$DIGEST" || die "the record could not be written"
    sync "$ROOT"
    say "all packages are whole at their versions"
)

# What apt would do with these files must be what was frozen, but for what is done already.
check_simulation() {
    apt-get $APT -s dist-upgrade > "$DIR/simulated" || { cat "$DIR/simulated"; die "the staged files can't be installed"; }
    sed -n 's/^Inst \([^ :]*\)[^ ]*\( \[[^]]*\]\)\{0,1\} (\([^ ]*\) .*/\1 \3/p' "$DIR/simulated" | sort -u > "$DIR/would"
    printf '%s' "$LIST" | cut -d ' ' -f 1,3 | sort -u > "$DIR/may"
    more=$(comm -23 "$DIR/would" "$DIR/may")
    [ -z "$more" ] || die "apt would install what was not frozen: $more"
    for name in $(sed -n 's/^\(Remv\|Purg\) \([^ :]*\).*/\2/p' "$DIR/simulated"); do
        case " $REMOVE " in
            *" $name "*) ;;
            *) die "apt would remove $name" ;;
        esac
    done
    check_rest
}

# Every frozen package is to be installed now, or only to be configured (it was interrupted), or whole already.
check_rest() {
    sed -n 's/^Conf \([^ :]*\)[^ ]* (\([^ ]*\) .*/\1 \2/p' "$DIR/simulated" > "$DIR/configured"
    printf '%s' "$LIST" | while read -r name architecture version; do
        grep -qsxF "$name $version" "$DIR/would" "$DIR/configured" && continue
        whole "$name" "$architecture" "$version" || { say "apt would leave out $name $version"; exit 1; }
    done || die "the frozen list can't be installed whole"
}

check_result() {
    printf '%s' "$LIST" | while read -r name architecture version; do
        whole "$name" "$architecture" "$version" || { say "$name is not whole at $version"; exit 1; }
    done
}

whole() {
    dpkg-query --show --showformat='${Package} ${Architecture} ${Version} ${db:Status-Status}\n' "$1" 2> /dev/null \
        | grep -qxF "$1 $2 $3 installed"
}
