//! Service Pack 3 of Exchange 2000 on two nodes.

use kaketsugi_estate::{EvidenceKind, Os, Product, ReleaseState};
use kaketsugi_plan::{Payload, Plan};

use super::estates::{exchange, media, release};
use super::script::Script;

const SP3: &str = "exchange-2000-sp3";

/// EVS1 and the cluster group on EXN1: the passive node first, all to it, then the other (E00-AP-PASSIVE-FIRST).
pub(crate) fn of_2000() -> Plan {
    let (mut estate, mut snapshot) = exchange("6.0.4417.5");
    for server in estate.servers.values_mut() {
        (server.product, server.os) = (Product::Exchange2000, Os::Windows2000);
    }
    for server in snapshot.servers.values_mut() {
        server.releases = [(release(SP3), ReleaseState::Absent)].into();
    }
    let groups = snapshot.clusters.values_mut().flat_map(|cluster| cluster.groups.values_mut());
    groups.flat_map(|group| &mut group.resources).for_each(|resource| resource.kept_online = false);
    let payload = Payload {
        service_pack: true,
        one_way: true,
        to_build: Some("6.0.6249.4".into()),
        command: None,
        product: Product::Exchange2000,
        ..media(SP3, "Exchange 2000 SP3", "KB328839")
    };
    let mut s = Script::new(estate, snapshot, payload);
    s.attest_service_pack();
    for node in ["EXN1", "EXN2"] {
        s.stage(node, SP3);
        s.quiet(node);
    }
    s.stop("EXN2", false);
    s.exposed("EXN1", &["EVS1"]);
    s.install("EXN2", SP3);
    s.restart("EXN2", true);
    s.start("EXN2");
    s.safe();
    s.pause("EXN1");
    // The new store upgrades the databases, so that only EXN2 can have them until EXN1 is patched.
    s.carry("EVS1", "EXN2");
    s.exposed("EXN2", &["EVS1"]);
    s.move_group("Cluster Group", "EXN2");
    s.soak("EXN2", 60);
    s.stop("EXN1", false);
    s.install("EXN1", SP3);
    s.restart("EXN1", true);
    s.start("EXN1");
    s.readmit("EXN1");
    s.safe();
    super::exchange_end(&mut s, false);
    s.attest(EvidenceKind::BackupAfter);
    s.done("KB 328839, Exchange 2000 Server, clustered servers")
}
