//! The kaketsugi command.

fn main() {}
