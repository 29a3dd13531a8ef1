# Works out what an update of this node would install; changes nothing on it. Needs: MARK, DPKG_FORMAT.
export LC_ALL=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive

section() {
    name=$1
    shift
    printf '%s %s\n' "$MARK" "$name"
    "$@" 2>&1
    printf '\n%s = %s\n' "$MARK" "$?"
}

# What apt would install, as name=version.
wanted() {
    sed -n 's/^Inst \([^ ]*\)\( \[[^]]*\]\)\{0,1\} (\([^ ]*\) .*/\1=\3/p' "$DIR/simulated"
}

simulate() {
    apt-get $APT -s dist-upgrade > "$DIR/simulated"
    code=$?
    cat "$DIR/simulated"
    return $code
}

show() {
    wanted > "$DIR/wanted"
    [ -s "$DIR/wanted" ] || return 0
    xargs apt-cache $APT show < "$DIR/wanted" | grep -E '^(Package|Architecture|Version|Size|SHA256): |^$'
}

# Where the installed versions and the wanted ones come from.
policy() {
    { dpkg-query --show --showformat='${binary:Package}\n'; wanted | cut -d = -f 1; } | sort -u \
        | xargs apt-cache $APT policy
}

# Packages whose libraries the cluster's daemons link: while they are replaced, the daemons must not run.
linked() {
    ls /usr/sbin/corosync /usr/sbin/pacemakerd /usr/lib/pacemaker/* /usr/lib/*/kronosnet/*.so 2> /dev/null \
        | xargs -r ldd 2> /dev/null | sed -n 's/.*=> \(\/[^ ]*\) .*/\1/p' | sort -u \
        | while read -r file; do
            # dpkg knows files by the paths in packages, with or without /usr.
            real=$(readlink -f "$file")
            for path in "$file" "$real" "${real#/usr}"; do
                dpkg-query --search "$path" 2> /dev/null && break
            done
        done | sed 's/:.*//' | sort -u
}

DIR=$(mktemp -d /var/tmp/kaketsugi-freeze.XXXXXXXX) || exit 1
trap 'rm -rf "$DIR"' EXIT
trap 'exit 1' HUP INT TERM
private_apt
section uid id -u
section update timeout 900 apt-get $APT update
section simulate simulate
section show show
section files apt-cache $APT policy
section policy policy
section linked linked
section dpkg dpkg-query --show --showformat="$DPKG_FORMAT"
