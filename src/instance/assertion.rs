//! The jwt-bearer grant (RFC 7523 as ServiceNow documents it): a signed assertion stands for a user.

use crate::wire::form::Form;

use super::grants::{self, Issue};
use super::state::{Grant, Instance, OAuthClient};
use super::token::Denied;
use super::{Moment, Reply, jwt};

/// A token for the assertion's subject; never for an administrator, never with a refresh token (causes D60, D52).
pub(super) fn grant(
    instance: &mut Instance,
    moment: &mut Moment<'_>,
    client: &OAuthClient,
    form: &Form,
) -> Result<Reply, Denied> {
    let trust = client.jwt.clone().filter(|_| client.grants.contains(&Grant::JwtBearer)).ok_or(Denied::Ordinary)?;
    let assertion = form.get("assertion").and_then(jwt::parse).ok_or(Denied::Ordinary)?;
    let scope = grants::scope(client, form)?;
    let user = jwt::accept(instance, &assertion, &trust, moment.now).ok_or(Denied::Ordinary)?;
    if instance.user_by_id(&user).is_some_and(|user| user.has_role("admin")) {
        return Err(Denied::AdminSubject);
    }
    Ok(grants::issue(instance, moment, client, Issue { user, grant: Grant::JwtBearer, scope, refresh: false }))
}
