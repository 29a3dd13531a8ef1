//! How commands reach a host: ssh, local, operator, replay
