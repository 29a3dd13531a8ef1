//! What commands, faults and a cluster's own reactions do to an estate
