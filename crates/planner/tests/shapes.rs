//! Plans as transcripts.

mod testkit;

#[test]
fn print() {
    let kits = [
        testkit::pacemaker(&["n1", "n2", "n3"], &[("mail", "n1")]),
        testkit::exchange(&["NODE1", "NODE2"], &[("EVS1", "NODE1")], "exchange-2003-sp2"),
        testkit::exchange(&["NODE1", "NODE2"], &[("EVS1", "NODE1")], "exchange-2003-kb916803"),
    ];
    for kit in kits {
        let plan = kaketsugi_planner::plan(&kit.estate, &kit.snapshot, &kit.payload).unwrap();
        println!("{}", testkit::transcript(&plan));
        for s in &plan.steps { if !s.exposes.is_empty() { println!("   {} exposes {:?}", s.id, s.exposes); } }
    }
}
