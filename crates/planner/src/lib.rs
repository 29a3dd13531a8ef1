//! Estate, snapshot, release and policy to a plan and its reasons
