# Installs exactly the staged package files. Needs: STAGE, SUMS, RECORD, DIGEST, OLDER (--allow-downgrades or nothing).
export DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l UCF_FORCE_CONFFOLD=1 APT_LISTCHANGES_FRONTEND=none
cd "$STAGE" || exit 60
printf '%s' "$SUMS" | sha256sum --check --strict --quiet - || { echo "the staged files are not those of the plan"; exit 60; }
old='--force-confdef --force-confold'
# What an interrupted package manager left behind comes first; nothing to do is done at once.
dpkg $old --configure -a || exit 64
auto=$(apt-mark showauto)
names=$(for file in ./*.deb; do dpkg-deb --field "$file" Package; done)
installed=$(dpkg-query --show --showformat='${Package} ${db:Status-Status}\n' | sed -n 's/ installed$//p')
stamp=$(mktemp) || exit 61
# Only these files: no archive is known to this apt, so that nothing else can come along.
apt-get --yes --quiet --no-remove --no-install-recommends $OLDER \
    -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts=/dev/null -o Dir::State::lists=/nonexistent/kaketsugi \
    -o Dpkg::Use-Pty=0 -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold \
    install ./*.deb
code=$?
# Installing a file marks its package as wished for by hand; what came as a dependency goes back to being one.
for name in $names; do
    if ! printf '%s\n' "$installed" | grep -qxF "$name" || printf '%s\n' "$auto" | grep -qxF "$name"; then
        echo "$name"
    fi
done | xargs -r apt-mark auto > /dev/null
find /etc -newer "$stamp" \( -name '*.dpkg-dist' -o -name '*.dpkg-new' -o -name '*.ucf-dist' \) | sed 's/^/new configuration file kept aside: /'
rm -f "$stamp"
[ "$code" = 0 ] || exit "$code"
mkdir -p "$(dirname "$RECORD")" && echo "$DIGEST" > "$RECORD.new" && sync "$RECORD.new" && mv "$RECORD.new" "$RECORD" \
    && sync "$(dirname "$RECORD")"
