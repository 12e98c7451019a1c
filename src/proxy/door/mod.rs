//! Where connections and requests come in: listeners, who may enter, CONNECT, reverse listeners, and where each request is
//! sent from there.

pub(super) mod accept;
pub(super) mod access;
pub(super) mod answer;
pub(super) mod balancer;
pub(super) mod connect;
pub(super) mod front;
pub(super) mod page;
pub(super) mod reverse;
pub(super) mod route;
