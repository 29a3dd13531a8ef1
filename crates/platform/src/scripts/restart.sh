# Restarts this node. Ends when the restart is ordered; that it happened is told by the boot identity.
act() (
    # Read after the restart: then this work has ended well, though nothing could write its exit code.
    durable "$dir/restarting" "$(cat /proc/sys/kernel/random/boot_id)"
    say "restarting"
    sync "$dir/output"
    systemctl --no-block reboot || die "the restart could not be ordered"
)
