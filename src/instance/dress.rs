//! The headers that the application node gives to every answer, in the order in which they were recorded (wire §1).

use crate::model::Fields;
use crate::wire::date;

use super::state::{Instance, Release};
use super::{Answer, Media, Moment, Reply, edge};

/// A reply with the node's headers.
pub(super) fn answer(instance: &Instance, reply: Reply, moment: &mut Moment<'_>) -> Answer {
    let mut fields = Fields::default();
    session_cookies(&mut fields, &reply, moment);
    node(&mut fields, instance, &reply, moment);
    for (name, value) in &reply.fields {
        fields.push(*name, value.clone());
    }
    content(&mut fields, &reply);
    fields.push("Date", date::http(moment.now));
    fields.push("Server", edge::server(instance));
    routing_cookies(&mut fields, instance, &reply, moment);
    fields.push("Strict-Transport-Security", edge::HSTS);
    fields.push(
        if refused_classic(instance, &reply) { "Connection" } else { "Keep-Alive" },
        keep_alive(instance, &reply),
    );
    Answer { status: reply.status, fields, body: reply.body.into() }
}

/// The 401 that was recorded in 2021 (wire §1.1) closed the connection and named neither login nor transaction.
fn refused_classic(instance: &Instance, reply: &Reply) -> bool {
    instance.release == Release::Classic && reply.status == 401
}

fn keep_alive(instance: &Instance, reply: &Reply) -> &'static str {
    if refused_classic(instance, reply) { "close" } else { "timeout=20" }
}

fn session_cookies(fields: &mut Fields, reply: &Reply, moment: &mut Moment<'_>) {
    let session = reply.session.clone().unwrap_or_else(|| moment.hex(32).to_ascii_uppercase());
    fields.push("Set-Cookie", format!("JSESSIONID={session}; Path=/; HttpOnly;Secure"));
    for name in ["glide_user", "glide_user_session"] {
        let gone = "Max-Age=0; Expires=Thu, 01-Jan-1970 00:00:10 GMT; Path=/; HttpOnly;Secure";
        fields.push("Set-Cookie", format!("{name}=; {gone}"));
    }
}

fn node(fields: &mut Fields, instance: &Instance, reply: &Reply, moment: &mut Moment<'_>) {
    if refused_classic(instance, reply) {
        return;
    }
    fields.push("Server-Timing", "sem_wait;dur=0, sesh_wait;dur=0");
    fields.push("X-Is-Logged-In", if reply.logged_in { "true" } else { "false" });
    fields.push("X-Transaction-ID", moment.hex(12));
}

fn content(fields: &mut Fields, reply: &Reply) {
    fields.push("X-Content-Type-Options", "nosniff");
    fields.push("Pragma", "no-store,no-cache");
    fields.push("Cache-Control", "no-cache,no-store,must-revalidate,max-age=-1");
    fields.push("Expires", "0");
    let media = match reply.media {
        Media::Json => "application/json;charset=UTF-8",
        Media::Xml => "application/xml;charset=UTF-8",
        Media::Html => "text/html;charset=UTF-8",
        Media::Plain => "text/plain;charset=UTF-8",
        Media::None => return,
    };
    fields.push("Content-Type", media);
}

fn routing_cookies(fields: &mut Fields, instance: &Instance, reply: &Reply, moment: &mut Moment<'_>) {
    if reply.session.is_some() {
        let route = super::state::sys_id("node", &instance.host);
        let store = moment.hex(32).to_ascii_uppercase();
        fields.push(
            "Set-Cookie",
            format!("glide_user_route=glide.{route}; Max-Age=2147483647; Path=/; HttpOnly; SameSite=None; Secure"),
        );
        fields.push(
            "Set-Cookie",
            format!("glide_session_store={store}; Max-Age=1800; Path=/; HttpOnly; SameSite=None; Secure"),
        );
    }
    if instance.release == Release::Classic {
        let pool = instance.name();
        fields.push("Set-Cookie", format!("BIGipServerpool_{pool}=2843957002.9537.0000; path=/; Httponly; Secure"));
    }
}
