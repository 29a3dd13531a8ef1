# An apt of our own, in $DIR: reads the node's sources, keys, preferences and package database, writes nothing of the
# node's. Needs: DIR, an empty directory. Sets: APT, the options for apt-get and apt-cache.
private_apt() {
    mkdir -p "$DIR/lists/partial" "$DIR/cache/archives/partial" "$DIR/log"
    # Downloads drop their rights to the _apt account, which must be able to get here.
    chmod 755 "$DIR" "$DIR/lists" "$DIR/cache" "$DIR/cache/archives"
    chown _apt "$DIR/lists/partial" "$DIR/cache/archives/partial" 2> /dev/null
    # What is known already need not be fetched again; apt checks whether it is still current.
    find /var/lib/apt/lists -maxdepth 1 -type f ! -name lock -exec cp -p -t "$DIR/lists" {} + 2> /dev/null
    # Hooks of an update would write to the node's own state (stamps, caches): they stay out. A file given with -c is
    # read after all others, so that #clear reaches what they set.
    cat > "$DIR/apt.conf" << CONF
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear APT::Update::Post-Invoke-Stats;
Dir::State::lists "$DIR/lists";
Dir::Cache "$DIR/cache";
Dir::Log "$DIR/log";
APT::Update::Error-Mode "any";
Acquire::Retries "2";
CONF
    APT="-q -c $DIR/apt.conf"
}
