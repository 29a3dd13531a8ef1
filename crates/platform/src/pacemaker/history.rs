//! What the operation history tells: stops that came near their time-out.
//!
//! A stop that takes longer than its time-out counts as failed, and a failed stop means fencing. The history holds the
//! last stop of each resource on each node, with the time it took.

use std::collections::BTreeMap;

use super::cib::{Bundle, Cib};

/// From this share of its time-out on a stop is worth a finding, in percent.
pub(crate) const NEAR_PERCENT: u32 = 75;

/// A stop that came near its time-out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SlowStop {
    pub(crate) resource: String,
    pub(crate) percent: u32,
}

/// Stops at or above [`NEAR_PERCENT`] of their time-out; the worst of each resource.
pub(crate) fn slow_stops(cib: &Cib, bundles: &[Bundle]) -> Vec<SlowStop> {
    let timeouts: BTreeMap<&str, u64> =
        bundles.iter().flat_map(|b| &b.members).map(|m| (m.id.as_str(), m.stop_timeout_ms)).collect();
    let mut worst: BTreeMap<String, u32> = BTreeMap::new();
    let resources = cib.status().map(|s| s.walk()).unwrap_or_default();
    for resource in resources.into_iter().filter(|e| e.name == "lrm_resource") {
        let Some((id, timeout)) = resource.attribute("id").and_then(|id| Some((id, *timeouts.get(id)?)))
        else {
            continue;
        };
        for operation in resource.all("lrm_rsc_op").filter(|op| op.attribute("operation") == Some("stop")) {
            let Some(took) = operation.number::<u64>("exec-time") else { continue };
            let percent = u32::try_from(took.saturating_mul(100) / timeout.max(1)).unwrap_or(u32::MAX);
            if percent >= NEAR_PERCENT {
                let entry = worst.entry(id.to_owned()).or_insert(0);
                *entry = percent.max(*entry);
            }
        }
    }
    worst.into_iter().map(|(resource, percent)| SlowStop { resource, percent }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_stops_near_their_time_out_are_named() {
        let status = |took: &[(&str, u64)]| {
            let operations: String = took
                .iter()
                .map(|(op, ms)| format!("<lrm_rsc_op id=\"x\" operation=\"{op}\" exec-time=\"{ms}\"/>"))
                .collect();
            let cib = Cib::parse(&format!(
                "<cib><configuration><resources><primitive id=\"p\" class=\"ocf\" provider=\"a\" type=\"b\"><operations>\
                 <op id=\"o\" name=\"stop\" interval=\"0\" timeout=\"10s\"/></operations></primitive></resources></configuration>\
                 <status><node_state uname=\"n1\"><lrm id=\"1\"><lrm_resources><lrm_resource id=\"p\">{operations}\
                 </lrm_resource></lrm_resources></lrm></node_state></status></cib>"
            ))
            .unwrap();
            slow_stops(&cib, &cib.bundles())
        };
        assert!(status(&[("stop", 7_400), ("start", 9_900)]).is_empty());
        assert_eq!(
            status(&[("stop", 7_500), ("stop", 9_000)]),
            [SlowStop { resource: "p".into(), percent: 90 }]
        );
        assert_eq!(status(&[("stop", 12_000)])[0].percent, 120);
    }
}
