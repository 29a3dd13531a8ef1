//! A digest of the configuration that changes when an administrator's work changes, and else not.
//!
//! Left out is what the cluster writes by itself (`dc-version` when Pacemaker was updated, `last-lrm-refresh` after a
//! clean-up, `have-watchdog`), the epochs and update stamps, which stand on the root, and the lock of a run, whose id is
//! ours. The order of elements counts, because the order of a group's members does; the order of attributes and the
//! blanks between elements don't.

use sha2::{Digest, Sha256};

use super::lock::LOCK_ID;
use super::xml::Element;

/// Properties that the cluster itself writes.
const OWN_PROPERTIES: [&str; 3] = ["dc-version", "last-lrm-refresh", "have-watchdog"];

/// SHA-256 of the canonical form, hexadecimal.
pub(crate) fn digest(configuration: &Element) -> String {
    let mut canonical = String::new();
    write(configuration, &mut canonical);
    hex::encode(Sha256::digest(canonical.as_bytes()))
}

fn write(element: &Element, out: &mut String) {
    if left_out(element) {
        return;
    }
    // Lengths before texts: no value can be mistaken for structure.
    let mut put = |text: &str| {
        out.push_str(&text.len().to_string());
        out.push(':');
        out.push_str(text);
    };
    put(&element.name);
    for (name, value) in &element.attributes {
        put(name);
        put(value);
    }
    put(&element.text);
    out.push('(');
    for child in &element.children {
        write(child, out);
    }
    out.push(')');
}

fn left_out(element: &Element) -> bool {
    match element.name.as_str() {
        "cluster_property_set" => element.attribute("id") == Some(LOCK_ID),
        "nvpair" => {
            // Only the cluster's own set: elsewhere these names would be somebody's parameters.
            element.attribute("id").is_some_and(|id| id.starts_with("cib-bootstrap-options-"))
                && element.attribute("name").is_some_and(|name| OWN_PROPERTIES.contains(&name))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> String {
        digest(&Element::parse(text, "configuration").unwrap())
    }

    const BASE: &str = "<configuration><crm_config><cluster_property_set id=\"cib-bootstrap-options\">\
        <nvpair id=\"cib-bootstrap-options-dc-version\" name=\"dc-version\" value=\"2.1.5\"/></cluster_property_set>\
        </crm_config><nodes><node id=\"1\" uname=\"n1\"/></nodes></configuration>";

    #[test]
    fn what_the_cluster_writes_by_itself_makes_no_difference() {
        assert_eq!(of(BASE), of(&BASE.replace("2.1.5", "2.1.6")));
        assert_eq!(of(BASE), of(&BASE.replace("><", ">\n  <")));
        assert_eq!(of(BASE), of(&BASE.replace("id=\"1\" uname=\"n1\"", "uname='n1' id='1'")));
        let locked = format!(
            "<cluster_property_set id=\"{LOCK_ID}\"><nvpair id=\"x\" name=\"y\" value=\"z\"/></cluster_property_set></crm_config>"
        );
        assert_eq!(of(BASE), of(&BASE.replace("</crm_config>", &locked)));
    }

    #[test]
    fn what_somebody_left_behind_does() {
        let emptied = "<node id=\"1\" uname=\"n1\"><instance_attributes id=\"nodes-1\"/></node>";
        assert_ne!(of(BASE), of(&BASE.replace("<node id=\"1\" uname=\"n1\"/>", emptied)));
        assert_ne!(of(BASE), of(&BASE.replace("n1", "n2")));
        let members = "<configuration><a id=\"1\"/><a id=\"2\"/></configuration>";
        assert_ne!(of(members), of("<configuration><a id=\"2\"/><a id=\"1\"/></configuration>"));
    }
}
