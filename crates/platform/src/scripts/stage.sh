# Brings exactly the frozen package files onto this node. Needs: STAGE, WANTED (name=version, one a line), SUMS.
act() (
    if [ -d "$STAGE" ] && printf '%s' "$SUMS" | (cd "$STAGE" && sha256sum --check --strict --quiet -); then
        say "all files are there already, digests checked"
        exit 0
    fi
    part=$STAGE.part
    DIR=$STAGE.apt
    rm -rf "$part" "$DIR" "$STAGE"
    mkdir -p "$DIR" "$part" || die "no room at $STAGE"
    chmod 755 "$ROOT" "$ROOT/stage" "$part"
    chown _apt "$part" 2> /dev/null
    trap 'rm -rf "$DIR" "$part"' EXIT
    private_apt
    apt-get $APT update || die "the archives could not be read"
    (cd "$part" && printf '%s' "$WANTED" | xargs apt-get $APT download) \
        || die "not every frozen version can be had any more: freeze the release again with a new plan"
    cd "$part" || exit 1
    printf '%s' "$SUMS" | sha256sum --check --strict --quiet - || die "a file isn't the one that was frozen"
    # An index of exactly these files, so that apt itself installs them in the right order.
    for deb in *.deb; do
        dpkg-deb --field "$deb" || exit 1
        printf 'Filename: ./%s\nSize: %s\nSHA256: %s\n\n' "$deb" "$(stat -c %s "$deb")" "$(sha256sum < "$deb" | cut -c 1-64)"
    done > Packages || die "a file is no package"
    printf 'Date: %s\nSHA256:\n %s %s Packages\n' "$(date --utc --rfc-email)" \
        "$(sha256sum < Packages | cut -c 1-64)" "$(stat -c %s Packages)" > Release
    chmod 644 ./*
    chown root: . ./*
    sync ./* .
    mv -T "$part" "$STAGE" || die "$STAGE can't be put in place"
    sync "$ROOT/stage"
    say "$(printf '%s' "$SUMS" | wc -l) files are there, digests checked"
)
