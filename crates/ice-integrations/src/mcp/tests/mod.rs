//! Tests through the boundary: servers at the other end of pipes and of HTTP, good ones and others.

mod calls;
mod hostile;
mod http;
mod kit;
mod offers;
mod telemetry;
