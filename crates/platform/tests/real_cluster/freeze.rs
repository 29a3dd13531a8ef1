//! Freezing a release on a real cluster: it finds what apt would install, and changes nothing on any node.

use crate::kit::{Real, on};
use kaketsugi_platform::Platform;

/// Everything that apt and dpkg keep on a node: names, modes, times, contents.
const STATE: &str = "cd / && find var/lib/apt var/lib/dpkg var/cache/apt etc/apt var/log/apt var/lib/kaketsugi \
    -printf '%p %y %m %u %g %T@ %s %l\\n' 2>/dev/null | sort | sha256sum; \
    find var/lib/apt var/lib/dpkg var/cache/apt etc/apt -type f -exec sha256sum {} + | sort | sha256sum; ls -A /var/tmp";

pub(crate) async fn freezing_finds_every_update_and_changes_nothing(real: &Real) {
    let nodes = real.lab.facts().config.node_names();
    let before: Vec<String> = nodes.iter().map(|node| on(&real.lab, node, STATE)).collect();
    let snapshot = real.probe().await;
    let payload = real.platform.freeze("debian-updates", &snapshot).await.unwrap();
    let after: Vec<String> = nodes.iter().map(|node| on(&real.lab, node, STATE)).collect();
    assert_eq!(before, after);

    let packages = payload.packages(&crate::kit::server_id("n1"));
    for name in ["postfix", "dovecot-core", "dovecot-imapd"] {
        let package =
            packages.iter().find(|p| p.name == name).unwrap_or_else(|| panic!("no update of {name}"));
        // The repository itself says what the digest is.
        let (id, path) = real.lab.repository().newest(name).unwrap();
        assert_eq!(package.version, id.version);
        let sum = std::process::Command::new("sha256sum").arg(&path).output().unwrap();
        assert!(String::from_utf8_lossy(&sum.stdout).starts_with(&package.sha256), "{name}");
        assert_eq!(package.size_bytes, path.metadata().unwrap().len());
        assert!(package.origin.starts_with("o=Kaketsugi Lab"), "{}", package.origin);
    }
    // What apt itself would do, by its own count.
    let simulated = on(
        &real.lab,
        "n3",
        "mkdir -p /tmp/count/partial; apt-get -qq -o Dir::State::lists=/tmp/count update 2>/dev/null; \
        apt-get -s -o Dir::State::lists=/tmp/count dist-upgrade | grep -c ^Inst; rm -rf /tmp/count",
    );
    assert_eq!(packages.len().to_string(), simulated.trim());
}

pub(crate) async fn what_would_leave_nodes_different_is_refused(real: &Real) {
    let snapshot = real.probe().await;
    // One node has a package on hold: the nodes would differ afterwards.
    on(&real.lab, "n2", "apt-mark hold postfix");
    let refused = real.platform.freeze("debian-updates", &snapshot).await.err().unwrap();
    on(&real.lab, "n2", "apt-mark unhold postfix");
    assert!(refused.to_string().contains("postfix") && refused.to_string().contains("on hold"), "{refused}");

    let unknown = real.platform.freeze("exchange-2003-sp2", &snapshot).await.err().unwrap();
    assert!(unknown.to_string().contains("debian-updates"), "{unknown}");
}
