//! What the cluster says of itself: `crm_mon`'s XML, as far as the lab needs it to know that its groups run.
//!
//! This is on purpose not the product's own parser: the lab must not believe what the product believes.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use crate::error::{LabError, Result};

/// A cluster's state by `crm_mon`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClusterView {
    /// The nodes, in order of their names.
    pub nodes: Vec<NodeView>,
    /// The resources, in the order of the configuration.
    pub resources: Vec<ResourceView>,
}

/// A node by `crm_mon`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodeView {
    /// Its name.
    pub name: String,
    /// It is a member and may run resources.
    pub online: bool,
    /// It is in standby.
    pub standby: bool,
    /// It must be fenced.
    pub unclean: bool,
    /// It is on its way into the cluster.
    pub pending: bool,
}

/// A resource by `crm_mon`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ResourceView {
    /// Its id.
    pub id: String,
    /// The group that it is a member of.
    pub group: Option<String>,
    /// Its role: `Started`, `Stopped`, `Stopping`, …
    pub role: String,
    /// It failed.
    pub failed: bool,
    /// An action on it is under way.
    pub pending: bool,
    /// The nodes on which it is active.
    pub nodes: Vec<String>,
}

impl ClusterView {
    /// Reads the output of `crm_mon -1 --output-as=xml`.
    ///
    /// # Errors
    /// Not such an output.
    pub fn parse(xml: &str) -> Result<ClusterView> {
        let broken = |detail: String| LabError::Unexpected { what: "crm_mon".into(), detail };
        let mut reader = Reader::from_str(xml);
        let mut view = ClusterView::default();
        let mut path: Vec<String> = Vec::new();
        let mut group = None;
        loop {
            let event = reader.read_event().map_err(|e| broken(e.to_string()))?;
            match &event {
                Event::Start(tag) | Event::Empty(tag) => {
                    let name = tag.name().as_ref().to_owned();
                    let parent = path.last().map_or("", String::as_str);
                    match (parent, name.as_str()) {
                        ("nodes", "node") => view.nodes.push(node(tag)),
                        (_, "group") => group = Some(attribute(tag, "id")),
                        (_, "resource") => view.resources.push(resource(tag, group.clone())),
                        ("resource", "node") => {
                            if let Some(resource) = view.resources.last_mut() {
                                resource.nodes.push(attribute(tag, "name"));
                            }
                        }
                        _ => {}
                    }
                    if matches!(event, Event::Start(_)) {
                        path.push(name);
                    }
                }
                Event::End(tag) => {
                    path.pop();
                    if tag.name().as_ref() == "group" {
                        group = None;
                    }
                }
                Event::Eof => break,
                _ => {}
            }
        }
        if view.nodes.is_empty() {
            return Err(broken("no nodes in it".into()));
        }
        view.nodes.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(view)
    }

    /// The node that carries a whole group, started and at rest; none while it is anywhere in between.
    #[must_use]
    pub fn owner(&self, group: &str) -> Option<&str> {
        let members: Vec<_> = self.resources.iter().filter(|r| r.group.as_deref() == Some(group)).collect();
        let owner = members.first()?.nodes.first()?;
        let at_rest =
            |r: &&ResourceView| r.role == "Started" && !r.pending && !r.failed && r.nodes == [owner.clone()];
        members.iter().all(at_rest).then_some(owner.as_str())
    }

    /// Whether every node but those in `without` is online and settled.
    #[must_use]
    pub fn all_online(&self, without: &[&str]) -> bool {
        let settled = |n: &NodeView| n.online && !n.pending && !n.unclean;
        self.nodes.iter().all(|n| without.contains(&n.name.as_str()) || settled(n))
    }

    /// One line for people, for messages about waiting in vain.
    #[must_use]
    pub fn summary(&self) -> String {
        let nodes = self.nodes.iter().map(|n| {
            let word = match (n.online, n.standby, n.unclean, n.pending) {
                (_, _, true, _) => "unclean",
                (_, _, _, true) => "pending",
                (true, true, ..) => "standby",
                (true, ..) => "online",
                _ => "offline",
            };
            format!("{} {word}", n.name)
        });
        let resources = self.resources.iter().map(|r| {
            let failed = if r.failed { " FAILED" } else { "" };
            format!("{} {}{failed} {}", r.id, r.role, r.nodes.join("+"))
        });
        nodes.chain(resources).collect::<Vec<_>>().join(", ")
    }
}

fn attribute(tag: &BytesStart<'_>, key: &str) -> String {
    let found = tag.attributes().flatten().find(|a| a.key.as_ref() == key);
    found.map(|a| a.value.into_owned()).unwrap_or_default()
}

fn node(tag: &BytesStart<'_>) -> NodeView {
    let flag = |key| attribute(tag, key) == "true";
    NodeView {
        name: attribute(tag, "name"),
        online: flag("online"),
        standby: flag("standby"),
        unclean: flag("unclean"),
        pending: flag("pending"),
    }
}

fn resource(tag: &BytesStart<'_>, group: Option<String>) -> ResourceView {
    ResourceView {
        id: attribute(tag, "id"),
        group,
        role: attribute(tag, "role"),
        failed: attribute(tag, "failed") == "true",
        pending: !attribute(tag, "pending").is_empty(),
        nodes: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const XML: &str = r#"<pacemaker-result><nodes>
        <node name="n2" online="true" standby="false" unclean="false" pending="false"/>
        <node name="n1" online="true" standby="true" unclean="false" pending="false"/></nodes>
        <resources><resource id="fence" role="Started"><node name="n2" id="2" cached="true"/></resource>
        <group id="mail" number_resources="2"><resource id="store" role="Started"><node name="n2"/></resource>
        <resource id="ip" role="ROLE"><node name="n2"/></resource></group></resources>
        <node_history><node name="n1"><resource_history id="store"/></node></node_history></pacemaker-result>"#;

    #[test]
    fn a_group_has_an_owner_only_when_all_of_it_runs() {
        let view = ClusterView::parse(&XML.replace("ROLE", "Started")).unwrap();
        assert_eq!(view.owner("mail"), Some("n2"));
        assert_eq!(view.nodes.len(), 2, "nodes of the history don't count");
        let half = ClusterView::parse(&XML.replace("ROLE", "Stopping")).unwrap();
        assert_eq!(half.owner("mail"), None);
        assert_eq!(half.owner("fence"), None, "a resource outside the group is no group");
    }

    #[test]
    fn rubbish_is_refused() {
        assert!(ClusterView::parse("crm_mon: connection refused").is_err());
    }
}
