//! The platform on a real cluster: nodes, corosync, Pacemaker, dpkg and power as they are.
//!
//! Bringing a cluster up takes a quarter of a minute, so cases share one where they leave it as they found it.

mod freeze;
mod kit;
mod locks;
mod members;
mod packages;
mod probe;

use kaketsugi_lab::Config;
use kit::Real;

#[tokio::test]
async fn what_is_there_and_what_would_be_installed_is_found_and_nothing_changed() {
    let Some(real) = Real::up("what_is_there_and_what_would_be_installed_is_found_and_nothing_changed")
    else {
        return;
    };
    probe::a_probe_says_what_is_there(&real).await;
    probe::an_account_without_rights_is_told_what_to_do(&real).await;
    freeze::freezing_finds_every_update_and_changes_nothing(&real).await;
    freeze::what_would_leave_nodes_different_is_refused(&real).await;
    probe::what_stands_in_the_way_is_seen(&real).await;
}

#[tokio::test]
async fn two_nodes_are_probed() {
    let Some(real) = Real::up_with("two_nodes_are_probed", &Config::mail(2)) else { return };
    probe::two_nodes_have_rules_of_their_own(&real).await;
}

#[tokio::test]
async fn locks_are_exclusive_and_checked_where_the_work_is_done() {
    let Some(real) = Real::up("locks_are_exclusive_and_checked_where_the_work_is_done") else { return };
    locks::of_two_runs_one_gets_all_locks(&real).await;
    locks::a_lock_that_one_node_refuses_is_taken_nowhere(&real).await;
    locks::a_controller_that_slept_through_a_takeover_does_nothing(&real).await;
}

#[tokio::test]
async fn nodes_go_out_and_come_back_without_a_trace() {
    let Some(real) = Real::up("nodes_go_out_and_come_back_without_a_trace") else { return };
    members::a_node_goes_out_restarts_and_comes_back_without_a_trace(&real).await;
    members::what_was_there_before_a_drain_comes_back_as_it_was(&real).await;
    members::a_move_leaves_no_constraint_and_touches_no_administrators(&real).await;
}

#[tokio::test]
async fn packages_are_installed_as_frozen_through_power_cuts_and_broken_ones() {
    let Some(real) = Real::up("packages_are_installed_as_frozen_through_power_cuts_and_broken_ones") else {
        return;
    };
    // A node each, none of which carries the mail group; the broken package comes last, for it stays behind.
    let idle = packages::nodes_without_mail(&real);
    packages::an_update_goes_on_and_all_else_is_as_before(&real, &idle[0]).await;
    packages::a_power_cut_amid_an_install_is_seen_and_mended(&real, &idle[1]).await;
    packages::a_broken_package_ends_with_its_own_words(&real, &idle[0]).await;
}
