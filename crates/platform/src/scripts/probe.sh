# Looks at a node; changes nothing. Needs: MARK, UNITS; for a release also STAGE, RECORD, SUMS.
export LC_ALL=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin

section() {
    name=$1
    shift
    printf '%s %s\n' "$MARK" "$name"
    "$@" 2>/dev/null
    printf '\n%s = %s\n' "$MARK" "$?"
}

monitor() {
    # --as-xml is what Pacemaker before 2.0.3 knows.
    timeout 30 crm_mon --output-as=xml -1 -r -f || timeout 30 crm_mon --as-xml -1 -r -f
}

active() {
    for unit in corosync.service pacemaker.service; do
        systemctl show --property=ActiveState --value "$unit"
    done
}

# Units that start at boot, by the links that enabling makes; systemctl list-unit-files takes two seconds for the same.
# What hangs on another service (Postfix's generator puts postfix@- below postfix) starts with that one, if it does.
enabled() {
    for dir in /etc/systemd/system /run/systemd/system /run/systemd/generator /run/systemd/generator.late; do
        [ -d "$dir" ] || continue
        find "$dir" \( -path '*.target.wants/*' -o -path '*.target.requires/*' -o -path '*.target.upholds/*' \) -printf '%f\n' || return
    done
}

settings() {
    for unit in $UNITS; do
        held=free
        [ -e "/etc/systemd/system/$unit.d/50-kaketsugi.conf" ] && held=held
        printf '%s %s' "$unit" "$held"
        systemctl show --property=LoadState,ActiveState,UnitFileState "$unit" | sort | while read -r line; do
            printf ' %s' "$line"
        done
        printf '\n'
    done
}

policy() {
    file=/usr/sbin/policy-rc.d
    if [ ! -e "$file" ] && [ ! -L "$file" ]; then
        echo absent
    elif [ -L "$file" ]; then
        printf 'link %s\n' "$(readlink "$file")"
    elif ours=$(sed -n 's/^# kaketsugi run //p' "$file" | head -n 1) && [ -n "$ours" ]; then
        printf 'kaketsugi %s\n' "$ours"
    else
        printf 'file %s %s\n' "$(stat -c '%a:%u:%g' "$file")" "$(sha256sum < "$file" | cut -d ' ' -f 1)"
    fi
}

# Who holds dpkg's locks. F_GETLK asks and takes nothing; perl is in every Debian (perl-base is essential).
package_locks() {
    perl -e '
        use Fcntl;
        for my $path (@ARGV) {
            open(my $file, "<", $path) or next;
            my $lock = pack("s s x4 q q i x4", F_WRLCK, 0, 0, 0, 0);
            fcntl($file, F_GETLK, $lock) or die "F_GETLK: $!";
            my ($type, undef, undef, undef, $pid) = unpack("s s x4 q q i x4", $lock);
            next if $type == F_UNLCK;
            my $read = sub { open(my $f, "<", "/proc/$pid/$_[0]") or return ""; local $/; my $t = <$f> // ""; $t =~ s/\s+/ /g; $t };
            printf "%d\t%s\t%s\n", $pid, $read->("comm"), $read->("cgroup");
        }
    ' /var/lib/dpkg/lock-frontend /var/lib/dpkg/lock
}

restart() {
    [ -e /run/reboot-required ] && { echo yes; return; }
    if command -v needrestart > /dev/null; then
        # -b prints, -r l lists only; sessions of people who are logged in are no reason to restart.
        list=$(timeout 120 needrestart -b -r l) || return
        printf '%s\n' "$list" | grep -Eq '^NEEDRESTART-(SVC:|CONT:|KSTA: [23])' && echo yes || echo no
    elif grep -lsE '(/lib/|/lib64/|/usr/).* \(deleted\)$' /proc/[0-9]*/maps > /dev/null; then
        echo yes
    else
        # Without needrestart a newer kernel goes unnoticed: compare with the newest that is installed.
        newest=$(ls /boot/vmlinuz-* | sort -V | tail -n 1)
        [ -z "$newest" ] || [ "/boot/vmlinuz-$(uname -r)" = "$newest" ] && echo no || echo yes
    fi
}

staged() {
    cd "$STAGE" && printf '%s' "$SUMS" | sha256sum --check --strict --quiet -
}

section uid id -u
section boot cat /proc/sys/kernel/random/boot_id
section uname uname -n
section debian cat /etc/debian_version
section node timeout 20 crm_node -n
section active active
section monitor monitor
section cib timeout 30 cibadmin --query
section quorum timeout 20 corosync-quorumtool -s
section corosync cat /etc/corosync/corosync.conf
section enabled enabled
section settings settings
section policy policy
section lock cat /var/lib/kaketsugi/lock/token
section locked test -e /var/lib/kaketsugi/lock
section dpkg dpkg-query --show --showformat="$DPKG_FORMAT"
section package-locks package_locks
section restart restart
if [ -n "${STAGE-}" ]; then
    section staged staged
    section record cat "$RECORD"
fi
