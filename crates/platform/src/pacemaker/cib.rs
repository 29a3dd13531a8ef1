//! The cluster's configuration: properties, nodes, and the resources as groups.

use std::collections::BTreeSet;

use super::score::{interval_ms, score};
use super::xml::{Element, XmlError, boolean};

/// The time-out of an operation for which nothing is configured (Pacemaker Explained, "Operation Properties").
const TIMEOUT_DEFAULT_MS: u64 = 20_000;

/// A CIB as `cibadmin --query` prints it.
#[derive(Debug, Clone)]
pub(crate) struct Cib {
    root: Element,
}

/// A node as it is configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ConfiguredNode {
    pub(crate) name: String,
    /// The permanent `standby` attribute, as it is written.
    pub(crate) standby: Option<String>,
}

/// What moves as a whole: a group, or a primitive that is in none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bundle {
    pub(crate) id: String,
    /// In the order in which they start.
    pub(crate) members: Vec<Primitive>,
    pub(crate) priority: i32,
    /// Whether it is a fencing device.
    pub(crate) fencing: bool,
}

/// A resource as it is configured, template and defaults applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Primitive {
    pub(crate) id: String,
    pub(crate) agent: Agent,
    /// Whether an administrator has it stopped (`target-role=Stopped`), here or in its group.
    pub(crate) disabled: bool,
    pub(crate) stickiness: i32,
    pub(crate) stop_timeout_ms: u64,
}

/// A resource agent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Agent {
    /// `ocf`, `systemd`, `stonith`, …
    pub(crate) class: String,
    /// `heartbeat`; only OCF agents have one.
    pub(crate) provider: Option<String>,
    /// `IPaddr2`, `dovecot`.
    pub(crate) kind: String,
}

impl std::fmt::Display for Agent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.provider {
            Some(provider) => write!(f, "{}:{provider}:{}", self.class, self.kind),
            None => write!(f, "{}:{}", self.class, self.kind),
        }
    }
}

/// A part of the configuration whose effect on placement isn't modelled: its id, and what it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Unmodelled {
    pub(crate) id: String,
    pub(crate) what: String,
}

impl Unmodelled {
    pub(crate) fn new(id: impl Into<String>, what: impl Into<String>) -> Self {
        Self { id: id.into(), what: what.into() }
    }
}

impl Cib {
    /// Reads a CIB.
    pub(crate) fn parse(text: &str) -> Result<Self, XmlError> {
        Ok(Self { root: Element::parse(text, "cib")? })
    }

    /// The configuration, without status.
    pub(crate) fn configuration(&self) -> Option<&Element> {
        self.root.child("configuration")
    }

    /// The status section: operation history and transient attributes.
    pub(crate) fn status(&self) -> Option<&Element> {
        self.root.child("status")
    }

    /// A section of the configuration.
    pub(crate) fn section(&self, name: &str) -> Option<&Element> {
        self.configuration()?.child(name)
    }

    /// A cluster-wide property.
    pub(crate) fn property(&self, name: &str) -> Option<&str> {
        self.section("crm_config").and_then(|s| self.lookup(s.all("cluster_property_set"), name))
    }

    /// Nodes as they are configured.
    pub(crate) fn nodes(&self) -> Vec<ConfiguredNode> {
        self.section("nodes")
            .into_iter()
            .flat_map(|s| s.all("node"))
            .filter_map(|node| {
                let standby = self.lookup(node.all("instance_attributes"), "standby").map(str::to_owned);
                Some(ConfiguredNode { name: node.attribute("uname")?.to_owned(), standby })
            })
            .collect()
    }

    /// What moves as a whole, in the order of the configuration.
    pub(crate) fn bundles(&self) -> Vec<Bundle> {
        let resources = self.section("resources").map(|r| r.children.as_slice()).unwrap_or_default();
        resources
            .iter()
            .filter_map(|element| {
                let id = element.attribute("id")?.to_owned();
                let members: Vec<Primitive> = match element.name.as_str() {
                    "primitive" => vec![self.primitive(element, None)],
                    "group" => element.all("primitive").map(|p| self.primitive(p, Some(element))).collect(),
                    _ => return None,
                };
                let priority = self.meta(element, None, "priority").map_or(0, score);
                let fencing = !members.is_empty() && members.iter().all(|m| m.agent.class == "stonith");
                Some(Bundle { id, members, priority, fencing })
            })
            .collect()
    }

    /// Agents of all resources, those in clones and bundles included.
    pub(crate) fn agents(&self) -> BTreeSet<Agent> {
        let resources = self.section("resources").map(Element::walk).unwrap_or_default();
        resources.into_iter().filter(|e| e.name == "primitive").map(|p| self.agent(p)).collect()
    }

