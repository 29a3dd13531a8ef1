//! The plans that the documentation shows: the example estates, as they would be seen on a quiet day.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use kaketsugi_estate::{Estate, Millis};
use kaketsugi_plan::{Content, Package, Plan};

use crate::testkit;

/// 2026-03-01T02:00:00Z.
pub(crate) const SEEN_AT: Millis = Millis(1_772_330_400_000);

pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn estate(name: &str) -> Estate {
    let path = repository().join("examples").join(name);
    kaketsugi_estate::file::parse(name, &std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Security updates on three Debian nodes under Pacemaker.
pub(crate) fn pacemaker() -> Plan {
    let mut kit = testkit::pacemaker(&["n1", "n2", "n3"], &[("mail", "n1")]);
    kit.estate = estate("pacemaker-three-node.toml");
    kit.snapshot.taken_at = SEEN_AT;
    let all = [
        package("dovecot-core", "1:2.4.1+dfsg1-6+deb13u1", "1:2.4.1+dfsg1-6+deb13u2", 'a', 4_103_220),
        package("libssl3t64", "3.5.1-1", "3.5.4-1~deb13u1", 'b', 2_441_108),
        package("postfix", "3.10.4-1~deb13u1", "3.10.5-1~deb13u1", 'c', 1_560_764),
    ];
    let mut by_node: BTreeMap<_, Vec<Package>> = BTreeMap::new();
    for node in ["n1", "n2", "n3"] {
        by_node.insert(testkit::id(node), all.to_vec());
    }
    // A node that has more installed than the others.
    by_node.get_mut(&testkit::id("n3")).unwrap().push(package(
        "rsync",
        "3.4.1+ds1-5",
        "3.4.1+ds1-5+deb13u1",
        'd',
        428_900,
    ));
    kit.payload.title = "Debian updates of 2026-03-01".into();
    kit.payload.content = Content::Packages(by_node);
    kaketsugi_planner::plan(&kit.estate, &kit.snapshot, &kit.payload).unwrap()
}

fn package(name: &str, from: &str, to: &str, digit: char, size_bytes: u64) -> Package {
    Package {
        name: name.into(),
        architecture: "amd64".into(),
        version: to.into(),
        from: Some(from.into()),
        sha256: digit.to_string().repeat(64),
        size_bytes,
        origin: "o=Debian,n=trixie-security".into(),
    }
}

/// Service Pack 2 on a two-node Exchange 2003 cluster.
pub(crate) fn exchange() -> Plan {
    let mut kit = testkit::exchange(&["NODE1", "NODE2"], &[("EVS1", "NODE1")], "exchange-2003-sp2");
    kit.estate = estate("exchange-2003-two-node.toml");
    kit.snapshot.taken_at = SEEN_AT;
    kaketsugi_planner::plan(&kit.estate, &kit.snapshot, &kit.payload).unwrap()
}

/// Compares a generated page with the one below `docs/`; with `UPDATE_EXAMPLES` set, writes it.
pub(crate) fn up_to_date(name: &str, page: &str, package: &str) {
    let path = repository().join("docs").join(name);
    if std::env::var_os("UPDATE_EXAMPLES").is_some() {
        std::fs::write(&path, page).unwrap();
    }
    assert!(
        std::fs::read_to_string(&path).unwrap_or_default() == page,
        "docs/{name} is not what the program writes now. Read the difference, then write it anew with\n\
         UPDATE_EXAMPLES=1 cargo nextest run -p {package} up_to_date"
    );
}
