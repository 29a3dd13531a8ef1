//! Right plans raise no objection.

use crate::kit;

#[test]
fn three_pacemaker_nodes() {
    assert_eq!(said(&kit::three_nodes()), "");
}

#[test]
fn exchange_2003_service_pack_on_two_nodes() {
    assert_eq!(said(&kit::service_pack()), "");
}

#[test]
fn exchange_2003_hotfix_on_two_nodes() {
    assert_eq!(said(&kit::hotfix_plan()), "");
}

fn said(plan: &kaketsugi_plan::Plan) -> String {
    kaketsugi_lint::lint(plan).iter().map(|o| format!("{o}\n")).collect()
}
