//! The server and the command line client as their users meet them: processes, sockets, real clients.

mod hostile;
mod transcripts;