    /// Resources that are neither plain nor grouped, unless they run on every node alike and so bind nothing.
    pub(crate) fn unmodelled_resources(&self) -> Vec<Unmodelled> {
        let nodes = self.nodes().len();
        let mut found = Vec::new();
        for element in self.section("resources").map(|r| r.children.as_slice()).unwrap_or_default() {
            let id = element.attribute("id").unwrap_or("?");
            match element.name.as_str() {
                "primitive" | "group" | "template" => {}
                "clone" => {
                    if let Some(why) = self.clone_is_special(element, nodes) {
                        found.push(Unmodelled::new(id, format!("a clone that {why}")));
                    }
                }
                other => found.push(Unmodelled::new(id, format!("a resource of the form <{other}>"))),
            }
        }
        found
    }

    fn clone_is_special(&self, clone: &Element, nodes: usize) -> Option<&'static str> {
        let flag = |name: &str| self.meta(clone, None, name).and_then(boolean) == Some(true);
        let number = |name: &str| self.meta(clone, None, name).and_then(|n| n.parse::<usize>().ok());
        if flag("globally-unique") {
            Some("tells its instances apart")
        } else if flag("promotable") {
            Some("has promoted instances")
        } else if number("clone-max").is_some_and(|max| max < nodes) {
            Some("doesn't run on every node")
        } else if number("clone-node-max").is_some_and(|max| max > 1) {
            Some("runs several times on a node")
        } else {
            None
        }
    }

    /// Attribute sets whose values depend on rules: what they say can't be told from the configuration alone.
    pub(crate) fn ruled_sets(&self) -> Vec<Unmodelled> {
        let parts = ["crm_config", "resources", "rsc_defaults", "op_defaults", "nodes"];
        parts
            .into_iter()
            .filter_map(|part| self.section(part))
            .flat_map(Element::walk)
            .filter(|e| {
                matches!(e.name.as_str(), "meta_attributes" | "cluster_property_set" | "instance_attributes")
            })
            .filter(|e| e.child("rule").is_some())
            .map(|e| Unmodelled::new(e.attribute("id").unwrap_or("?"), "attributes that depend on a rule"))
            .collect()
    }

    fn primitive(&self, element: &Element, group: Option<&Element>) -> Primitive {
        let meta = |name: &str| self.meta(element, group, name);
        Primitive {
            id: element.attribute("id").unwrap_or("?").to_owned(),
            agent: self.agent(element),
            disabled: meta("target-role").is_some_and(|role| role.eq_ignore_ascii_case("stopped")),
            stickiness: meta("resource-stickiness").map_or(0, score),
            stop_timeout_ms: self.timeout_ms(element, "stop"),
        }
    }

    fn agent(&self, primitive: &Element) -> Agent {
        let template = self.template(primitive);
        let get = |name: &str| {
            primitive.attribute(name).or_else(|| template.and_then(|t| t.attribute(name))).map(str::to_owned)
        };
        Agent {
            class: get("class").unwrap_or_else(|| "?".into()),
            provider: get("provider"),
            kind: get("type").unwrap_or_else(|| "?".into()),
        }
    }

    fn template(&self, primitive: &Element) -> Option<&Element> {
        let name = primitive.attribute("template")?;
        self.section("resources")?.all("template").find(|t| t.attribute("id") == Some(name))
    }

    /// A meta attribute: the resource's own, its template's, its group's, the default's.
    fn meta<'a>(&'a self, element: &'a Element, group: Option<&'a Element>, name: &str) -> Option<&'a str> {
        let defaults = self.section("rsc_defaults");
        [Some(element), self.template(element), group, defaults]
            .into_iter()
            .flatten()
            .find_map(|owner| self.lookup(owner.all("meta_attributes"), name))
    }

    /// The time-out of an operation, in milliseconds.
    fn timeout_ms(&self, primitive: &Element, operation: &str) -> u64 {
        let own = [Some(primitive), self.template(primitive)].into_iter().flatten().find_map(|owner| {
            let op =
                owner.child("operations")?.all("op").find(|op| op.attribute("name") == Some(operation))?;
            op.attribute("timeout").or_else(|| self.lookup(op.all("meta_attributes"), "timeout"))
        });
        let default =
            || self.section("op_defaults").and_then(|d| self.lookup(d.all("meta_attributes"), "timeout"));
        own.or_else(default).and_then(interval_ms).unwrap_or(TIMEOUT_DEFAULT_MS)
    }

    /// A name in attribute sets: highest score first, then the order of the document.
    fn lookup<'a>(&'a self, sets: impl Iterator<Item = &'a Element>, name: &str) -> Option<&'a str> {
        let mut sets: Vec<&Element> = sets.map(|set| self.resolve(set)).collect();
        // Pacemaker puts the installer's set before all others, whatever their scores.
        let rank = |set: &Element| {
            (
                set.attribute("id") != Some("cib-bootstrap-options"),
                -i64::from(set.attribute("score").map_or(0, score)),
            )
        };
        sets.sort_by_key(|set| rank(set));
        sets.into_iter()
            .flat_map(|set| set.all("nvpair"))
            .find(|pair| pair.attribute("name") == Some(name))
            .and_then(|pair| pair.attribute("value"))
    }

    /// A set that only refers to another one.
    fn resolve<'a>(&'a self, set: &'a Element) -> &'a Element {
        let Some(id) = set.attribute("id-ref") else { return set };
        let all = self.configuration().map(Element::walk).unwrap_or_default();
        all.into_iter().find(|e| e.name == set.name && e.attribute("id") == Some(id)).unwrap_or(set)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pacemaker::score::INFINITY;

    fn cib(resources: &str, rest: &str) -> Cib {
        Cib::parse(&format!(
            "<cib><configuration><crm_config/><nodes><node id=\"1\" uname=\"n1\"/><node id=\"2\" uname=\"n2\"/></nodes>\
             <resources>{resources}</resources>{rest}</configuration><status/></cib>"
        ))
        .unwrap()
    }

    #[test]
    fn groups_primitives_and_fencing_devices_in_their_order() {
        let path = format!("{}/tests/data/cib-ok.xml", env!("CARGO_MANIFEST_DIR"));
        let cib = Cib::parse(&std::fs::read_to_string(path).unwrap()).unwrap();
        let bundles = cib.bundles();
        let names: Vec<_> = bundles.iter().map(|b| (b.id.as_str(), b.fencing, b.members.len())).collect();
        assert_eq!(names, [("fence", true, 1), ("mail", false, 4), ("web", false, 2)]);
        let imap = &bundles[1].members[1];
        assert_eq!(imap.agent.to_string(), "ocf:heartbeat:dovecot");
        assert_eq!((imap.stickiness, imap.stop_timeout_ms, imap.disabled), (100, 60_000, false));
        assert_eq!(cib.property("stonith-enabled"), Some("true"));
        assert!(cib.unmodelled_resources().is_empty() && cib.ruled_sets().is_empty());
    }

    #[test]
    fn templates_groups_and_defaults_are_applied_in_turn() {
        let cib = cib(
            "<template id=\"t\" class=\"ocf\" provider=\"heartbeat\" type=\"Dummy\"><meta_attributes id=\"a\">\
             <nvpair id=\"b\" name=\"resource-stickiness\" value=\"7\"/></meta_attributes>\
             <operations><op id=\"o\" name=\"stop\" interval=\"0\" timeout=\"2min\"/></operations></template>\
             <group id=\"g\"><meta_attributes id=\"c\"><nvpair id=\"d\" name=\"target-role\" value=\"Stopped\"/>\
             <nvpair id=\"e\" name=\"priority\" value=\"5\"/></meta_attributes>\
             <primitive id=\"p\" template=\"t\"/><primitive id=\"q\" class=\"systemd\" type=\"x\"/></group>",
            "<rsc_defaults><meta_attributes id=\"f\"><nvpair id=\"h\" name=\"resource-stickiness\" value=\"INFINITY\"/>\
             </meta_attributes></rsc_defaults>",
        );
        let group = &cib.bundles()[0];
        assert_eq!(group.priority, 5);
        let (p, q) = (&group.members[0], &group.members[1]);
        assert_eq!((p.stickiness, p.stop_timeout_ms, p.disabled), (7, 120_000, true));
        assert_eq!((q.stickiness, q.stop_timeout_ms), (INFINITY, TIMEOUT_DEFAULT_MS));
        assert_eq!(p.agent.to_string(), "ocf:heartbeat:Dummy");
        assert_eq!(q.agent.to_string(), "systemd:x");
    }

    #[test]
    fn clones_that_run_everywhere_bind_nothing_and_others_do() {
        let clone = |meta: &str| {
            let meta: String = meta
                .split_whitespace()
                .map(|pair| {
                    let (name, value) = pair.split_once('=').unwrap();
                    format!("<nvpair id=\"m-{name}\" name=\"{name}\" value=\"{value}\"/>")
                })
                .collect();
            cib(
                &format!(
                    "<clone id=\"c\"><meta_attributes id=\"m\">{meta}</meta_attributes>\
                     <primitive id=\"p\" class=\"ocf\" provider=\"pacemaker\" type=\"controld\"/></clone>"
                ),
                "",
            )
            .unmodelled_resources()
        };
        assert!(clone("interleave=true").is_empty());
        assert!(clone("clone-max=2").is_empty());
        for special in ["clone-max=1", "promotable=true", "globally-unique=true", "clone-node-max=2"] {
            assert_eq!(clone(special).len(), 1, "{special}");
        }
        assert_eq!(cib("<bundle id=\"b\"/>", "").unmodelled_resources().len(), 1);
    }
}
