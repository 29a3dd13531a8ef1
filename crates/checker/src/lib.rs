//! Explores plan, faults and crashes by driving the real run machine with the world
