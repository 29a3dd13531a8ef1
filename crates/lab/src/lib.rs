//! The real cluster: Pacemaker nodes on one Linux machine
