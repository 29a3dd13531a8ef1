//! Plan, step, action, condition: the words of a procedure, and their rendering
