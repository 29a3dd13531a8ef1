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

#[test]
fn exchange_2000_service_pack_on_two_nodes() {
    assert_eq!(said(&kit::of_2000()), "");
}

#[test]
fn exchange_5_5_service_pack_on_two_nodes() {
    assert_eq!(said(&kit::of_55()), "");
}

#[test]
fn exchange_2003_with_the_active_directory_connector() {
    assert_eq!(said(&kit::with_connector()), "");
}

#[test]
fn exchange_2003_on_servers_that_stand_alone() {
    assert_eq!(said(&kit::alone()), "");
}

#[test]
fn a_server_that_stands_alone_whose_installer_was_cut_off() {
    assert_eq!(said(&kit::alone_half_done()), "");
    assert_eq!(said(&kit::balanced()), "");
}

#[test]
fn no_step_that_changes_something_can_be_left_out_unseen() {
    for right in [
        kit::three_nodes(),
        kit::service_pack(),
        kit::hotfix_plan(),
        kit::of_2000(),
        kit::of_55(),
        kit::alone(),
    ] {
        for step in right.steps.iter().filter(|s| !s.action.only_looks()) {
            let mut plan = right.clone();
            kit::remove(&mut plan, step.id.as_str());
            assert_ne!(said(&plan), "", "{} was left out", step.id);
        }
    }
}

#[test]
fn no_condition_before_a_step_can_be_left_out_unseen() {
    for right in [
        kit::three_nodes(),
        kit::service_pack(),
        kit::hotfix_plan(),
        kit::of_2000(),
        kit::of_55(),
        kit::alone(),
    ] {
        for step in &right.steps {
            for (index, condition) in step.requires.iter().enumerate() {
                let mut plan = right.clone();
                kit::at(&mut plan, step.id.as_str()).requires.remove(index);
                assert_ne!(said(&plan), "", "{}: `{condition}` was left out", step.id);
            }
        }
    }
}

fn said(plan: &kaketsugi_plan::Plan) -> String {
    kaketsugi_lint::lint(plan).iter().map(|o| format!("{o}\n")).collect()
}
