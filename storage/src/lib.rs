//! The SpinelDB engine: keyspace, command table and every data command, without sockets or a runtime.
