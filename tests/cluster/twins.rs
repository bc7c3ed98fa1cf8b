//! Two nodes of one name, and a daemon that is not of the cluster.

use crate::pair::Pair;
use crate::support::daemon::{Daemon, eventually};
use crate::support::postgres::execute;

#[test]
fn of_two_nodes_with_one_name_the_first_takes_part_and_both_say_so() {
    let mut pair = Pair::new();
    pair.edit(1, "name = \"bo\"", "name = \"anna\"");
    pair.start(0);
    pair.wait_active(0);
    pair.start(1);
    for at in 0..2 {
        pair.node(at).logged(&["another node of the cluster has the same name"]);
    }
    let says = |pair: &Pair| pair.view(1)["hindrance"].as_str().is_some_and(|why| why.contains("same name"));
    eventually("it takes no part", || says(&pair).then_some(()));
    assert!(pair.node(1).get("/readyz").1.contains("another node has the same name, anna"));
    // Nobody has its name any more.
    pair.nodes[0].take().expect("it runs").kill();
    pair.wait_active(1);
    let warnings = pair.node(1).log().matches("has the same name (node.name)\"").count();
    assert!(warnings <= 1, "{}", pair.node(1).log());
}

#[test]
fn a_daemon_without_a_cluster_and_those_of_one_wait_for_each_other_and_say_so() {
    let mut pair = Pair::new();
    pair.edit(1, "[cluster]\nenabled = true\n", "");
    pair.start(1);
    eventually("it acts alone", || (pair.node(1).get("/readyz").0 == 200).then_some(()));
    pair.start(0);
    eventually("the node says what keeps it", || {
        let view = pair.view(0);
        view["hindrance"].as_str().filter(|why| why.contains("not of this cluster")).map(drop)
    });
    let ready = pair.node(0).get("/readyz");
    assert!(ready.0 == 503 && ready.1.contains("not of this cluster"), "{ready:?}");
    let alone = pair.nodes[1].take().expect("it runs");
    assert_eq!(alone.terminate(), Some(0));
    pair.wait_active(0);
    let told = pair.node(0).log().matches("this node cannot become the active one").count();
    assert_eq!(told, 1, "{}", pair.node(0).log());
    pair.start(1);
    eventually("it says who has the database", || {
        let ready = pair.node(1).get("/readyz");
        (ready.0 == 503 && ready.1.contains("nodes of a cluster share this database (anna)")).then_some(())
    });
}

/// While a database is away nobody is seen there, and who acted goes on to the end of its lease.
#[test]
fn a_daemon_without_a_cluster_waits_for_the_lease_of_a_node_that_nobody_has_seen_for_a_while() {
    let mut pair = Pair::started();
    let url = pair.cluster.url("postgres");
    pair.nodes.iter_mut().flat_map(Option::take).for_each(Daemon::kill);
    let seen = "update em_node set seen = clock_timestamp() - interval '8 seconds'";
    execute(&url, &format!("update em_cluster set lease_millis = 3600000; {seen}")).expect("written");
    pair.edit(1, "[cluster]\nenabled = true\n", "");
    pair.start(1);
    eventually("it says for whom it waits", || {
        let ready = pair.node(1).get("/readyz");
        (ready.0 == 503 && ready.1.contains("nodes of a cluster share this database")).then_some(())
    });
    execute(&url, "delete from em_node").expect("deleted");
    eventually("it acts", || (pair.node(1).get("/readyz").0 == 200).then_some(()));
}
