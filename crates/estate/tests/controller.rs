//! The controller must not be one of the nodes: every way in which it can be seen, and what is no proof.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use kaketsugi_estate::file::{Code, ControllerFacts, Mistakes, controller_is_a_node, parse};
use kaketsugi_estate::{Estate, ServerId, TransportKind};

const TEXT: &str = r#"name = "e"
[[server]]
name = "n1"
address = "n1.example.org"
product = "debian"
[[server]]
name = "n2"
address = "10.0.0.2"
product = "debian"
[[server]]
name = "alone"
address = "10.0.0.9"
product = "debian"
[[cluster]]
name = "mail"
kind = "pacemaker"
nodes = ["n1", "n2"]
"#;

fn id(name: &str) -> ServerId {
    ServerId::new(name).unwrap()
}

fn facts() -> ControllerFacts {
    ControllerFacts {
        hostnames: ["ops1", "ops1.example.org"].map(String::from).into(),
        addresses: ["10.0.0.100", "2001:db8::100"].map(|a| a.parse::<IpAddr>().unwrap()).into(),
        machine_id: Some("aa".into()),
        resolved: BTreeMap::from([(id("n1"), BTreeSet::from(["10.0.0.1".parse().unwrap()]))]),
        machine_ids: BTreeMap::from([(id("n1"), "bb".into()), (id("n2"), "cc".into())]),
    }
}

fn found(estate: &Estate, facts: &ControllerFacts) -> Vec<String> {
    controller_is_a_node(estate, facts).into_iter().map(|m| m.message).collect()
}

#[test]
fn a_machine_outside_the_cluster_is_none() {
    assert_eq!(found(&parse("e.toml", TEXT).unwrap(), &facts()), [""; 0]);
    assert_eq!(found(&parse("e.toml", TEXT).unwrap(), &ControllerFacts::default()), [""; 0]);
}

#[test]
fn each_way_to_see_it() {
    let estate = parse("e.toml", TEXT).unwrap();
    let with = |change: &dyn Fn(&mut ControllerFacts)| {
        let mut facts = facts();
        change(&mut facts);
        found(&estate, &facts)
    };
    let n1 = |why: &str| vec![format!("the node `n1` is this machine itself: {why}")];
    let n2 = |why: &str| vec![format!("the node `n2` is this machine itself: {why}")];
    assert_eq!(with(&|f| f.machine_id = Some("cc".into())), n2("both have the same machine id"));
    assert_eq!(with(&|f| _ = f.hostnames.insert("N2".into())), n2("this machine is called `n2`"));
    let named = n1("this machine is called `n1.example.org`");
    assert_eq!(with(&|f| _ = f.hostnames.insert("N1.Example.org.".into())), named);
    let address = |address: &str| address.parse::<IpAddr>().unwrap();
    let own = n2("10.0.0.2 is an address of this machine");
    assert_eq!(with(&|f| _ = f.addresses.insert(address("10.0.0.2"))), own);
    let own = n1("10.0.0.1 is an address of this machine");
    assert_eq!(with(&|f| _ = f.addresses.insert(address("10.0.0.1"))), own);

    let mut local = estate.clone();
    local.servers.get_mut(&id("n1")).unwrap().transport = TransportKind::Local;
    assert_eq!(found(&local, &facts()), n1("it is reached as `local`"));
    for loopback in ["127.0.0.1", "127.0.0.5:22", "localhost", "[::1]:22"] {
        let estate = parse("e.toml", &TEXT.replace("10.0.0.2", loopback)).unwrap();
        assert_eq!(found(&estate, &facts()).len(), 1, "{loopback}");
    }
}

#[test]
fn what_is_no_proof() {
    // A forwarded port, or an emulated node.
    let forwarded = parse("e.toml", &TEXT.replace("10.0.0.2", "127.0.0.1:2202")).unwrap();
    assert_eq!(found(&forwarded, &facts()), [""; 0]);
    // A server that stands alone may be mended from itself.
    let mut facts = facts();
    facts.addresses.insert("10.0.0.9".parse().unwrap());
    facts.hostnames.insert("alone".into());
    assert_eq!(found(&parse("e.toml", TEXT).unwrap(), &facts), [""; 0]);
}

#[test]
fn the_mistake_is_shown_in_the_file() {
    let mut facts = facts();
    facts.addresses.insert("10.0.0.2".parse().unwrap());
    let list = controller_is_a_node(&parse("e.toml", TEXT).unwrap(), &facts);
    let mistakes = Mistakes::none_in("e.toml", TEXT, list).unwrap_err();
    let mistake = &mistakes.list()[0];
    assert_eq!((mistake.at.unwrap().to_string().as_str(), mistake.code), ("8:11", Code::ControllerIsANode));
    assert!(Mistakes::none_in("e.toml", TEXT, Vec::new()).is_ok());
}
