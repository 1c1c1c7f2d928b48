//! End-to-end tests of SpinelDB: real processes, real sockets, real clients.
