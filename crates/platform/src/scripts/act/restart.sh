# Restarts this node; what comes of it is seen by its boot identity.
sync
systemctl --no-block reboot
