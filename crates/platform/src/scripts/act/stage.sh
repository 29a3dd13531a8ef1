# Brings exactly the frozen package files onto this node and checks their digests; the node's own apt state is left
# alone. Needs: STAGE, SUMS, WANTED (name:architecture=version …), and private_apt.
export DEBIAN_FRONTEND=noninteractive
check() { (cd "$1" && printf '%s' "$SUMS" | sha256sum --check --strict --quiet -); }
[ -d "$STAGE" ] && check "$STAGE" && exit 0
DIR=$(mktemp -d /var/tmp/kaketsugi-stage.XXXXXXXX) || exit 61
trap 'rm -rf "$DIR"' EXIT
trap 'exit 1' HUP INT TERM
private_apt
timeout 900 apt-get $APT update || exit 62
mkdir "$DIR/files" && chown _apt "$DIR/files" && cd "$DIR/files" || exit 61
apt-get $APT download $WANTED || exit 63
check "$DIR/files" || { echo "the archive holds other files than the plan froze"; exit 64; }
mkdir -p "$(dirname "$STAGE")" && rm -rf "$STAGE.new" && cp -r "$DIR/files" "$STAGE.new" || exit 65
chown -R root:root "$STAGE.new" && chmod -R go+rX,go-w "$STAGE.new" && sync "$STAGE.new"/* "$STAGE.new" || exit 65
rm -rf "$STAGE" && mv -T "$STAGE.new" "$STAGE" && sync "$(dirname "$STAGE")"
